package payment

import (
	"testing"
	"time"

	"orderengine/domain"
)

const r1, r2 = number + "R1", number + "R2"

// steps of a refund.
var (
	ask      = AskRefund{No: r1, Claim: "c1", At: later}
	accept   = AcceptRefund{No: r1, PlatformID: "re_1", At: later}
	delay    = DelayRefund{No: r1, Why: "time-out", At: later}
	park     = ParkRefund{No: r1, Why: "key refused", At: later}
	retry    = RetryRefund{No: r1, By: "admin", At: later}
	giveUp   = GiveUpRefund{No: r1, By: "admin", Why: "paid in cash", At: later}
	succeeds = SettleRefund{No: r1, OK: true, At: later}
	fails    = SettleRefund{No: r1, Why: "bank closed", At: later}
)

const (
	cannot  = "-" // refused with CannotRefund
	nothing = ""
)

// TestEveryStepInEveryStateOfARefund is the table of what may become of a refund.
func TestEveryStepInEveryStateOfARefund(t *testing.T) {
	steps := []Command{ask, accept, delay, park, retry, giveUp, succeeds, fails}
	const claimed, taken, delayed, parked, again, given, good, bad = "RefundAsked", "RefundAccepted", "RefundDelayed", "RefundParked", "RefundRetried", "RefundGivenUp", "RefundSucceeded", "RefundFailed"
	for _, c := range []struct {
		state  string
		before []Command
		want   []string // of the steps above
	}{
		{"wanted", nil, []string{claimed, taken, delayed, parked, cannot, cannot, good, bad}},
		{"being asked for", []Command{ask}, []string{nothing, taken, delayed, parked, cannot, cannot, good, bad}},
		{"taken", []Command{accept}, []string{nothing, nothing, delayed, parked, cannot, cannot, good, bad}},
		{"put off", []Command{delay}, []string{claimed, taken, delayed, parked, cannot, cannot, good, bad}},
		{"taken and put off", []Command{accept, delay}, []string{nothing, nothing, delayed, parked, cannot, cannot, good, bad}},
		{"parked", []Command{park}, []string{nothing, taken, nothing, nothing, again, given, good, bad}},
		{"taken and parked", []Command{accept, park}, []string{nothing, nothing, nothing, nothing, again, given, good, bad}},
		{"parked and tried again", []Command{park, retry}, []string{claimed, taken, delayed, parked, cannot, cannot, good, bad}},
		{"parked and given up", []Command{park, giveUp}, []string{nothing, taken, nothing, nothing, cannot, cannot, good, bad}},
		{"done", []Command{succeeds}, []string{nothing, nothing, nothing, nothing, cannot, cannot, nothing, nothing}},
		{"failed", []Command{fails}, []string{nothing, nothing, nothing, nothing, "RefundRetried RefundRequested", given, nothing, nothing}},
		{"parked and failed", []Command{park, fails}, []string{nothing, nothing, nothing, nothing, "RefundRetried RefundRequested", given, nothing, nothing}},
		{"failed and given up", []Command{fails, giveUp}, []string{nothing, nothing, nothing, nothing, cannot, cannot, nothing, nothing}},
		{"given up and failed", []Command{park, giveUp, fails}, []string{nothing, nothing, nothing, nothing, cannot, cannot, nothing, nothing}},
		{"failed and asked for anew", []Command{fails, retry}, []string{nothing, nothing, nothing, nothing, cannot, cannot, nothing, nothing}},
	} {
		t.Run(c.state, func(t *testing.T) {
			b := run(t, asked(t, ""), c.before...)
			for i, step := range steps {
				if c.want[i] == cannot {
					refused(t, b, step, domain.CannotRefund, "")
				} else {
					gives(t, b, step, c.want[i])
				}
			}
		})
	}
}

func TestEveryStepOfARefundThereIsNot(t *testing.T) {
	b := paid(t)
	for _, step := range []Command{ask, accept, delay, park, retry, giveUp, succeeds, fails} {
		refused(t, b, step, domain.NotFound, "refund")
	}
}

type unknownCommand struct{}

func (unknownCommand) OrderCommand() {}
func (unknownCommand) isMoney()      {}

func TestUnknownCommandIsADefectAndNoRefusal(t *testing.T) {
	events, err := Decide(waiting(), unknownCommand{})
	if _, is := err.(*domain.Fault); err == nil || is || len(events) > 0 {
		t.Errorf("events %v, error %v", events, err)
	}
}

