package process

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"orderengine/domain/hospital"
	"orderengine/domain/payment"
)

const hospitalStream = "hospitalorder-1011202603010000001"

func hospitalOrder(s hospital.Status, l payment.Ledger, untold ...hospital.Notice) hospital.Order {
	return hospital.Order{Terms: hospital.Terms{Number: "1011202603010000001", Amount: 600, At: at}, Status: s, Ledger: l, Untold: untold}
}

func TestHospital(t *testing.T) {
	attempt := func(c payment.Channel) payment.Attempt {
		return payment.Attempt{ID: "a-" + string(c), Channel: c, At: at}
	}
	attempts := func(all ...payment.Attempt) payment.Ledger { return payment.Ledger{Attempts: all} }
	charged := attempt(payment.UnionPay)
	charged.Charge = &payment.Charge{ID: "ch_1", TimeExpire: at.Add(2 * time.Hour).Unix()}
	refund := func(c payment.Channel, atOnce bool, s payment.RefundStatus) payment.Ledger {
		return payment.Ledger{Refunds: []payment.Refund{{Status: s, RefundIntent: payment.RefundIntent{No: "1R1", Channel: c, AtOnce: atOnce, At: at}}}}
	}
	named := func(l payment.Ledger) payment.Ledger { l.Refunds[0].Name = "1061202603010000001"; return l }
	due := at.Add(grace)
	charge := func(c payment.Channel) Todo {
		return Todo{Kind: Charge, Stream: hospitalStream, Channel: c, Attempt: "a-" + string(c), Due: due, Graced: true}
	}
	debit := Todo{Kind: Debit, Stream: hospitalStream, Channel: payment.Balance, Attempt: "a-balance", Due: due, Graced: true}
	payBack := func(c payment.Channel, due time.Time, graced bool) Todo {
		return Todo{Kind: PayBack, Stream: hospitalStream, Channel: c, Refund: "1R1", Due: due, Graced: graced}
	}
	timeOut := func(after time.Duration) Todo { return Todo{Kind: TimeOut, Stream: hospitalStream, Due: at.Add(after)} }
	tell := func(notice string) Todo { return Todo{Kind: Tell, Stream: hospitalStream, Attempt: notice, Due: at} }
	for _, c := range []struct {
		name   string
		ledger payment.Ledger
		untold []hospital.Notice
		unpaid []Todo
		later  []Todo // in every other status
	}{
		{"nothing", payment.Ledger{}, nil, []Todo{timeOut(24 * time.Hour)}, nil},
		{"charge asked for", attempts(attempt(payment.WX)), nil, []Todo{charge(payment.WX), timeOut(24 * time.Hour)}, nil},
		{"charge of an insurance asked for", attempts(attempt(payment.Insurance)), nil, []Todo{charge(payment.Insurance), timeOut(24 * time.Hour)}, nil},
		{"charge made", attempts(charged), nil, []Todo{timeOut(2 * time.Hour)}, nil},
		{"debit asked for", attempts(attempt(payment.Balance)), nil, []Todo{debit, timeOut(24 * time.Hour)}, []Todo{debit}},
		{"refund that somebody waits for", refund(payment.WX, true, payment.Pending), nil,
			[]Todo{payBack(payment.WX, due, true), timeOut(24 * time.Hour)}, []Todo{payBack(payment.WX, due, true)}},
		{"refund that nobody waits for", refund(payment.WX, false, payment.Pending), nil,
			[]Todo{payBack(payment.WX, at, false), timeOut(24 * time.Hour)}, []Todo{payBack(payment.WX, at, false)}},
		{"refund to the wallet", refund(payment.Balance, false, payment.Pending), nil,
			[]Todo{payBack(payment.Balance, due, true), timeOut(24 * time.Hour)}, []Todo{payBack(payment.Balance, due, true)}},
		{"refund to the wallet that the hospital has the number of", named(refund(payment.Balance, false, payment.Pending)), nil,
			[]Todo{payBack(payment.Balance, at, false), timeOut(24 * time.Hour)}, []Todo{payBack(payment.Balance, at, false)}},
		{"refund that failed", refund(payment.WX, true, payment.Failed), nil, []Todo{timeOut(24 * time.Hour)}, nil},
		{"refund that is done", refund(payment.WX, true, payment.Succeeded), nil, []Todo{timeOut(24 * time.Hour)}, nil},
		{"patient to be told", payment.Ledger{}, []hospital.Notice{{ID: "n1", At: at}, {ID: "n2", At: at}},
			[]Todo{tell("n1"), tell("n2"), timeOut(24 * time.Hour)}, []Todo{tell("n1"), tell("n2")}},
		{"patient to be told of a refund", refund(payment.WX, true, payment.Pending), []hospital.Notice{{ID: "n1", At: at}},
			[]Todo{payBack(payment.WX, due, true), tell("n1"), timeOut(24 * time.Hour)}, []Todo{payBack(payment.WX, due, true), tell("n1")}},
	} {
		for _, s := range hospital.Statuses {
			want := c.later
			if s == hospital.Unpaid {
				want = c.unpaid
			}
			if got := Hospital(hospitalOrder(s, c.ledger, c.untold...), periods); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s, %s: %+v, want %+v", c.name, s, got, want)
			}
		}
	}
	if got := Hospital(hospital.Order{}, periods); len(got) > 0 {
		t.Errorf("an order that was not placed: %+v", got)
	}
}

