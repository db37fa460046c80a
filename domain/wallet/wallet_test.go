package wallet

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderengine/domain"
)

var at = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

func fold(w Wallet, events []Event) Wallet {
	for _, e := range events {
		w = Evolve(w, e)
	}
	return w
}

func TestDecide(t *testing.T) {
	debit := func(amount domain.Fen, void bool) Debit {
		return Debit{Amount: amount, Order: "1", Attempt: "a1", Void: void, At: at}
	}
	refusal := DebitRefused{Amount: 1500, Order: "1", Attempt: "a1", At: at}
	for _, c := range []struct {
		name    string
		balance domain.Fen
		command Command
		event   Event // nil: refused as invalid
		after   domain.Fen
	}{
		{"top up", 100, TopUp{Amount: 50, By: "admin", Note: "n", At: at}, WalletToppedUp{Amount: 50, By: "admin", Note: "n", At: at}, 150},
		{"top up nothing", 100, TopUp{Amount: 0}, nil, 100},
		{"top up less than nothing", 100, TopUp{Amount: -1}, nil, 100},
		{"top up to the most", 1, TopUp{Amount: domain.MaxFen - 1}, WalletToppedUp{Amount: domain.MaxFen - 1}, domain.MaxFen},
		{"top up beyond the most", 1, TopUp{Amount: domain.MaxFen}, nil, 1},
		{"top up by an overflow", 1, TopUp{Amount: 1<<63 - 1}, nil, 1},
		{"debit", 2000, debit(1500, false), WalletDebited{Amount: 1500, Order: "1", Attempt: "a1", At: at}, 500},
		{"debit all", 1500, debit(1500, false), WalletDebited{Amount: 1500, Order: "1", Attempt: "a1", At: at}, 0},
		{"debit too much", 1499, debit(1500, false), refusal, 1499},
		{"debit of an empty wallet", 0, debit(1500, false), refusal, 0},
		{"debit that is void", 2000, debit(1500, true), refusal, 2000},
		{"debit nothing", 2000, debit(0, false), nil, 2000},
		{"debit less than nothing", 2000, debit(-5, false), nil, 2000},
		{"credit", 100, Credit{Amount: 1500, Order: "1", Refund: "1R1", At: at}, WalletCredited{Amount: 1500, Order: "1", Refund: "1R1", At: at}, 1600},
		{"credit nothing", 100, Credit{Amount: 0}, nil, 100},
		{"credit less than nothing", 100, Credit{Amount: -1500}, nil, 100},
		{"credit beyond the most", domain.MaxFen, Credit{Amount: 1, Order: "1", Refund: "1R1", At: at}, WalletCredited{Amount: 1, Order: "1", Refund: "1R1", At: at}, domain.MaxFen + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := Decide(Wallet{Balance: c.balance}, c.command)
			var fault *domain.Fault
			if c.event == nil {
				if !errors.As(err, &fault) || fault.Code != domain.Invalid || fault.Field != "amount" || len(events) > 0 {
					t.Fatalf("events %v, error %v; want invalid amount", events, err)
				}
			} else if err != nil || len(events) != 1 || events[0] != c.event {
				t.Fatalf("events %v, error %v; want %v", events, err, c.event)
			}
			if got := fold(Wallet{Balance: c.balance}, events).Balance; got != c.after {
				t.Errorf("balance %d, want %d", got, c.after)
			}
		})
	}
}

func TestRefusedAttemptsAreKnownForEver(t *testing.T) {
	w := fold(Wallet{}, []Event{DebitRefused{Amount: 1, Attempt: "a1"}, WalletToppedUp{Amount: 100}, WalletDebited{Amount: 1, Attempt: "a2"}, DebitRefused{Amount: 1, Attempt: "a3"}})
	if !w.HasRefused("a1") || w.HasRefused("a2") || !w.HasRefused("a3") || w.HasRefused("") {
		t.Errorf("refused %v", w.Refused)
	}
}

type unknown struct{}

func (unknown) isCommand() {}

func TestUnknownCommandIsADefect(t *testing.T) {
	if events, err := Decide(Wallet{}, unknown{}); err == nil || events != nil {
		t.Errorf("events %v, error %v", events, err)
	}
}

func first(events []Event) Event {
	if len(events) == 0 {
		return nil
	}
	return events[0]
}

// TestNeverBelowZero also keeps every state: none may change when an older one goes another way.
func TestNeverBelowZero(t *testing.T) {
	amounts := []domain.Fen{-1, 0, 1, 7, 1500, domain.MaxFen, domain.MaxFen + 1}
	rapid.Check(t, func(t *rapid.T) {
		states, was := []Wallet{{}}, []Wallet{{}}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			amount := rapid.SampledFrom(amounts).Draw(t, "amount")
			attempt := fmt.Sprintf("a%d", i)
			w := rapid.SampledFrom(states).Draw(t, "from")
			events, _ := Decide(w, rapid.SampledFrom([]Command{
				TopUp{Amount: amount}, Debit{Amount: amount, Attempt: attempt}, Debit{Amount: amount, Attempt: attempt, Void: true}, Credit{Amount: amount},
			}).Draw(t, "command"))
			after := fold(w, events)
			_, topUp := first(events).(WalletToppedUp)
			if after.Balance < 0 || topUp && after.Balance > domain.MaxFen {
				t.Fatalf("balance %d after %v on %d", after.Balance, events, w.Balance)
			}
			states = append(states, after)
			was = append(was, Wallet{after.Balance, slices.Clone(after.Refused)})
		}
		if !reflect.DeepEqual(states, was) {
			t.Fatalf("a state was changed by what came after it: %v, was %v", states, was)
		}
	})
}
