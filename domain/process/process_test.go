package process

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"orderengine/domain/payment"
	"orderengine/domain/qa"
)

var at = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

const (
	grace  = 5 * time.Second
	stream = "qaorder-1"
)

func TestNext(t *testing.T) {
	pending := func(c payment.Channel) payment.Attempt {
		return payment.Attempt{ID: "a-" + string(c), Channel: c, At: at}
	}
	charged := pending(payment.WX)
	charged.Charge = &payment.Charge{ID: "ch_1"}
	refund := func(no string, s payment.RefundStatus) payment.Refund {
		return payment.Refund{RefundIntent: payment.RefundIntent{No: no, Channel: payment.Alipay, At: at.Add(time.Minute)}, Status: s}
	}
	due := at.Add(grace)
	charge := func(c payment.Channel) Todo { return Todo{Charge, stream, c, "a-" + string(c), "", due, true} }
	debit := Todo{Debit, stream, payment.Balance, "a-balance", "", due, true}
	payBack := func(no string) Todo { return Todo{PayBack, stream, payment.Alipay, "", no, at.Add(time.Minute), false} }
	later := func(todos ...Todo) map[qa.Status][]Todo {
		m := map[qa.Status][]Todo{}
		for _, s := range qa.Statuses[1:] {
			m[s] = todos
		}
		return m
	}
	for _, c := range []struct {
		name   string
		order  qa.Order
		unpaid []Todo
		later  map[qa.Status][]Todo // in every other status
	}{
		{"nothing", qa.Order{}, nil, later()},
		{"charge asked for", qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{pending(payment.WX)}}}, []Todo{charge(payment.WX)}, later()},
		{"charges asked for", qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{pending(payment.WX), pending(payment.Alipay)}}},
			[]Todo{charge(payment.WX), charge(payment.Alipay)}, later()},
		{"charge made", qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{charged}}}, nil, later()},
		{"debit asked for", qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{pending(payment.Balance)}}}, []Todo{debit}, later(debit)},
		{"debit and charge", qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{pending(payment.WX), pending(payment.Balance)}}},
			[]Todo{charge(payment.WX), debit}, later(debit)},
		{"refunds", qa.Order{Ledger: payment.Ledger{Refunds: []payment.Refund{refund("1R1", payment.Succeeded), refund("1R2", payment.Pending), refund("1R3", payment.Failed), refund("1R4", payment.Pending)}}},
			[]Todo{payBack("1R2"), payBack("1R4")}, later(payBack("1R2"), payBack("1R4"))},
		{"debit and refund", qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{pending(payment.Balance)}, Refunds: []payment.Refund{refund("1R1", payment.Pending)}}},
			[]Todo{debit, payBack("1R1")}, later(debit, payBack("1R1"))},
	} {
		for _, s := range qa.Statuses {
			o, want := c.order, c.later[s]
			if s == qa.Unpaid {
				want = c.unpaid
			}
			o.Number, o.Status = "1", s
			got := slices.DeleteFunc(QA(inState(o), periods), func(t Todo) bool { return t.Kind == TimeOut })
			if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s, %s: %+v, want %+v", c.name, s, got, want)
			}
		}
	}
}

var periods = Periods{Grace: grace, Unpaid: 24 * time.Hour, Unanswered: 48 * time.Hour, Unfinished: 7 * 24 * time.Hour,
	Retry: []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}}

// inState gives an order what one in its state has.
func inState(o qa.Order) qa.Order {
	o.At, o.PaidBy = at, "paid"
	o.Receipts = []payment.Receipt{{Ref: "surplus", At: at.Add(-time.Hour)}, {Ref: "paid", At: at.Add(time.Hour)}}
	o.Question, o.Answer = &qa.Question{At: at.Add(2 * time.Hour)}, &qa.Answer{At: at.Add(3 * time.Hour)}
	return o
}