// TestWhoWaitsIsServedOnce: only the first try of a refund is left to the server that wrote it down.
func TestWhoWaitsIsServedOnce(t *testing.T) {
	intent := payment.RefundIntent{No: "1R1", Channel: payment.WX, AtOnce: true, At: at}
	for _, c := range []struct {
		name  string
		r     payment.Refund
		kind  Kind
		after time.Duration
	}{
		{"being asked for", payment.Refund{RefundIntent: intent, Claim: "c1", AskedAt: at}, PayBack, grace},
		{"tried", payment.Refund{RefundIntent: intent, Tries: 1, TriedAt: at}, PayBack, 5 * time.Minute},
		{"taken", payment.Refund{RefundIntent: intent, PlatformID: "re_1", TriedAt: at}, Inquire, 5 * time.Minute},
		{"retried by a person", payment.Refund{RefundIntent: intent, TriedAt: at.Add(time.Hour), Retried: 1}, PayBack, time.Hour},
	} {
		c.r.Status = payment.Pending
		got := Hospital(hospitalOrder(hospital.Stopped, payment.Ledger{Refunds: []payment.Refund{c.r}}), periods)
		if len(got) != 1 || got[0].Kind != c.kind || got[0].Graced {
			t.Errorf("%s: %+v, want one %s that waits for nobody", c.name, got, c.kind)
			continue
		}
		if wait := got[0].Due.Sub(at); wait < c.after || wait > c.after+c.after/10 {
			t.Errorf("%s: after %s, want %s and up to a tenth more", c.name, wait, c.after)
		}
	}
}

// TestHospitalOrdersEnd follows an order through its life: what must happen goes with the event that tells of it.
func TestHospitalOrdersEnd(t *testing.T) {
	o := hospital.Order{}
	step := func(c hospital.Command, want ...Kind) {
		t.Helper()
		events, err := hospital.Decide(o, c)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		for _, e := range events {
			o = hospital.Evolve(o, e)
		}
		var kinds []Kind
		for _, todo := range Hospital(o, periods) {
			kinds = append(kinds, todo.Kind)
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("after %T: %v, want %v", c, kinds, want)
		}
	}
	const number, refundNo, stopNo = "1011202603010000001", "1061202603010000001", "1041202603010000001"
	step(hospital.Place{Terms: hospital.Terms{Number: number, Hospital: "H001", Kind: hospital.Registration, Amount: 600, HisOrderNo: "HIS-1",
		Platform: 1, RegType: hospital.Booked, BookDate: "2026-12-01", Patient: "patient1", At: at}}, TimeOut)
	step(hospital.RequestPayment{By: "patient1", Attempt: "a1", Mode: hospital.WeChat, At: at}, Charge, TimeOut)
	step(payment.RecordCharge{Charge: payment.Charge{ID: "ch_1", Channel: payment.WX, TimeExpire: at.Add(time.Hour).Unix()}}, TimeOut)
	step(payment.ConfirmPayment{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_1", Amount: 600, At: at}})
	step(hospital.Refund{Hospital: "H001", Kind: hospital.Registration,
		Order: hospital.RefundOrder{No: refundNo, HisNo: "R-1", Amount: 200, Push: true, At: at}}, PayBack, Tell)
	step(hospital.MarkTold{Notice: refundNo, At: at}, PayBack)
	step(payment.AcceptRefund{No: number + "R1", PlatformID: "re_1", At: at}, Inquire)
	step(hospital.Stop{Hospital: "H001", RefundNo: stopNo, At: at}, Inquire, PayBack, Tell)
	step(payment.SettleRefund{No: number + "R1", OK: true, At: at}, PayBack, Tell)
	step(payment.ParkRefund{No: number + "R2", Why: "key refused", At: at}, Tell)
	step(payment.RetryRefund{No: number + "R2", By: "admin", At: at}, PayBack, Tell)
	step(hospital.MarkTold{Notice: number, At: at}, PayBack)
	step(payment.SettleRefund{No: number + "R2", Why: "bank closed", At: at})
	step(payment.RetryRefund{No: number + "R2", By: "admin", At: at}, PayBack)
	step(payment.SettleRefund{No: number + "R3", OK: true, At: at})
}
