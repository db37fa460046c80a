package catalog

import (
	"fmt"

	"orderengine/domain"
)

// Command asks for an entry to be made.
type Command interface{ isCommand() }

type (
	CreateTag  struct{ Tag }
	CreateDrug struct{ Drug }
)

func (CreateTag) isCommand()  {}
func (CreateDrug) isCommand() {}

// Event is an entry made.
type Event interface{ isEvent() }

type (
	TagCreated  struct{ Tag }
	DrugCreated struct{ Drug }
)

func (TagCreated) isEvent()  {}
func (DrugCreated) isEvent() {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[TagCreated, Event]("TagCreated"),
	domain.Form[DrugCreated, Event]("DrugCreated"),
)

// Decide makes the entry unless its pk is taken.
func Decide(e Entry, c Command) ([]Event, error) {
	if e.Made() {
		return nil, domain.RefuseField(domain.AlreadyExists, "pk", "the pk is taken")
	}
	switch c := c.(type) {
	case CreateTag:
		return []Event{TagCreated(c)}, nil
	case CreateDrug:
		return []Event{DrugCreated(c)}, nil
	default:
		return nil, fmt.Errorf("catalog: command %T is not known", c)
	}
}

// Evolve folds one event into the entry.
func Evolve(e Entry, event Event) Entry {
	switch event := event.(type) {
	case TagCreated:
		e.Tag = &event.Tag
	case DrugCreated:
		e.Drug = &event.Drug
	}
	return e
}
