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
