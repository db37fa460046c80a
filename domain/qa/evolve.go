package qa

import (
	"slices"

	"orderengine/domain/payment"
)

// Evolve folds one event into the order. It does not ask the lifecycle's table: what happened stays true
// when the table changes.
func Evolve(o Order, e Event) Order {
	switch e := e.(type) {
	case OrderPlaced:
		o = Order{Number: e.Number, PK: e.PK, Patient: e.Patient, PatientPK: e.PatientPK, Doctor: e.Doctor,
			Type: e.Type, Amount: e.Amount, Status: Unpaid, At: e.At}
	case PaymentRequested:
		o.Attempts = append(withoutAttempt(o.Attempts, e.Channel), Attempt{ID: e.Attempt, Channel: e.Channel, ClientIP: e.ClientIP, At: e.At})
	case PaymentDeclined:
		o.Attempts = slices.DeleteFunc(slices.Clone(o.Attempts), func(a Attempt) bool { return a.ID == e.Attempt })
	case ChargeCreated:
		made := *o.Attempt(e.Charge.Channel)
		made.Charge = &e.Charge
		o.Attempts = append(withoutAttempt(o.Attempts, made.Channel), made)
	case OrderPaid:
		o.Status, o.PaidBy = Paid, e.Ref
		o = withReceipt(o, e.Receipt)
	case SurplusReceived:
		o = withReceipt(o, e.Receipt)
	case OrderCancelled:
		o.Status = Cancelled
	case OrderHidden:
		o.Hidden = append(slices.Clip(o.Hidden), e.From)
	case QuestionAsked:
		o.AskedAgain = o.Question != nil
		o.Status, o.Question, o.Answer = Asked, &e.Question, nil
	case QuestionAnswered:
		o.Status, o.Answer = Answered, &e.Answer
	case OrderFinished:
		o.Status = Finished
	case OrderEvaluated:
		o.Status, o.Evaluation = Evaluated, &e.Evaluation
	case RefundRequested:
		o.Refunds = append(slices.Clip(o.Refunds), payment.Refund{RefundIntent: e.RefundIntent, Status: payment.Pending})
	default:
		o.Refunds = evolveRefunds(o.Refunds, e)
	}
	return o
}

// evolveRefunds folds an event about one refund.
func evolveRefunds(refunds []payment.Refund, e Event) []payment.Refund {
	switch e := e.(type) {
	case RefundAccepted:
		return withRefund(refunds, e.No, func(r *payment.Refund) { r.PlatformID, r.Tries, r.TriedAt = e.PlatformID, 0, e.At })
	case RefundDelayed:
		return withRefund(refunds, e.No, func(r *payment.Refund) { r.Why, r.Tries, r.TriedAt = e.Why, r.Tries+1, e.At })
	case RefundParked:
		return withRefund(refunds, e.No, func(r *payment.Refund) { r.Why, r.Parked, r.TriedAt = e.Why, true, e.At })
	case RefundRetried:
		return withRefund(refunds, e.No, func(r *payment.Refund) {
			r.Closed = r.Status == payment.Failed
			r.Parked, r.Tries, r.TriedAt, r.Retried = false, 0, e.At, r.Retried+1
		})
	case RefundGivenUp:
		return withRefund(refunds, e.No, func(r *payment.Refund) { r.Closed = true })
	case RefundSucceeded:
		return withRefund(refunds, e.No, func(r *payment.Refund) {
			r.Status, r.Why, r.SettledAt, r.Parked = payment.Succeeded, "", e.At, false
		})
	case RefundFailed:
		return withRefund(refunds, e.No, func(r *payment.Refund) {
			r.Status, r.Why, r.SettledAt, r.Parked = payment.Failed, e.Why, e.At, false
		})
	default:
		return refunds
	}
}

func withoutAttempt(attempts []Attempt, channel payment.Channel) []Attempt {
	return slices.DeleteFunc(slices.Clone(attempts), func(a Attempt) bool { return a.Channel == channel })
}

// withReceipt adds the money; the wallet's attempt is answered by it.
func withReceipt(o Order, r payment.Receipt) Order {
	o.Receipts = append(slices.Clip(o.Receipts), r)
	if r.Channel == payment.Balance {
		o.Attempts = withoutAttempt(o.Attempts, payment.Balance)
	}
	return o
}

// withRefund is the refunds with a changed one.
func withRefund(refunds []payment.Refund, no string, change func(*payment.Refund)) []payment.Refund {
	refunds = slices.Clone(refunds)
	for i := range refunds {
		if refunds[i].No == no {
			change(&refunds[i])
		}
	}
	return refunds
}
