package catalog

import (
	"errors"
	"reflect"
	"testing"

	"orderengine/domain"
)

var (
	tag  = Tag{PK: 1, Owner: "doctor1", Name: "感冒"}
	drug = Drug{PK: 1, Owner: "doctor1", Name: "头孢"}
)

func TestEntryIsMadeOnce(t *testing.T) {
	for _, c := range []struct {
		command Command
		event   Event
		entry   Entry
	}{
		{CreateTag{tag}, TagCreated{tag}, Entry{Tag: &tag}},
		{CreateDrug{drug}, DrugCreated{drug}, Entry{Drug: &drug}},
	} {
		events, err := Decide(Entry{}, c.command)
		if err != nil || len(events) != 1 || events[0] != c.event {
			t.Fatalf("%T: %v, %v; want %v", c.command, events, err, c.event)
		}
		made := Evolve(Entry{}, events[0])
		if !reflect.DeepEqual(made, c.entry) || !made.Made() {
			t.Errorf("entry %+v, want %+v", made, c.entry)
		}
		for _, again := range []Command{CreateTag{tag}, CreateDrug{drug}} {
			events, err := Decide(made, again)
			var fault *domain.Fault
			if !errors.As(err, &fault) || fault.Code != domain.AlreadyExists || len(events) > 0 {
				t.Errorf("%T on a %T: %v, %v", again, c.event, events, err)
			}
		}
	}
	if (Entry{}).Made() {
		t.Error("an empty entry is made")
	}
}

type unknown struct{}

func (unknown) isCommand() {}

func TestUnknownCommandIsADefect(t *testing.T) {
	if events, err := Decide(Entry{}, unknown{}); err == nil || events != nil {
		t.Errorf("events %v, error %v", events, err)
	}
}
