package qa

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/looplab/fsm"
	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// anyCommand draws a command that somebody may give, sensible or not.
func anyCommand(t *rapid.T, o Order, now time.Time) Command {
	by := rapid.SampledFrom([]string{patient, patient, patient, doctor, doctor, "stranger"}).Draw(t, "by")
	channel := rapid.SampledFrom(payment.Channels).Draw(t, "channel")
	n := rapid.IntRange(1, 5).Draw(t, "n")
	name := fmt.Sprintf("x%d", n)
	return rapid.SampledFrom([]Command{
		RequestPayment{By: by, Attempt: name, Channel: channel, At: now},
		payment.DeclinePayment{Attempt: name, Why: "no", At: now},
		payment.RecordCharge{Charge: payment.Charge{ID: name, Channel: channel, Amount: o.Amount, TimeExpire: now.Add(time.Hour).Unix()}},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: channel, Ref: name, Amount: o.Amount, At: now}},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: channel, Ref: name, Amount: o.Amount + domain.Fen(n-3), At: now}},
		Cancel{By: by, At: now},
		Destroy{By: by, At: now},
		Ask{By: by, Question: Question{PK: int64(n), At: now}},
		Ask{By: patient, Question: Question{PK: int64(n), At: now}},
		GiveAnswer{By: by, Answer: Answer{PK: int64(n), Question: int64(n), At: now}},
		GiveAnswer{By: doctor, Answer: Answer{Question: openOf(o), At: now}},
		Finish{By: by, At: now},
		Evaluate{By: by, Evaluation: Evaluation{Scores: n, At: now}},
		Refund{By: by, At: now},
		payment.SettleRefund{No: fmt.Sprintf("%sR%d", number, n), OK: n%2 == 0, At: now},
	}).Draw(t, "command")
}

func openOf(o Order) int64 {
	if o.Question == nil {
		return 0
	}
	return o.Question.PK
}

// checkMoney: what is given back was received, and what an order does not keep is given back.
func checkMoney(t *rapid.T, o Order) {
	received, back := map[string]domain.Fen{}, map[string]domain.Fen{}
	asked := map[string]bool{}
	for _, r := range o.Receipts {
		if _, twice := received[r.Ref]; twice {
			t.Fatalf("receipt %s counted twice", r.Ref)
		}
		received[r.Ref] = r.Amount
	}
	numbers := map[string]bool{}
	for _, r := range o.Refunds {
		if numbers[r.No] {
			t.Fatalf("refund number %s given twice", r.No)
		}
		numbers[r.No], asked[r.Ref] = true, true
		if r.Status != payment.Failed {
			back[r.Ref] += r.Amount
		}
	}
	for ref, amount := range back {
		if amount > received[ref] {
			t.Fatalf("%d fen of %s go back, %d were received", amount, ref, received[ref])
		}
	}
	for _, r := range o.Receipts {
		if left := o.Refundable(r.Ref); left != r.Amount-back[r.Ref] || left < 0 {
			t.Fatalf("refundable of %s is %d", r.Ref, left)
		}
		kept := r.Ref == o.PaidBy && o.Status != Cancelled
		if !kept && r.Amount > 0 && !asked[r.Ref] {
			t.Fatalf("%d fen of %s are lost: order %s", r.Amount, r.Ref, o.Status)
		}
		if kept && asked[r.Ref] {
			t.Fatalf("order %s gives its own payment back", o.Status)
		}
	}
}

func checkMove(t *rapid.T, from, to Status, c Command) {
	legal := from == to || slices.ContainsFunc(Lifecycle.Moves(), func(m fsm.EventDesc) bool {
		return slices.Contains(m.Src, from.String()) && m.Dst == to.String()
	})
	if !legal {
		t.Fatalf("%T moved the order from %s to %s", c, from, to)
	}
}

// TestWhateverIsAsked gives an order a random history and looks at it after every step.
func TestWhateverIsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.SampledFrom([]domain.Fen{price, price, price, 0}).Draw(t, "amount")
		typ := rapid.SampledFrom(Types).Draw(t, "type")
		now := t0
		o := fold(Order{}, []Event{OrderPlaced(place(typ, amount))})
		type kept struct {
			order Order
			was   string
		}
		var states []kept // none of these may ever change
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			states = append(states, kept{o, snapshot(t, o)})
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "hours")) * time.Hour)
			c := anyCommand(t, o, now)
			events, err := Decide(o, c)
			var fault *domain.Fault
			if err != nil && (!errors.As(err, &fault) || len(events) > 0) {
				t.Fatalf("%T on %s: %v with events [%s]", c, o.Status, err, names(events))
			}
			after := fold(o, events)
			checkMove(t, o.Status, after.Status, c)
			checkMoney(t, after)
			if again, _ := Decide(after, c); len(again) > 0 {
				t.Fatalf("%T on %s, run again: [%s]", c, after.Status, names(again))
			}
			// A branch from an older state must not be seen in this one: they share what did not change.
			older := rapid.SampledFrom(states).Draw(t, "older").order
			branch, _ := Decide(older, anyCommand(t, older, now))
			states = append(states, kept{after, snapshot(t, after)})
			fold(older, branch)
			o = after
		}
		for i, s := range states {
			if is := snapshot(t, s.order); is != s.was {
				t.Fatalf("state %d was changed by what came after it:\nwas %s\nis  %s", i, s.was, is)
			}
		}
	})
}

// TestBranchesOfOneStateStayApart: two events on one state must not write to the same spare room behind a list.
func TestBranchesOfOneStateStayApart(t *testing.T) {
	base := orderIn(t, Paid, Online)
	for n := range 12 {
		first := run(t, base, payment.ConfirmPayment{Receipt: receipt(fmt.Sprintf("a%d", n), price)})
		was := snapshot(t, first)
		run(t, base, payment.ConfirmPayment{Receipt: receipt(fmt.Sprintf("b%d", n), price)}, payment.SettleRefund{No: number + "R1", OK: true, At: t0})
		if is := snapshot(t, first); is != was {
			t.Fatalf("after %d receipts: one branch is seen in the other:\nwas %s\nis  %s", len(base.Receipts), was, is)
		}
		base = first
	}
}
