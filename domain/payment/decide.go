package payment

import (
	"cmp"
	"fmt"
	"time"

	"orderengine/domain"
)

// Decide says what a command makes of an order's money: events, none if it is done already, or a refusal.
func Decide(b Bill, c Command) ([]Event, error) {
	switch c := c.(type) {
	case DeclinePayment:
		return decideDeclinePayment(b, c)
	case RecordCharge:
		return decideRecordCharge(b, c)
	case ConfirmPayment:
		return decideConfirmPayment(b, c)
	case AskRefund:
		return decideAskRefund(b, c)
	case AcceptRefund:
		return decideAcceptRefund(b, c)
	case DelayRefund:
		return decideDelayRefund(b, c)
	case ParkRefund:
		return decideParkRefund(b, c)
	case RetryRefund:
		return decideRetryRefund(b, c)
	case GiveUpRefund:
		return decideGiveUpRefund(b, c)
	case SettleRefund:
		return decideSettleRefund(b, c)
	default:
		return nil, fmt.Errorf("payment: command %T is not known", c)
	}
}

// DecideFor is [Decide] for an order whose events are of type E, which holds those of its money.
func DecideFor[E any](b Bill, c Command) ([]E, error) {
	decided, err := Decide(b, c)
	events := make([]E, len(decided))
	for i, e := range decided {
		events[i] = any(e).(E)
	}
	return events, err
}

func decideDeclinePayment(b Bill, c DeclinePayment) ([]Event, error) {
	for _, a := range b.Attempts {
		if a.ID == c.Attempt && a.Pending() {
			return []Event{PaymentDeclined(c)}, nil
		}
	}
	return nil, nil
}

func decideRecordCharge(b Bill, c RecordCharge) ([]Event, error) {
	a := b.Attempt(c.Charge.Channel)
	if a == nil || !a.Pending() {
		return nil, nil // nobody asked for it, or an earlier one was recorded
	}
	return []Event{ChargeCreated(c)}, nil
}

func decideConfirmPayment(b Bill, c ConfirmPayment) ([]Event, error) {
	if b.Received(c.Receipt.Ref) {
		return nil, nil
	}
	if c.Receipt.Amount <= 0 {
		return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen", c.Receipt.Amount)
	}
	reason := OfSurplus
	if c.Receipt.Amount != b.Amount {
		reason = OfOddSum
	} else if b.Waiting {
		return []Event{OrderPaid{c.Receipt}}, nil
	}
	back := RefundOf(b, c.Receipt, c.Receipt.Amount, reason, c.Receipt.At)
	return []Event{SurplusReceived{c.Receipt}, RefundRequested{back}}, nil
}

func decideAskRefund(b Bill, c AskRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	if err != nil || r.Status != Pending || r.Parked || r.PlatformID != "" || r.Claim != c.Instead {
		return nil, err
	}
	return []Event{RefundAsked{No: c.No, Claim: c.Claim, At: c.At}}, nil
}

func decideAcceptRefund(b Bill, c AcceptRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	if err != nil || r.Status != Pending || r.PlatformID != "" {
		return nil, err
	}
	return []Event{RefundAccepted(c)}, nil
}

func decideDelayRefund(b Bill, c DelayRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	if err != nil || r.Status != Pending || r.Parked {
		return nil, err
	}
	return []Event{RefundDelayed(c)}, nil
}

func decideParkRefund(b Bill, c ParkRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	if err != nil || r.Status != Pending || r.Parked {
		return nil, err
	}
	return []Event{RefundParked(c)}, nil
}

func decideRetryRefund(b Bill, c RetryRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	if err != nil {
		return nil, err
	}
	if !r.WaitsForPerson() && !putOff(r, c.At) {
		return nil, domain.Refuse(domain.CannotRefund, "refund %s does not wait for a person", c.No)
	}
	again := []Event{RefundRetried(c)}
	if r.Status != Failed {
		return again, nil
	}
	left := min(r.Amount, b.Refundable(r.Ref))
	switch {
	case left <= 0:
		return nil, domain.Refuse(domain.CannotRefund, "nothing of %s is left to refund", r.Ref)
	case r.Name != "" && left < r.Amount:
		// Who gave the refund its name has written down its amount too.
		return nil, domain.Refuse(domain.CannotRefund, "%d fen of %s are left to refund, %s is of %d", left, r.Ref, r.Name, r.Amount)
	}
	from := Receipt{Ref: r.Ref, Channel: r.Channel}
	next := RefundOf(b, from, left, r.Reason, c.At)
	next.Name = r.Name
	return append(again, RefundRequested{next}), nil
}

// putOff says that a clock ahead of its time has put the refund off for long: it would wait for nobody else.
func putOff(r Refund, now time.Time) bool {
	from := cmp.Or(r.AskedAt, r.TriedAt, r.At)
	return r.Status == Pending && !r.Closed && from.After(now)
}

func decideGiveUpRefund(b Bill, c GiveUpRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	if err != nil {
		return nil, err
	}
	if !r.WaitsForPerson() {
		return nil, domain.Refuse(domain.CannotRefund, "refund %s does not wait for a person", c.No)
	}
	return []Event{RefundGivenUp(c)}, nil
}

func decideSettleRefund(b Bill, c SettleRefund) ([]Event, error) {
	r, err := refundWith(b, c.No)
	switch {
	case err != nil || r.Status != Pending:
		return nil, err
	case c.Amount != 0 && c.Amount != r.Amount:
		return nil, domain.RefuseField(domain.Invalid, "amount", "refund %s is of %d fen, not of %d", c.No, r.Amount, c.Amount)
	case c.OK:
		return []Event{RefundSucceeded{No: c.No, At: c.At}}, nil
	default:
		return []Event{RefundFailed{No: c.No, Why: c.Why, At: c.At}}, nil
	}
}

func refundWith(b Bill, no string) (Refund, error) {
	r, ok := b.Refund(no)
	if !ok {
		return r, domain.RefuseField(domain.NotFound, "refund", "order %s has no refund %s", b.Number, no)
	}
	return r, nil
}

// RefundOf is a pending refund of a receipt, numbered by its place in the order: the number stays the same on every retry.
func RefundOf(b Bill, from Receipt, amount domain.Fen, reason string, at time.Time) RefundIntent {
	return RefundIntent{
		No:  fmt.Sprintf("%s%s%d", b.Number, refundMark, len(b.Refunds)+1),
		Ref: from.Ref, Channel: from.Channel, Amount: amount, Reason: reason, At: at,
	}
}
