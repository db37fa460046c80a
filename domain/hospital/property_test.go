package hospital

import (
	"encoding/json"
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
	by := rapid.SampledFrom([]string{patient, patient, patient, "stranger", ""}).Draw(t, "by")
	mode := rapid.SampledFrom(TradeModes).Draw(t, "mode")
	n := rapid.IntRange(1, 6).Draw(t, "n")
	name, refundNo := fmt.Sprintf("x%d", n), fmt.Sprintf("%sR%d", number, n)
	wish := Refund{Hospital: hospital, Kind: o.Kind, Order: RefundOrder{
		No: fmt.Sprintf("%s-%d", name, len(o.RefundOrders)), HisNo: name, Type: ForPartialRefund,
		Amount: rapid.SampledFrom([]domain.Fen{1, 100, 150, o.Left() - 1, o.Left(), o.Left() + 1, o.Amount, -1}).Draw(t, "amount"),
		All:    rapid.Bool().Draw(t, "all"), Push: n%2 == 0, At: now}}
	rest := wish
	rest.Order.Amount = o.Left()
	other := wish
	other.Kind, other.Hospital = Kind(n%4), rapid.SampledFrom([]string{hospital, "H002"}).Draw(t, "hospital")
	return rapid.SampledFrom([]Command{
		RequestPayment{By: by, Attempt: name, Mode: mode, At: now},
		Cancel{By: by, At: now},
		wish, wish, wish, rest, other,
		FreeNumber{HisNo: name, Turn: n % 2, At: now},
		Stop{Hospital: hospital, RefundNo: name + "-stop", At: now},
		MarkTold{Notice: name, At: now},
		MarkTold{Notice: number, At: now},
		payment.DeclinePayment{Attempt: name, Why: "no", At: now},
		payment.RecordCharge{Charge: payment.Charge{ID: name, Channel: mode.Channel(), Amount: o.Amount, TimeExpire: now.Add(time.Hour).Unix()}},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: mode.Channel(), Ref: name, Amount: o.Amount, At: now}},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: mode.Channel(), Ref: name, Amount: o.Amount + domain.Fen(n-3), At: now}},
		payment.AskRefund{No: refundNo, Claim: name, At: now},
		payment.AcceptRefund{No: refundNo, PlatformID: "re_1", At: now},
		payment.DelayRefund{No: refundNo, Why: "no answer", At: now},
		payment.ParkRefund{No: refundNo, Why: "no", At: now},
		payment.SettleRefund{No: refundNo, OK: true, At: now},
		payment.SettleRefund{No: refundNo, Why: "no", At: now},
		payment.SettleRefund{No: refundNo, Why: "no", At: now},
		payment.RetryRefund{No: refundNo, By: "admin", At: now},
		payment.RetryRefund{No: refundNo, By: "admin", At: now},
		payment.GiveUpRefund{No: refundNo, By: "admin", Why: "paid in cash", At: now},
	}).Draw(t, "command")
}

// checkMoney: what is given back was received, what is not the order's is given back, and what is left is the rest.
func checkMoney(t *rapid.T, o Order) {
	received, back, seenTo, asked := map[string]domain.Fen{}, map[string]domain.Fen{}, map[string]domain.Fen{}, map[string]bool{}
	for _, r := range o.Receipts {
		if _, twice := received[r.Ref]; twice {
			t.Fatalf("receipt %s counted twice", r.Ref)
		}
		received[r.Ref] = r.Amount
	}
	numbers := map[string]bool{}
	for _, r := range o.Refunds {
		if numbers[r.No] || r.Amount <= 0 {
			t.Fatalf("refund number %s given twice, or of nothing", r.No)
		}
		numbers[r.No], asked[r.Ref] = true, true
		if r.Status != payment.Failed {
			back[r.Ref] += r.Amount
		} else if r.GivenUp {
			seenTo[r.Ref] += r.Amount
		}
	}
	for ref, amount := range back {
		if amount > received[ref] {
			t.Fatalf("%d fen of %s go back, %d were received", amount, ref, received[ref])
		}
	}
	for _, r := range o.Receipts {
		if r.Ref != o.PaidBy && !asked[r.Ref] {
			t.Fatalf("%d fen of %s are lost", r.Amount, r.Ref)
		}
	}
	if o.PaidBy != "" && o.Left() != max(0, o.Amount-back[o.PaidBy]-seenTo[o.PaidBy]) {
		t.Fatalf("%d fen are left, %d go back and a person has seen to %d of %d", o.Left(), back[o.PaidBy], seenTo[o.PaidBy], o.Amount)
	}
	checkRefundOrders(t, o, back[o.PaidBy])
}

// checkRefundOrders: what the hospital asked for is what goes back, under one number each.
func checkRefundOrders(t *rapid.T, o Order, back domain.Fen) {
	var ordered domain.Fen
	numbers := map[string]bool{}
	for _, r := range o.RefundOrders {
		carrier := o.Carrier(r.No)
		if carrier.Name != r.No || carrier.Ref != o.PaidBy || carrier.Amount != r.Amount {
			t.Fatalf("refund order %+v is carried by %+v", r, carrier)
		}
		if numbers[r.HisNo] {
			t.Fatalf("the hospital's %q stands for two refunds", r.HisNo)
		}
		numbers[r.HisNo] = true
		if carrier.Status != payment.Failed {
			ordered += r.Amount
		}
		if o.TradeMode() == Insurance && (r.Amount != o.Amount || !r.All) {
			t.Fatalf("%d of %d fen of an insurance go back", r.Amount, o.Amount)
		}
	}
	if o.PaidBy != "" && ordered != back {
		t.Fatalf("refunds of %d fen are ordered, %d go back", ordered, back)
	}
	for i, r := range o.Refunds {
		again := func(later payment.Refund) bool { return later.Name == r.Name && r.Name != "" }
		if slices.ContainsFunc(o.Refunds[i+1:], again) && r.Status != payment.Failed {
			t.Fatalf("refund %+v was taken the place of, and did not fail", r)
		}
	}
}

