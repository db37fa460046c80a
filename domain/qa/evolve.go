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
	case payment.OrderPaid:
		o.Status, o.Ledger = Paid, payment.Evolve(o.Ledger, e)
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
	case payment.Event:
		o.Ledger = payment.Evolve(o.Ledger, e)
	}
	return o
}
