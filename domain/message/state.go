package message

import (
	"time"

	"orderengine/domain"
)

// Category is the first part of a message's stream name, "message-<id>".
const Category = "message"

// Status says how far a message is.
type Status string

const (
	Queued  Status = "queued" // it is to be sent
	Sent    Status = "sent"
	Parked  Status = "parked"  // it waits for a person
	Dropped Status = "dropped" // nobody may read it any more
)

// Content is what a message says, and to whom. It never changes.
type Content struct {
	ID       string        `json:"id"`
	Hospital string        `json:"hospital"` // its code
	Event    string        `json:"event"`
	Patient  string        `json:"patient"` // username
	Voucher  string        `json:"voucher"` // the card or the order by which the hospital named the patient
	Text     domain.Sealed `json:"text"`    // a sealed [Text]
	At       time.Time     `json:"at"`
}

// Purpose is what the text is sealed for.
func (c Content) Purpose() string { return Category + "-" + c.ID }

// Text is health data: it names a patient, a department, a bill.
type Text struct {
	Params map[string]string `json:"params"`
	Text   string            `json:"text"` // rendered
}

// Message is what its events fold to. The zero Message is one that was not composed.
type Message struct {
	Content
	Status  Status    `json:"status"`
	Ref     string    `json:"ref,omitempty"` // of the channel that took it
	Why     string    `json:"why,omitempty"` // it was not sent yet
	Tries   int       `json:"tries,omitempty"`
	TriedAt time.Time `json:"tried_at,omitzero"`
	Retried int       `json:"retried,omitempty"` // by a person, how often
	SentAt  time.Time `json:"sent_at,omitzero"`
}

// Composed says that the message exists.
func (m Message) Composed() bool { return m.ID != "" }
