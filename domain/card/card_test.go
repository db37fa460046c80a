package card

import (
	"errors"
	"testing"
	"time"

	"orderengine/domain"
)

var at = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func of(patient string) Card {
	return Card{Hospital: "H001", Type: Diagnosis, Number: "123456789", Patient: patient, At: at}
}

type unknown struct{}

func (unknown) isCommand() {}

func TestDecide(t *testing.T) {
	released := Evolve(of("patient1"), CardReleased{At: at.Add(time.Hour)})
	typed := func(cardType int) Bind {
		c := of("patient1")
		c.Type = cardType
		return Bind{c}
	}
	for _, c := range []struct {
		name    string
		card    Card
		command Command
		event   Event       // nil: none
		code    domain.Code // of a refusal
		field   string
	}{
		{"bind", Card{}, Bind{of("patient1")}, CardBound{of("patient1")}, 0, ""},
		{"bind to the one who has it", of("patient1"), Bind{of("patient1")}, nil, 0, ""},
		{"bind what another has", of("patient1"), Bind{of("patient2")}, nil, domain.AlreadyExists, "card_no"},
		{"bind what another had", released, Bind{of("patient2")}, CardBound{of("patient2")}, 0, ""},
		{"bind to who had it", released, Bind{of("patient1")}, CardBound{of("patient1")}, 0, ""},
		{"bind to nobody", Card{}, Bind{of("")}, nil, domain.Invalid, "patient"},
		{"bind what another has to nobody", of("patient1"), Bind{of("")}, nil, domain.Invalid, "patient"},
		{"bind the first type", Card{}, typed(1), CardBound(typed(1)), 0, ""},
		{"bind the last type", Card{}, typed(MaxType), CardBound(typed(MaxType)), 0, ""},
		{"bind no type", Card{}, typed(0), nil, domain.Invalid, "card_type"},
		{"bind a type too far", Card{}, typed(MaxType + 1), nil, domain.Invalid, "card_type"},
		{"release", of("patient1"), Release{At: at}, CardReleased{At: at}, 0, ""},
		{"release what was released", released, Release{At: at}, nil, domain.NotFound, ""},
		{"release what there is not", Card{}, Release{At: at}, nil, domain.NotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := Decide(c.card, c.command)
			var fault *domain.Fault
			if errors.As(err, &fault) != (c.code != 0) || fault != nil && (fault.Code != c.code || fault.Field != c.field) {
				t.Fatalf("error %v, want %q of %q", err, c.code, c.field)
			}
			if c.event == nil {
				if len(events) > 0 {
					t.Errorf("events %v, want none", events)
				}
				return
			}
			if len(events) != 1 || events[0] != c.event {
				t.Fatalf("events %v, want %v", events, c.event)
			}
			if again, _ := Decide(Evolve(c.card, events[0]), c.command); len(again) > 0 {
				t.Errorf("run again: %v", again)
			}
		})
	}
	if events, err := Decide(Card{}, unknown{}); err == nil || events != nil {
		t.Errorf("unknown command: events %v, error %v", events, err)
	}
}

func TestEvolve(t *testing.T) {
	if c := Evolve(Card{}, CardBound{of("patient1")}); c != of("patient1") {
		t.Errorf("bound: %+v", c)
	}
	want := of("")
	want.At = at.Add(time.Hour)
	if c := Evolve(of("patient1"), CardReleased{At: want.At}); c != want {
		t.Errorf("released: %+v, want %+v", c, want)
	}
}

func TestIDsDiffer(t *testing.T) {
	if id := ID("H001", 3, "123"); id != "H001/3/123" {
		t.Errorf("id %s", id)
	}
	known := map[string]bool{}
	for _, id := range []string{ID("H001", 3, "123"), ID("H001", 31, "23"), ID("H0013", 1, "23"), ID("H001", 3, "1/23"), ID("H001", 3, "0123")} {
		if known[id] {
			t.Errorf("%s names two cards", id)
		}
		known[id] = true
	}
}
