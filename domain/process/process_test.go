package process

import (
	"reflect"
	"testing"
	"time"

	"orderengine/domain/payment"
	"orderengine/domain/qa"
)

var at = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

const grace = 5 * time.Second

func TestNext(t *testing.T) {
	pending := func(c payment.Channel) qa.Attempt { return qa.Attempt{ID: "a-" + string(c), Channel: c, At: at} }
	charged := pending(payment.WX)
	charged.Charge = &payment.Charge{ID: "ch_1"}
	refund := func(no string, s payment.RefundStatus) payment.Refund {
		return payment.Refund{No: no, Channel: payment.Alipay, Status: s, At: at.Add(time.Minute)}
	}
	due := at.Add(grace)
	charge := func(c payment.Channel) Todo { return Todo{Charge, "1", c, "a-" + string(c), "", due} }
	debit := Todo{Debit, "1", payment.Balance, "a-balance", "", due}
	payBack := func(no string) Todo { return Todo{PayBack, "1", payment.Alipay, "", no, at.Add(time.Minute + grace)} }
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
		{"charge asked for", qa.Order{Attempts: []qa.Attempt{pending(payment.WX)}}, []Todo{charge(payment.WX)}, later()},
		{"charges asked for", qa.Order{Attempts: []qa.Attempt{pending(payment.WX), pending(payment.Alipay)}},
			[]Todo{charge(payment.WX), charge(payment.Alipay)}, later()},
		{"charge made", qa.Order{Attempts: []qa.Attempt{charged}}, nil, later()},
		{"debit asked for", qa.Order{Attempts: []qa.Attempt{pending(payment.Balance)}}, []Todo{debit}, later(debit)},
		{"debit and charge", qa.Order{Attempts: []qa.Attempt{pending(payment.WX), pending(payment.Balance)}},
			[]Todo{charge(payment.WX), debit}, later(debit)},
		{"refunds", qa.Order{Refunds: []payment.Refund{refund("1R1", payment.Succeeded), refund("1R2", payment.Pending), refund("1R3", payment.Failed), refund("1R4", payment.Pending)}},
			[]Todo{payBack("1R2"), payBack("1R4")}, later(payBack("1R2"), payBack("1R4"))},
		{"debit and refund", qa.Order{Attempts: []qa.Attempt{pending(payment.Balance)}, Refunds: []payment.Refund{refund("1R1", payment.Pending)}},
			[]Todo{debit, payBack("1R1")}, later(debit, payBack("1R1"))},
	} {
		for _, s := range qa.Statuses {
			o, want := c.order, c.later[s]
			if s == qa.Unpaid {
				want = c.unpaid
			}
			o.Number, o.Status = "1", s
			if got := Next(o, Periods{Grace: grace}); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s, %s: %+v, want %+v", c.name, s, got, want)
			}
		}
	}
	if got := Next(qa.Order{Attempts: []qa.Attempt{pending(payment.Balance)}}, Periods{}); !got[0].Due.Equal(at) {
		t.Errorf("without grace due at %s, want %s", got[0].Due, at)
	}
}
