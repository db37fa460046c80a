// Package refusal is the record of the commands that an order refused. It stands in a stream beside the order's own, so
// that what did not happen never counts among what did.
package refusal

import (
	"time"

	"orderengine/domain"
)

// Category is the first part of the stream's name, "refusal-<the order's stream>".
const Category = "refusal"

// Refusal is a command that changed nothing.
type Refusal struct {
	By      string    `json:"by"`      // who gave the command
	Command string    `json:"command"` // its kind: "Finish", "Refund"
	Code    string    `json:"code"`    // of the fault
	Why     string    `json:"why"`
	At      time.Time `json:"at"`
}

// Refusals counts those of one order.
type Refusals struct {
	Count int `json:"count"`
}

// Record writes a refusal down.
type Record struct{ Refusal }

// Event is the one there is.
type Event interface{ isEvent() }

// CommandRefused says that an order refused a command.
type CommandRefused struct{ Refusal }

func (CommandRefused) isEvent() {}

// Codec holds the stored form.
var Codec = domain.NewCodec(domain.Form[CommandRefused, Event]("CommandRefused"))

// Decide records every refusal that it is told of; who tells of one twice does it under one id.
func Decide(_ Refusals, r Record) ([]Event, error) { return []Event{CommandRefused(r)}, nil }

// Evolve counts.
func Evolve(r Refusals, _ Event) Refusals { return Refusals{r.Count + 1} }
