package link

import (
	"errors"
	"testing"

	"orderengine/domain"
)

func TestLinkIsMadeOnce(t *testing.T) {
	events, err := Decide(Link{}, Command{To: "patient1"})
	if err != nil || len(events) != 1 || events[0] != (Linked{To: "patient1"}) {
		t.Fatalf("%v, %v", events, err)
	}
	l := Evolve(Link{}, events[0])
	if l.To != "patient1" {
		t.Errorf("leads to %q", l.To)
	}
	if events, err := Decide(l, Command{To: "patient1"}); len(events) > 0 || err != nil {
		t.Errorf("again: %v, %v; want nothing", events, err)
	}
	var fault *domain.Fault
	if events, err := Decide(l, Command{To: "patient2"}); len(events) > 0 || !errors.As(err, &fault) || fault.Code != domain.AlreadyExists {
		t.Errorf("elsewhere: %v, %v; want it refused", events, err)
	}
}

// TestATurnIsOverOnce: of two who have made sure of the same turn one is first.
func TestATurnIsOverOnce(t *testing.T) {
	l := Evolve(Link{}, Linked{To: "order1"})
	events, err := Decide(l, Command{To: "order2", Over: l.Turn})
	if err != nil || len(events) != 1 || events[0] != (Linked{To: "order2"}) {
		t.Fatalf("%v, %v", events, err)
	}
	again := Evolve(l, events[0])
	if events, err := Decide(again, Command{To: "order3", Over: l.Turn}); len(events) > 0 || !domain.IsRefused(err, domain.AlreadyExists) {
		t.Errorf("the same turn again: %v, %v; want it refused", events, err)
	}
	if events, err := Decide(again, Command{To: "order2", Over: again.Turn}); len(events) != 1 || err != nil {
		t.Errorf("to the same in another turn: %v, %v", events, err)
	}
}
