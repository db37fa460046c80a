// Package link leads from one name to another through the log itself, so that a command never has to ask a
// view: from a token's hash to its user, from a hospital's own number to our order. A link is made once, before
// what it leads to says so too; one that leads to what does not know of it leads nowhere. It may be made again by who
// has made sure that what it leads to never will know of it.
package link

import (
	"orderengine/domain"
)

// The first parts of the stream names: "token-<hash>", "qaquestion-<pk>", "hospitalsecret-<hash>" to a hospital's
// code, "hisorder-<code>/<number>" and "hisrefund-<code>/<number>" from a hospital's own numbers to our order.
const (
	TokenCategory     = "token"
	QuestionCategory  = "qaquestion"
	SecretCategory    = "hospitalsecret"
	HisOrderCategory  = "hisorder"
	HisRefundCategory = "hisrefund"
)

// HisID names a hospital's own number.
func HisID(hospital, number string) string { return hospital + "/" + number }

// Link is where a name leads, "" before it was made.
type Link struct {
	To   string `json:"to"`
	Turn int    `json:"turn"` // how often it was made
}

// Command makes the link.
type Command struct {
	To   string
	Over int // the turn that is over, 0 for none
}

// Event is a link made.
type Event interface{ isEvent() }

// Linked is the only one.
type Linked struct {
	To string `json:"to"`
}

func (Linked) isEvent() {}

// Codec holds the stored form.
var Codec = domain.NewCodec(domain.Form[Linked, Event]("Linked"))

// Decide makes the link unless the name leads elsewhere already, in a turn that is not over.
func Decide(l Link, c Command) ([]Event, error) {
	switch {
	case c.Over == l.Turn:
		return []Event{Linked{To: c.To}}, nil
	case c.To == l.To:
		return nil, nil
	default:
		return nil, domain.Refuse(domain.AlreadyExists, "the name leads elsewhere")
	}
}

// Evolve folds one event into the link.
func Evolve(l Link, e Event) Link {
	if e, ok := e.(Linked); ok {
		l.To, l.Turn = e.To, l.Turn+1
	}
	return l
}
