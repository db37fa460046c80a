// Package link leads from one name to another through the log itself, so that a command never has to ask a
// view: from a token's hash to its user, from a hospital's own number to our order. A link is made once, before
// what it leads to says so too; one that leads to what does not know of it leads nowhere.
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
	To string `json:"to"`
}

// Command makes the link.
type Command struct{ To string }

// Event is a link made.
type Event interface{ isEvent() }

// Linked is the only one.
type Linked struct {
	To string `json:"to"`
}

func (Linked) isEvent() {}

// Codec holds the stored form.
var Codec = domain.NewCodec(domain.Form[Linked, Event]("Linked"))

// Decide makes the link unless the name leads elsewhere already.
func Decide(l Link, c Command) ([]Event, error) {
	switch l.To {
	case "":
		return []Event{Linked(c)}, nil
	case c.To:
		return nil, nil
	default:
		return nil, domain.Refuse(domain.AlreadyExists, "the name leads elsewhere")
	}
}

// Evolve folds one event into the link.
func Evolve(l Link, e Event) Link {
	if e, ok := e.(Linked); ok {
		l.To = e.To
	}
	return l
}