func TestWhatBecomesOfARefund(t *testing.T) {
	at := later.Add(time.Minute)
	intent := asked(t, "N1").Refunds[0].RefundIntent
	for _, c := range []struct {
		name   string
		before []Command
		want   Refund
	}{
		{"asked for", nil, Refund{Status: Pending}},
		{"being asked for", []Command{delay, AskRefund{No: r1, Claim: "c1", At: at}}, Refund{Status: Pending, Why: "time-out", Tries: 1, TriedAt: later, Claim: "c1", AskedAt: at}},
		{"taken", []Command{ask, AcceptRefund{No: r1, PlatformID: "re_1", At: at}}, Refund{Status: Pending, PlatformID: "re_1", TriedAt: at}},
		{"asked for in vain", []Command{ask, DelayRefund{No: r1, Why: "busy", At: at}}, Refund{Status: Pending, Why: "busy", Tries: 1, TriedAt: at}},
		{"refused", []Command{ask, ParkRefund{No: r1, Why: "key refused", At: at}}, Refund{Status: Pending, Why: "key refused", TriedAt: at, Parked: true}},
		{"given back before that was told", []Command{ask, SettleRefund{No: r1, OK: true, At: at}}, Refund{Status: Succeeded, SettledAt: at}},
		{"taken after tries", []Command{delay, delay, AcceptRefund{No: r1, PlatformID: "re_1", At: at}}, Refund{Status: Pending, PlatformID: "re_1", Why: "time-out", TriedAt: at}},
		{"put off twice", []Command{delay, DelayRefund{No: r1, Why: "busy", At: at}}, Refund{Status: Pending, Why: "busy", Tries: 2, TriedAt: at}},
		{"parked", []Command{delay, ParkRefund{No: r1, Why: "key refused", At: at}}, Refund{Status: Pending, Why: "key refused", Tries: 1, TriedAt: at, Parked: true}},
		{"tried again", []Command{delay, park, RetryRefund{No: r1, By: "admin", At: at}}, Refund{Status: Pending, Why: "key refused", TriedAt: at, Retried: 1}},
		{"tried again twice", []Command{park, retry, park, RetryRefund{No: r1, By: "admin", At: at}}, Refund{Status: Pending, Why: "key refused", TriedAt: at, Retried: 2}},
		{"given up", []Command{park, giveUp}, Refund{Status: Pending, Why: "key refused", TriedAt: later, Parked: true, Closed: true, GivenUp: true}},
		{"done", []Command{delay, park, SettleRefund{No: r1, OK: true, At: at}}, Refund{Status: Succeeded, SettledAt: at, Tries: 1, TriedAt: later}},
		{"failed", []Command{park, SettleRefund{No: r1, Why: "bank closed", At: at}}, Refund{Status: Failed, Why: "bank closed", SettledAt: at, TriedAt: later}},
	} {
		b := run(t, asked(t, "N1"), c.before...)
		c.want.RefundIntent = intent
		if len(b.Refunds) != 1 || b.Refunds[0] != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, b.Refunds, c.want)
		}
		if waits := c.name == "parked" || c.name == "refused" || c.name == "failed"; b.Refunds[0].WaitsForPerson() != waits {
			t.Errorf("%s: waits for a person: %v", c.name, !waits)
		}
	}
}

func TestFailedRefundIsAskedForAnew(t *testing.T) {
	for _, name := range []string{"", "1051202603010000001"} {
		b := gives(t, run(t, asked(t, name), delay, fails), RetryRefund{No: r1, By: "admin", At: later.Add(time.Minute)}, "RefundRetried RefundRequested")
		want := Refund{Status: Pending, RefundIntent: RefundIntent{No: r2, Ref: "ch_paid", Channel: WX, Amount: price, Reason: "by request", At: later.Add(time.Minute), Name: name}}
		if first := b.Refunds[0]; !first.Closed || first.Status != Failed || first.Retried != 1 || b.Refunds[1] != want {
			t.Errorf("refunds %+v, want the second %+v", b.Refunds, want)
		}
		b = run(t, b, SettleRefund{No: r2, Why: "bank still closed", At: later})
		gives(t, b, RetryRefund{No: r2, By: "admin", At: later}, "RefundRetried RefundRequested")
	}
}

// TestRetryOfWhatIsLeft: a refund without a name gives back what there is; one with a name is of its amount or none.
func TestRetryOfWhatIsLeft(t *testing.T) {
	meanwhile := func(b Bill, amount domain.Fen) Bill {
		return fold(b, []Event{RefundRequested{RefundOf(b, *b.Payment(), amount, "by request", later)}})
	}
	for _, c := range []struct {
		taken     domain.Fen
		left      domain.Fen // that a nameless one gives back, 0 if it is refused
		leftNamed domain.Fen
	}{
		{1, price - 1, 0}, {price - 1, 1, 0}, {price, 0, 0},
	} {
		for name, left := range map[string]domain.Fen{"": c.left, "N1": c.leftNamed} {
			b := meanwhile(run(t, asked(t, name), fails), c.taken)
			if left == 0 {
				refused(t, b, retry, domain.CannotRefund, "")
				gives(t, b, giveUp, "RefundGivenUp")
				continue
			}
			b = gives(t, b, retry, "RefundRetried RefundRequested")
			if r := b.Refunds[2]; r.Amount != left || r.No != number+"R3" || b.Refundable("ch_paid") != 0 {
				t.Errorf("%d fen taken: %+v", c.taken, r)
			}
		}
	}
}

