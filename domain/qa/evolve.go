package qa

import (
	"slices"
	"time"

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
		o.Status = Paid
		o = withReceipt(o, e.Receipt)
	case SurplusReceived:
		o = withReceipt(o, e.Receipt)
	case OrderCancelled:
		o.Status = Cancelled
	case OrderHidden:
		o.Hidden = append(slices.Clip(o.Hidden), e.From)
	case QuestionAsked:
		o.Status, o.Question, o.Answer = Asked, &e.Question, nil
	case QuestionAnswered:
		o.Status, o.Answer = Answered, &e.Answer
	case OrderFinished:
		o.Status = Finished
	case OrderEvaluated:
		o.Status, o.Evaluation = Evaluated, &e.Evaluation
	case RefundRequested:
		o.Refunds = append(slices.Clip(o.Refunds), e.Refund)
	case RefundSucceeded:
		o.Refunds = settled(o.Refunds, e.No, payment.Succeeded, "", e.At)
	case RefundFailed:
		o.Refunds = settled(o.Refunds, e.No, payment.Failed, e.Why, e.At)
	}
	return o
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

func settled(refunds []payment.Refund, no string, status payment.RefundStatus, why string, at time.Time) []payment.Refund {
	refunds = slices.Clone(refunds)
	for i := range refunds {
		if refunds[i].No == no {
			refunds[i].Status, refunds[i].Why, refunds[i].SettledAt = status, why, at
		}
	}
	return refunds
}
