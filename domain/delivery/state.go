// Package delivery is the ledger of what was delivered to a hospital's webhook: each batch of its refund and stop
// events is written down before it is sent, and again when the hospital has taken it. The cursor is what the ledger
// folds to, so neither a restart nor a rebuild of the views loses or repeats a batch that was acknowledged.
package delivery

import (
	"cmp"
	"time"
)

// Category is the first part of a ledger's stream name, "delivery-<hospital's code>".
const Category = "delivery"

// Status says how far a hospital's delivery is.
type Status string

const (
	Waiting Status = "waiting" // for events
	Sending Status = "sending" // a batch is on its way
	Failing Status = "failing" // the hospital has not taken the batch yet, and is sent it again
)

// Lease is how long a batch belongs to the server that sends it, since that server last wrote of it. Then any server
// may take it over. Who fails for long writes of it more often than that.
const Lease = 30 * time.Minute

// Batch is the hospital's events after one position up to another. Positions are opaque here, "" is the beginning.
type Batch struct {
	After   string `json:"after"`
	Through string `json:"through"`
	Count   int    `json:"count"` // events
}

// Sender is who sends a batch: a server, and its run. A server that was started again goes on with what it had begun.
type Sender struct {
	Server string `json:"server"`
	Run    string `json:"run"`
}

// Delivery is what the events of a ledger fold to. The zero Delivery has delivered nothing yet.
type Delivery struct {
	Status    Status    `json:"status"`
	Cursor    string    `json:"cursor"` // position of the last event that the hospital has taken; "" is the beginning
	Batch     Batch     `json:"batch"`  // that is on its way, zero if none is
	Sender    Sender    `json:"sender"` // of the batch
	LeasedAt  time.Time `json:"leased_at,omitzero"`
	Failures  int       `json:"failures"`          // tries since the last that went well, as far as they were written down
	Since     time.Time `json:"since,omitzero"`    // of the first of these
	Why       string    `json:"why,omitempty"`     // the last of these failed
	Delivered int       `json:"delivered"`         // events that were taken, each time they were
	TakenAt   time.Time `json:"taken_at,omitzero"` // the last batch was
}

// State is how far the delivery is; that of the zero Delivery is [Waiting].
func (d Delivery) State() Status { return cmp.Or(d.Status, Waiting) }
