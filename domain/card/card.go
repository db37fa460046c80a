// Package card is a patient's card at a hospital (就诊卡, 1.3.1), by which the hospital's system names the patient.
package card

import (
	"fmt"
	"time"

	"orderengine/domain"
)

// Category is the first part of a card's stream name, "card-<id>".
const Category = "card"

// Diagnosis is the type of a 诊疗卡, the one that messages are pushed by.
const Diagnosis = 3

// MaxType is the last of the document's card types, which begin with 1.
const MaxType = 9

// ID names a card for ever: a hospital, a type and a number.
func ID(hospital string, cardType int, number string) string {
	return fmt.Sprintf("%s/%d/%s", hospital, cardType, number)
}

// Card is what its events fold to. A card that belongs to nobody has no patient.
type Card struct {
	Hospital string    `json:"hospital"`
	Type     int       `json:"type"`
	Number   string    `json:"number"`
	Patient  string    `json:"patient"` // username
	At       time.Time `json:"at"`
}

// Command asks for a change of one card.
type Command interface{ isCommand() }

type (
	// Bind gives the card to a patient; one that another patient has must be released first.
	Bind struct{ Card }
	// Release takes it from its patient.
	Release struct{ At time.Time }
)

func (Bind) isCommand()    {}
func (Release) isCommand() {}

// Event is something that happened to one card. Stored names and fields never change.
type Event interface{ isEvent() }

type (
	CardBound struct {
		Card
	}
	CardReleased struct {
		At time.Time `json:"at"`
	}
)

func (CardBound) isEvent()    {}
func (CardReleased) isEvent() {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[CardBound, Event]("CardBound"),
	domain.Form[CardReleased, Event]("CardReleased"),
)

// Decide says what a command makes of a card: events, none if it is done already, or a refusal.
func Decide(c Card, cmd Command) ([]Event, error) {
	switch cmd := cmd.(type) {
	case Bind:
		return decideBind(c, cmd)
	case Release:
		if c.Patient == "" {
			return nil, domain.Refuse(domain.NotFound, "no such card")
		}
		return []Event{CardReleased(cmd)}, nil
	default:
		return nil, fmt.Errorf("card: command %T is not known", cmd)
	}
}

func decideBind(c Card, cmd Bind) ([]Event, error) {
	switch {
	case cmd.Type < 1 || cmd.Type > MaxType:
		return nil, domain.RefuseField(domain.Invalid, "card_type", "%d is not 1 to %d", cmd.Type, MaxType)
	case cmd.Patient == "":
		return nil, domain.RefuseField(domain.Invalid, "patient", "whose card is it?")
	case c.Patient == cmd.Patient:
		return nil, nil
	case c.Patient != "":
		return nil, domain.RefuseField(domain.AlreadyExists, "card_no", "the card is another patient's")
	default:
		return []Event{CardBound(cmd)}, nil
	}
}

// Evolve folds one event into the card.
func Evolve(c Card, e Event) Card {
	switch e := e.(type) {
	case CardBound:
		c = e.Card
	case CardReleased:
		c.Patient, c.At = "", e.At
	}
	return c
}
