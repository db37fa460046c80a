package qa

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

const (
	number  = "12257268238541425696240003"
	patient = "patient1"
	doctor  = "doctor1"
	price   = domain.Fen(1500)
	openPK  = 7 // of the question in an order made by orderIn
)

var (
	t0     = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	paidAt = t0.Add(time.Hour)
)

func receipt(ref string, amount domain.Fen) payment.Receipt {
	return payment.Receipt{Channel: payment.WX, Ref: ref, Amount: amount, At: paidAt}
}

func place(typ OrderType, amount domain.Fen) Place {
	return Place{Number: number, PK: 1, Patient: patient, PatientPK: 3, Doctor: doctor, Type: typ, Amount: amount, At: t0}
}

func ask(pk int64, at time.Time) Ask {
	return Ask{By: patient, Question: Question{PK: pk, Text: domain.Sealed{1}, At: at}}
}

func answer(question int64) GiveAnswer {
	return GiveAnswer{By: doctor, Answer: Answer{PK: 9, Question: question, Text: domain.Sealed{2}, At: t0.Add(3 * time.Hour)}}
}

func evaluate(scores int) Evaluate {
	return Evaluate{By: patient, Evaluation: Evaluation{PK: 5, Scores: scores, Text: domain.Sealed{3}, At: t0.Add(4 * time.Hour)}}
}

// way is how an order that costs amount comes to each status.
func way(s Status, amount domain.Fen) []Command {
	if s == Cancelled {
		return []Command{Cancel{By: patient, At: t0}}
	}
	steps := []Command{payment.ConfirmPayment{Receipt: receipt("ch_paid", amount)}, ask(openPK, paidAt.Add(time.Hour)), answer(openPK),
		Finish{By: patient, At: t0.Add(4 * time.Hour)}, evaluate(5)}
	return steps[:s]
}

func orderIn(t testing.TB, s Status, typ OrderType) Order {
	t.Helper()
	o := run(t, Order{}, append([]Command{place(typ, price)}, way(s, price)...)...)
	if o.Status != s {
		t.Fatalf("way to %s leads to %s", s, o.Status)
	}
	return o
}

// run runs commands, none of which may be refused.
func run(t testing.TB, o Order, commands ...Command) Order {
	t.Helper()
	for _, c := range commands {
		events, err := Decide(o, c)
		if err != nil {
			t.Fatalf("%T on %s: %v", c, o.Status, err)
		}
		o = fold(o, events)
	}
	return o
}

func fold(o Order, events []Event) Order {
	for _, e := range events {
		o = Evolve(o, e)
	}
	return o
}

// names are the events' types, in order.
func names(events []Event) string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = reflect.TypeOf(e).Name()
	}
	return strings.Join(all, " ")
}

// codeOf is the code of a refusal, 0 for none; another error fails the test.
func codeOf(t testing.TB, err error) domain.Code {
	t.Helper()
	if err == nil {
		return 0
	}
	var fault *domain.Fault
	if !errors.As(err, &fault) {
		t.Fatalf("error %v is not a refusal", err)
	}
	return fault.Code
}

// refused decides a command that must be refused with a code.
func refused(t testing.TB, o Order, c Command, want domain.Code) {
	t.Helper()
	events, err := Decide(o, c)
	if got := codeOf(t, err); got != want || len(events) > 0 {
		t.Errorf("%T on %s: events [%s], refusal %q; want refusal %q", c, o.Status, names(events), got, want)
	}
}

// gives decides a command that must be taken with these events, then again with nothing or a refusal.
func gives(t testing.TB, o Order, c Command, want string) Order {
	t.Helper()
	events, err := Decide(o, c)
	if err != nil || names(events) != want {
		t.Errorf("%T on %s: events [%s], error %v; want [%s]", c, o.Status, names(events), err, want)
	}
	after := fold(o, events)
	again, err := Decide(after, c)
	if codeOf(t, err); len(again) > 0 {
		t.Errorf("%T on %s, run again: events [%s]; want nothing or a refusal", c, o.Status, names(again))
	}
	return after
}

func snapshot(t interface {
	Helper()
	Fatal(...any)
}, o Order) string {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