// ended is the status that ended an order whatever its money does, and whether one did.
func ended(events []Event) (s Status, ok bool) {
	for _, e := range events {
		switch e.(type) {
		case HospitalOrderCancelled:
			return Cancelled, true
		case RegistrationStopped:
			return Stopped, true
		}
	}
	return Unpaid, false
}

// implied is the status by the book: how the order ended, else what its ledger says.
func implied(o Order, history []Event) Status {
	end, ok := ended(history)
	switch {
	case ok:
		return end
	case o.PaidBy == "":
		return Unpaid
	case o.Left() == o.Amount:
		return Paid
	case o.Left() > 0:
		return PartlyRefunded
	default:
		return Refunded
	}
}

func checkMove(t *rapid.T, from, to Status, e Event) {
	legal := from == to || slices.ContainsFunc(Lifecycle.Moves(), func(m fsm.EventDesc) bool {
		return slices.Contains(m.Src, from.String()) && m.Dst == to.String()
	})
	if !legal {
		t.Fatalf("%T moved the order from %s to %s", e, from, to)
	}
}

// stored is the event as the log gives it back.
func stored(t *rapid.T, e Event) Event {
	name, schema, data, err := Codec.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Codec.Decode(name, schema, data)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// anyOrder draws an order that was placed, or one that came with its payment.
func anyOrder(t *rapid.T) []Event {
	given := terms(rapid.SampledFrom(Kinds).Draw(t, "kind"), rapid.SampledFrom([]domain.Fen{price, price, price, 1, 0}).Draw(t, "price"))
	if rapid.Bool().Draw(t, "placed") {
		return []Event{HospitalOrderPlaced{given}}
	}
	mode := rapid.SampledFrom(TradeModes).Draw(t, "paid by")
	if mode != Wallet && rapid.Bool().Draw(t, "patient unknown") {
		given.Patient = ""
	}
	command := Import{Terms: given, Receipt: payment.Receipt{Channel: mode.Channel(), Ref: "x1", Amount: given.Amount, At: paidAt}}
	events, err := Decide(Order{}, command)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestWhateverIsAsked gives an order a random history and looks at it after every event.
func TestWhateverIsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, history := paidAt, anyOrder(t)
		o := fold(Order{}, history)
		type kept struct {
			order Order
			was   string
		}
		states := []kept{{o, snapshot(t, o)}} // none of these may ever change
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-10, 100).Draw(t, "hours")) * time.Hour) // clocks are set back too
			c := anyCommand(t, o, now)
			events, err := Decide(o, c)
			var fault *domain.Fault
			if err != nil && (!errors.As(err, &fault) || len(events) > 0) {
				t.Fatalf("%T on %s: %v with events [%s]", c, o.Status, err, names(events))
			}
			for _, e := range events {
				after := Evolve(o, e)
				if read := Evolve(o, stored(t, e)); snapshot(t, read) != snapshot(t, after) {
					t.Fatalf("%T as it is stored gives %s, not %s", e, snapshot(t, read), snapshot(t, after))
				}
				checkMove(t, o.Status, after.Status, e)
				o, history = after, append(history, e)
				if want := implied(o, history); o.Status != want {
					t.Fatalf("after %T the order is %s, its history says %s", e, o.Status, want)
				}
			}
			checkMoney(t, o)
			checkRepeat(t, o, c)
			// A branch from an older state must not be seen in this one: they share what did not change.
			older := rapid.SampledFrom(states).Draw(t, "older").order
			branch, _ := Decide(older, anyCommand(t, older, now))
			states = append(states, kept{o, snapshot(t, o)})
			fold(older, branch)
		}
		for i, s := range states {
			if is := snapshot(t, s.order); is != s.was {
				t.Fatalf("state %d was changed by what came after it:\nwas %s\nis  %s", i, s.was, is)
			}
		}
		var read Order
		if err := json.Unmarshal([]byte(snapshot(t, o)), &read); err != nil || snapshot(t, read) != snapshot(t, o) {
			t.Fatalf("%v: the order %s\nreads back as %s", err, snapshot(t, o), snapshot(t, read))
		}
	})
}

// checkRepeat: what was done is not done again. Every try of a refund that comes to nothing counts.
func checkRepeat(t *rapid.T, o Order, c Command) {
	if _, counts := c.(payment.DelayRefund); counts {
		return
	}
	if again, _ := Decide(o, c); len(again) > 0 {
		t.Fatalf("%T on %s, run again: [%s]", c, o.Status, names(again))
	}
}

// TestBranchesOfOneStateStayApart: two events on one state must not write to the same spare room behind a list.
func TestBranchesOfOneStateStayApart(t *testing.T) {
	base := orderIn(t, Paid, Registration)
	for n := range 12 {
		one := refund(fmt.Sprintf("a%d", n), 1)
		first := run(t, base, one, payment.ConfirmPayment{Receipt: receipt(fmt.Sprintf("a%d", n), price)})
		was := snapshot(t, first)
		other := refund(fmt.Sprintf("b%d", n), 2)
		run(t, base, other, payment.ConfirmPayment{Receipt: receipt(fmt.Sprintf("b%d", n), price)},
			MarkTold{Notice: refund("a0", 1).Order.No, At: later}, payment.SettleRefund{No: number + "R1", OK: true, At: later})
		if is := snapshot(t, first); is != was {
			t.Fatalf("after %d refunds: one branch is seen in the other:\nwas %s\nis  %s", len(base.Refunds), was, is)
		}
		base = first
	}
}
