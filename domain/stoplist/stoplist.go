// Package stoplist is a hospital's wish to stop a list of registrations (stopReg, 2.2): it is written down
// first, so that a server that dies midway, or another one, goes on with it.
package stoplist

import (
	"fmt"
	"time"

	"orderengine/domain"
)

// Category is the first part of a list's stream name, "stoplist-<id>".
const Category = "stoplist"

// List is what its events fold to. The zero List is one that was not begun.
type List struct {
	ID       string    `json:"id"`
	Hospital string    `json:"hospital"`
	Orders   []string  `json:"orders"` // their numbers
	At       time.Time `json:"at"`
	Done     bool      `json:"done,omitempty"`
	Skipped  []string  `json:"skipped,omitempty"` // could not be stopped any more when their turn came
}

// Command asks for a change of one list.
type Command interface{ isCommand() }

type (
	// Begin writes the list down.
	Begin struct {
		ID       string
		Hospital string
		Orders   []string
		At       time.Time
	}
	// Finish says that every order had its turn.
	Finish struct {
		Skipped []string
		At      time.Time
	}
)

func (Begin) isCommand()  {}
func (Finish) isCommand() {}

// Event is something that happened to one list. Stored names and fields never change.
type Event interface{ isEvent() }

type (
	StopListBegun struct {
		ID       string    `json:"id"`
		Hospital string    `json:"hospital"`
		Orders   []string  `json:"orders"`
		At       time.Time `json:"at"`
	}
	StopListFinished struct {
		Skipped []string  `json:"skipped,omitempty"`
		At      time.Time `json:"at"`
	}
)

func (StopListBegun) isEvent()    {}
func (StopListFinished) isEvent() {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[StopListBegun, Event]("StopListBegun"),
	domain.Form[StopListFinished, Event]("StopListFinished"),
)

// Decide says what a command makes of a list: events, none if it is done already, or a refusal.
func Decide(l List, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Begin:
		if l.ID != "" {
			return nil, nil
		}
		return []Event{StopListBegun(c)}, nil
	case Finish:
		if l.ID == "" {
			return nil, domain.Refuse(domain.NotFound, "no such list")
		}
		if l.Done {
			return nil, nil
		}
		return []Event{StopListFinished(c)}, nil
	default:
		return nil, fmt.Errorf("stoplist: command %T is not known", c)
	}
}

// Evolve folds one event into the list. The orders of one that is done are in the log, and not needed any more.
func Evolve(l List, e Event) List {
	switch e := e.(type) {
	case StopListBegun:
		l = List{ID: e.ID, Hospital: e.Hospital, Orders: e.Orders, At: e.At}
	case StopListFinished:
		l.Done, l.Orders, l.Skipped = true, nil, e.Skipped
	}
	return l
}
