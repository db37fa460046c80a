// Package idempotency is what a key of a caller stands for: the request it came with first, what was minted
// for it, and the first reply. Keys never expire, so they are events.
//
// The claim is written before the command is run and holds all that a second run needs to be the same run;
// whoever repeats the request after a crash in between finishes it and is given its reply.
package idempotency

import (
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
)

// Category is the first part of a claim's stream name, "idempotency-<hash of user and key>".
const Category = "idempotency"

// Claim is what a key stands for, zero before its first use.
type Claim struct {
	Digest  string    `json:"digest"` // of method, path and body
	Command uuid.UUID `json:"command"`
	PK      int64     `json:"pk"` // minted for what the command makes, 0 if it makes nothing
	At      time.Time `json:"at"`
	Reply   *Reply    `json:"reply,omitempty"`
}

// Reply is the first reply, to be given again byte for byte.
type Reply struct {
	Status int    `json:"status"`
	Body   []byte `json:"body"` // sealed with the data key of Subject, if there is one
	// Subject is the patient whose texts the reply may hold, "" if it holds none.
	Subject string `json:"subject,omitempty"`
}

// Command is a step of a claim.
type Command interface{ isCommand() }

type (
	// Take claims the key; PK and Command are used only if it is free.
	Take struct {
		Digest  string
		Command uuid.UUID
		PK      int64
		At      time.Time
	}
	// Record keeps the first reply.
	Record struct{ Reply Reply }
)

func (Take) isCommand()   {}
func (Record) isCommand() {}

// Event is something that happened to a claim.
type Event interface{ isEvent() }

type (
	KeyClaimed struct {
		Digest  string    `json:"digest"`
		Command uuid.UUID `json:"command"`
		PK      int64     `json:"pk"`
		At      time.Time `json:"at"`
	}
	ReplyRecorded struct {
		Reply
	}
)

func (KeyClaimed) isEvent()    {}
func (ReplyRecorded) isEvent() {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[KeyClaimed, Event]("KeyClaimed"),
	domain.Form[ReplyRecorded, Event]("ReplyRecorded"),
)

// Decide refuses a key that stands for another request.
func Decide(c Claim, command Command) ([]Event, error) {
	switch command := command.(type) {
	case Take:
		switch c.Digest {
		case "":
			return []Event{KeyClaimed(command)}, nil
		case command.Digest:
			return nil, nil
		}
		return nil, domain.Refuse(domain.KeyReused, "the key was used for another request")
	case Record:
		if c.Reply != nil || c.Digest == "" {
			return nil, nil
		}
		return []Event{ReplyRecorded{command.Reply}}, nil
	}
	return nil, nil
}

// Evolve folds one event into the claim.
func Evolve(c Claim, e Event) Claim {
	switch e := e.(type) {
	case KeyClaimed:
		c.Digest, c.Command, c.PK, c.At = e.Digest, e.Command, e.PK, e.At
	case ReplyRecorded:
		c.Reply = &e.Reply
	}
	return c
}