// TestRefundPutOffByAClockAhead: a person may have it tried again once the clock is right, and not before; once.
func TestRefundPutOffByAClockAhead(t *testing.T) {
	ahead, right := later.AddDate(1, 0, 0), later.Add(time.Minute)
	again := RetryRefund{No: r1, By: "admin", At: right}
	refused(t, asked(t, ""), again, domain.CannotRefund, "")
	b := paid(t)
	written := fold(b, []Event{RefundRequested{RefundOf(b, *b.Payment(), price, "by request", ahead)}})
	for name, b := range map[string]Bill{
		"written":        written,
		"tried":          run(t, asked(t, ""), DelayRefund{No: r1, Why: "time-out", At: ahead}),
		"being asked":    run(t, asked(t, ""), AskRefund{No: r1, Claim: "c1", At: ahead}),
		"taken":          run(t, asked(t, ""), AcceptRefund{No: r1, PlatformID: "re_1", At: ahead}),
		"written, tried": run(t, written, DelayRefund{No: r1, Why: "time-out", At: ahead}),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, b, RetryRefund{No: r1, By: "admin", At: ahead}, domain.CannotRefund, "")
			refused(t, b, GiveUpRefund{No: r1, By: "admin", At: right}, domain.CannotRefund, "")
			b = gives(t, b, again, "RefundRetried")
			if r := b.Refunds[0]; !r.TriedAt.Equal(right) || r.Tries != 0 || r.Retried != 1 || r.Status != Pending {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestOneAsksForARefundAtATime: a claim is taken over by who names it, once.
func TestOneAsksForARefundAtATime(t *testing.T) {
	b := run(t, asked(t, ""), ask)
	for _, c := range []struct {
		instead string
		want    string
	}{{"", nothing}, {"c0", nothing}, {"c1", "RefundAsked"}} {
		gives(t, b, AskRefund{No: r1, Claim: "c2", Instead: c.instead, At: later}, c.want)
	}
}

func TestRefundOfAnotherAmountIsNotSettled(t *testing.T) {
	b := asked(t, "")
	for _, amount := range []domain.Fen{1, price - 1, price + 1, -price} {
		refused(t, b, SettleRefund{No: r1, Amount: amount, OK: true, At: later}, domain.Invalid, "amount")
		refused(t, b, SettleRefund{No: r1, Amount: amount, Why: "no", At: later}, domain.Invalid, "amount")
	}
	gives(t, b, SettleRefund{No: r1, Amount: price, OK: true, At: later}, "RefundSucceeded")
	gives(t, run(t, b, succeeds), SettleRefund{No: r1, Amount: price - 1, OK: true, At: later}, "") // the first outcome stays
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		name   string
		bill   Bill
		amount domain.Fen
		reason string // of giving it back; "": it is kept
	}{
		{"that is due", waiting(), price, ""},
		{"too little", waiting(), price - 1, OfOddSum},
		{"too much", waiting(), price + 1, OfOddSum},
		{"when nothing is due", paid(t), price, OfSurplus},
		{"too little when nothing is due", paid(t), 1, OfOddSum},
	} {
		t.Run(c.name, func(t *testing.T) {
			money := receipt("ch_new", c.amount)
			if c.reason == "" {
				b := gives(t, c.bill, ConfirmPayment{money}, "OrderPaid")
				if p := b.Payment(); p == nil || *p != money || len(b.Refunds) > 0 {
					t.Errorf("paid by %+v, refunds %+v", p, b.Refunds)
				}
				return
			}
			b := gives(t, c.bill, ConfirmPayment{money}, "SurplusReceived RefundRequested")
			want := Refund{Status: Pending, RefundIntent: RefundIntent{No: r1, Ref: "ch_new", Channel: WX, Amount: c.amount, Reason: c.reason, At: paidAt}}
			if len(b.Refunds) != 1 || b.Refunds[0] != want || b.PaidBy != c.bill.PaidBy {
				t.Errorf("refunds %+v, want %+v", b.Refunds, want)
			}
		})
	}
	for _, amount := range []domain.Fen{0, -1, -price} {
		refused(t, waiting(), ConfirmPayment{receipt("ch_new", amount)}, domain.Invalid, "amount")
	}
	gives(t, paid(t), ConfirmPayment{receipt("ch_paid", price)}, "")
	gives(t, paid(t), ConfirmPayment{receipt("ch_paid", 1)}, "") // what counts is the first
}