func TestTimeOuts(t *testing.T) {
	charged := qa.Order{Ledger: payment.Ledger{Attempts: []payment.Attempt{
		{ID: "a1", Channel: payment.WX, At: at, Charge: &payment.Charge{TimeExpire: at.Add(2 * time.Hour).Unix()}},
		{ID: "a2", Channel: payment.Alipay, At: at, Charge: &payment.Charge{TimeExpire: at.Add(25 * time.Hour).Unix()}}}}}
	for _, c := range []struct {
		name  string
		order qa.Order
		s     qa.Status
		after time.Duration // 0: never
	}{
		{"without a charge", qa.Order{}, qa.Unpaid, 24 * time.Hour},
		{"with charges", charged, qa.Unpaid, 25 * time.Hour},
		{"from the payment", qa.Order{}, qa.Paid, 49 * time.Hour},
		{"from the payment, though asked later", qa.Order{}, qa.Asked, 49 * time.Hour},
		{"from the question, when asked again", qa.Order{AskedAgain: true}, qa.Asked, 50 * time.Hour},
		{"from the answer", qa.Order{}, qa.Answered, 171 * time.Hour},
		{"finished", qa.Order{}, qa.Finished, 0},
		{"evaluated", qa.Order{}, qa.Evaluated, 0},
		{"cancelled", qa.Order{}, qa.Cancelled, 0},
	} {
		o := inState(c.order)
		o.Number, o.Status = "1", c.s
		var want []Todo
		if c.after > 0 {
			want = []Todo{{Kind: TimeOut, Stream: stream, Due: at.Add(c.after)}}
		}
		if got := QA(o, periods); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s, %s: %+v, want %+v", c.name, c.s, got, want)
		}
	}
}

// TestAnOrderIsKeptWhileAChargeIsAskedFor, though the one before has expired: it may still be made, and paid.
func TestAnOrderIsKeptWhileAChargeIsAskedFor(t *testing.T) {
	asked := at.Add(3 * time.Hour)
	o := qa.Order{Number: "1", Status: qa.Unpaid, At: at, Ledger: payment.Ledger{Attempts: []payment.Attempt{
		{ID: "a1", Channel: payment.WX, At: at, Charge: &payment.Charge{TimeExpire: at.Add(2 * time.Hour).Unix()}},
		{ID: "a2", Channel: payment.WX, At: asked}}}}
	want := []Todo{
		{Kind: Charge, Stream: stream, Attempt: "a2", Channel: payment.WX, Due: asked.Add(grace), Graced: true},
		{Kind: TimeOut, Stream: stream, Due: asked.Add(24 * time.Hour)},
	}
	if got := QA(o, periods); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRefundsAreTriedAgainLaterAndLater(t *testing.T) {
	base := payment.RefundIntent{No: "1R1", Channel: payment.WX, At: at}
	wallet := payment.RefundIntent{No: "1R1", Channel: payment.Balance, At: at}
	for _, c := range []struct {
		name  string
		r     payment.Refund
		kind  Kind // "": nothing
		after time.Duration
	}{
		{"at once", payment.Refund{RefundIntent: base}, PayBack, 0},
		{"the wallet's after the grace", payment.Refund{RefundIntent: wallet}, PayBack, grace},
		{"being asked for", payment.Refund{RefundIntent: base, Claim: "c1", AskedAt: at}, PayBack, grace},
		{"once tried and being asked for", payment.Refund{RefundIntent: base, Tries: 1, TriedAt: at.Add(-time.Hour), Claim: "c1", AskedAt: at}, PayBack, grace},
		{"once tried", payment.Refund{RefundIntent: base, Tries: 1, TriedAt: at}, PayBack, 5 * time.Minute},
		{"twice tried", payment.Refund{RefundIntent: base, Tries: 2, TriedAt: at}, PayBack, time.Hour},
		{"often tried", payment.Refund{RefundIntent: base, Tries: 9, TriedAt: at}, PayBack, 24 * time.Hour},
		{"taken", payment.Refund{RefundIntent: base, PlatformID: "re_1", TriedAt: at}, Inquire, 5 * time.Minute},
		{"retried by a person when it was taken", payment.Refund{RefundIntent: base, PlatformID: "re_1", TriedAt: at, Retried: 1}, Inquire, 0},
		{"asked after once", payment.Refund{RefundIntent: base, PlatformID: "re_1", Tries: 1, TriedAt: at}, Inquire, time.Hour},
		{"retried by a person, when its own time is far off", payment.Refund{RefundIntent: payment.RefundIntent{No: "1R1", At: at.AddDate(1, 0, 0)}, TriedAt: at}, PayBack, 0},
		{"parked", payment.Refund{RefundIntent: base, Parked: true}, "", 0},
		{"given up", payment.Refund{RefundIntent: base, Parked: true, Closed: true}, "", 0},
	} {
		c.r.Status = payment.Pending
		got := QA(qa.Order{Number: "1", Status: qa.Cancelled, Ledger: payment.Ledger{Refunds: []payment.Refund{c.r}}}, periods)
		if c.kind == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Kind != c.kind || got[0].Refund != "1R1" {
			t.Errorf("%s: %+v, want one %s", c.name, got, c.kind)
			continue
		}
		if wait := got[0].Due.Sub(at); wait < c.after || wait > c.after+c.after/10 {
			t.Errorf("%s: after %s, want %s and up to a tenth more", c.name, wait, c.after)
		}
	}
}
