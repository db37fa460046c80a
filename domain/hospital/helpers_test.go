package hospital

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
	number   = "1011202603010000001"
	hospital = "H001"
	patient  = "patient1"
	price    = domain.Fen(600)
	part     = domain.Fen(200) // given back in a partly refunded order made by orderIn
)

var (
	t0     = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	paidAt = t0.Add(time.Hour)
	later  = paidAt.Add(time.Hour)
)

func receipt(ref string, amount domain.Fen) payment.Receipt {
	return payment.Receipt{Channel: payment.WX, Ref: ref, Amount: amount, At: paidAt}
}

func terms(k Kind, amount domain.Fen) Terms {
	t := Terms{Number: number, Hospital: hospital, Branch: "B01", Kind: k, Amount: amount, HisOrderNo: "HIS-1", Platform: 1, Patient: patient, At: t0}
	if k == Registration {
		t.RegType, t.BookDate, t.Department, t.Doctor = Booked, "2026-12-01", "内科", "刘医生"
	}
	return t
}

func imported(k Kind, r payment.Receipt) Import {
	return Import{Terms: terms(k, r.Amount), Receipt: r, TraceNo: "T1"}
}

// refund asks for a part of a registration's money.
func refund(hisNo string, amount domain.Fen) Refund {
	return Refund{Hospital: hospital, Kind: Registration, Order: RefundOrder{No: "106120260301" + "00000" + hisNo, HisNo: hisNo, Type: ForPartialRefund,
		Amount: amount, RefundTime: "2026-03-01 17:30:00", Reason: "退号", Push: true, At: later}}
}

// refundAll asks for all that is left.
func refundAll(hisNo string, amount domain.Fen) Refund {
	r := refund(hisNo, amount)
	r.Order.No, r.Order.Type, r.Order.All = "105120260301"+"00000"+hisNo, ForFullRefund, true
	return r
}

// of is the refund of an order of another kind.
func (c Refund) of(k Kind) Refund {
	c.Kind = k
	return c
}

var (
	pay     = payment.ConfirmPayment{Receipt: receipt("ch_paid", price)}
	stop    = Stop{Hospital: hospital, RefundNo: "1041202603010000009", At: later}
	settled = payment.SettleRefund{No: number + "R1", OK: true, At: later}
	failed  = payment.SettleRefund{No: number + "R1", Why: "bank closed", At: later}
)

// way is how an order of a kind comes to each status.
func way(s Status, k Kind) []Command {
	return map[Status][]Command{
		Unpaid:         {},
		Paid:           {pay},
		PartlyRefunded: {pay, refund("01", part).of(k)},
		Refunded:       {pay, refundAll("01", price).of(k)},
		Stopped:        {pay, stop},
		Cancelled:      {Cancel{By: patient, At: t0}},
	}[s]
}

// statusesOf are those that an order of a kind can have.
func statusesOf(k Kind) []Status {
	if k == Registration {
		return Statuses
	}
	return []Status{Unpaid, Paid, PartlyRefunded, Refunded, Cancelled}
}

func orderIn(t testing.TB, s Status, k Kind) Order {
	t.Helper()
	o := run(t, Order{}, append([]Command{Place{terms(k, price)}}, way(s, k)...)...)
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

// faultOf is a refusal, empty for none; another error fails the test.
func faultOf(t testing.TB, err error) domain.Fault {
	t.Helper()
	if err == nil {
		return domain.Fault{}
	}
	var fault *domain.Fault
	if !errors.As(err, &fault) {
		t.Fatalf("error %v is not a refusal", err)
	}
	return *fault
}

// refused decides a command that must be refused with a code and a field.
func refused(t testing.TB, o Order, c Command, want domain.Code, field string) {
	t.Helper()
	events, err := Decide(o, c)
	if got := faultOf(t, err); got.Code != want || got.Field != field || len(events) > 0 {
		t.Errorf("%T on %s: events [%s], refusal %v; want refusal %q of %q", c, o.Status, names(events), err, want, field)
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
	if faultOf(t, err); len(again) > 0 {
		t.Errorf("%T on %s, run again: events [%s]; want nothing or a refusal", c, o.Status, names(again))
	}
	return after
}

// has compares an order's status and what is left of its money.
func has(t testing.TB, o Order, s Status, left domain.Fen) {
	t.Helper()
	if o.Status != s || o.Left() != left {
		t.Errorf("order is %s with %d fen left, want %s with %d", o.Status, o.Left(), s, left)
	}
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
