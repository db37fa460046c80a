package payment

import (
	"slices"
	"time"
)

// Evolve folds one event into the money of an order.
func Evolve(l Ledger, e Event) Ledger {
	switch e := e.(type) {
	case PaymentRequested:
		l.Attempts = append(withoutPending(l.Attempts, e.Channel), Attempt{ID: e.Attempt, Channel: e.Channel, ClientIP: e.ClientIP, At: e.At})
	case PaymentDeclined:
		l.Attempts = slices.DeleteFunc(slices.Clone(l.Attempts), func(a Attempt) bool { return a.ID == e.Attempt })
	case ChargeCreated:
		made := *l.Attempt(e.Charge.Channel)
		made.Charge = &e.Charge
		l.Attempts = append(withoutPending(withoutCharge(l.Attempts, e.Charge.ID), made.Channel), made)
	case OrderPaid:
		l.PaidBy = e.Ref
		l = withReceipt(l, e.Receipt)
	case SurplusReceived:
		l = withReceipt(l, e.Receipt)
	case RefundRequested:
		l.Refunds = append(slices.Clip(l.Refunds), Refund{RefundIntent: e.RefundIntent, Status: Pending})
	default:
		l.Refunds = evolveRefunds(l.Refunds, e)
	}
	return l
}

// evolveRefunds folds an event about one refund.
func evolveRefunds(refunds []Refund, e Event) []Refund {
	switch e := e.(type) {
	case RefundAsked:
		return withRefund(refunds, e.No, func(r *Refund) { r.Claim, r.AskedAt = e.Claim, e.At })
	case RefundAccepted:
		return heardOf(refunds, e.No, func(r *Refund) { r.PlatformID, r.Tries, r.TriedAt = e.PlatformID, 0, e.At })
	case RefundDelayed:
		return heardOf(refunds, e.No, func(r *Refund) { r.Why, r.Tries, r.TriedAt = e.Why, r.Tries+1, e.At })
	case RefundParked:
		return heardOf(refunds, e.No, func(r *Refund) { r.Why, r.Parked, r.TriedAt = e.Why, true, e.At })
	case RefundRetried:
		return heardOf(refunds, e.No, func(r *Refund) {
			r.Closed = r.Status == Failed
			r.Parked, r.Tries, r.TriedAt, r.Retried = false, 0, e.At, r.Retried+1
		})
	case RefundGivenUp:
		return withRefund(refunds, e.No, func(r *Refund) { r.Closed, r.GivenUp = true, true })
	case RefundSucceeded:
		return heardOf(refunds, e.No, func(r *Refund) {
			r.Status, r.Why, r.SettledAt, r.Parked = Succeeded, "", e.At, false
		})
	case RefundFailed:
		return heardOf(refunds, e.No, func(r *Refund) {
			r.Status, r.Why, r.SettledAt, r.Parked = Failed, e.Why, e.At, false
		})
	default:
		return refunds
	}
}

// heardOf is withRefund for a refund that nobody is asking for any more.
func heardOf(refunds []Refund, no string, change func(*Refund)) []Refund {
	return withRefund(refunds, no, func(r *Refund) { r.Claim, r.AskedAt = "", time.Time{}; change(r) })
}

// withoutPending are the attempts but the open one through a channel. One with a charge stays for good: it may have been
// paid, whatever the notice of it became.
func withoutPending(attempts []Attempt, channel Channel) []Attempt {
	return slices.DeleteFunc(slices.Clone(attempts), func(a Attempt) bool { return a.Channel == channel && a.Pending() })
}

// withoutCharge are the attempts but those that the platform has answered with a charge: it may give one again.
func withoutCharge(attempts []Attempt, id string) []Attempt {
	return slices.DeleteFunc(slices.Clone(attempts), func(a Attempt) bool { return !a.Pending() && a.Charge.ID == id })
}

// withReceipt adds the money; the wallet's attempt is answered by it.
func withReceipt(l Ledger, r Receipt) Ledger {
	l.Receipts = append(slices.Clip(l.Receipts), r)
	if r.Channel == Balance {
		l.Attempts = withoutPending(l.Attempts, Balance)
	}
	return l
}

// withRefund is the refunds with a changed one.
func withRefund(refunds []Refund, no string, change func(*Refund)) []Refund {
	refunds = slices.Clone(refunds)
	for i := range refunds {
		if refunds[i].No == no {
			change(&refunds[i])
		}
	}
	return refunds
}
