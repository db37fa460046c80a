package payment

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderengine/domain"
)

const (
	number = "12257268238541425696240003"
	price  = domain.Fen(1500)
)

var (
	t0     = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	paidAt = t0.Add(time.Hour)
	later  = paidAt.Add(time.Hour)
)

func receipt(ref string, amount domain.Fen) Receipt {
	return Receipt{Channel: WX, Ref: ref, Amount: amount, At: paidAt}
}

func charge(id string, c Channel) Charge {
	return Charge{ID: id, Channel: c, Amount: price, TimeExpire: later.Unix()}
}

// waiting is an order that waits for its payment.
func waiting() Bill {
	return Bill{Number: number, Payer: "patient1", Amount: price, Waiting: true, State: "unpaid"}
}

// paid is one that has it.
func paid(t testing.TB) Bill {
	t.Helper()
	return run(t, waiting(), ConfirmPayment{receipt("ch_paid", price)})
}

// asked is a paid order with a refund under the number R1.
func asked(t testing.TB, name string) Bill {
	t.Helper()
	b := paid(t)
	intent := RefundOf(b, *b.Payment(), price, "by request", later)
	intent.Name, intent.AtOnce = name, true
	return fold(b, []Event{RefundRequested{intent}})
}

func fold(b Bill, events []Event) Bill {
	for _, e := range events {
		b.Ledger = Evolve(b.Ledger, e)
		if _, ok := e.(OrderPaid); ok {
			b.Waiting = false
		}
	}
	return b
}

// run runs commands, none of which may be refused.
func run(t testing.TB, b Bill, commands ...Command) Bill {
	t.Helper()
	for _, c := range commands {
		events, err := Decide(b, c)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		b = fold(b, events)
	}
	return b
}

// names are the events' types, in order.
func names(events []Event) string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = reflect.TypeOf(e).Name()
	}
	return strings.Join(all, " ")
}

// gives decides a command that must be taken with these events, then again with nothing or a refusal. Every try of a
// refund that comes to nothing counts.
func gives(t testing.TB, b Bill, c Command, want string) Bill {
	t.Helper()
	events, err := Decide(b, c)
	if err != nil || names(events) != want {
		t.Errorf("%T: events [%s], error %v; want [%s]", c, names(events), err, want)
	}
	after := fold(b, events)
	again, err := Decide(after, c)
	var fault *domain.Fault
	if _, counts := c.(DelayRefund); len(again) > 0 && !counts || err != nil && !errors.As(err, &fault) {
		t.Errorf("%T, run again: events [%s], error %v; want nothing or a refusal", c, names(again), err)
	}
	return after
}

func refused(t testing.TB, b Bill, c Command, want domain.Code, field string) {
	t.Helper()
	events, err := Decide(b, c)
	var fault *domain.Fault
	if !errors.As(err, &fault) || fault.Code != want || fault.Field != field || len(events) > 0 {
		t.Errorf("%T: events [%s], error %v; want refusal %q of %q", c, names(events), err, want, field)
	}
}

func snapshot(t interface {
	Helper()
	Fatal(...any)
}, l Ledger) string {
	t.Helper()
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
