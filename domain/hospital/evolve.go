package hospital

import (
	"slices"

	"orderengine/domain/message"
	"orderengine/domain/payment"
)

// Evolve folds one event into the order. It does not ask the lifecycle's table: what happened stays true
// when the table changes.
func Evolve(o Order, e Event) Order {
	switch e := e.(type) {
	case HospitalOrderPlaced:
		o = Order{Terms: e.Terms}
	case HospitalOrderImported:
		o = Order{Terms: e.Terms, Status: Paid, TraceNo: e.TraceNo}
		o.Ledger = payment.Evolve(o.Ledger, payment.OrderPaid{Receipt: e.Receipt})
	case HospitalOrderCancelled:
		o.Status = Cancelled
	case RefundOrdered:
		o.RefundOrders = append(slices.Clip(o.RefundOrders), e.RefundOrder)
		if e.Push {
			o.Untold = withNotice(o, Notice{ID: e.No, Event: message.Refunded, Amount: e.Amount, Reason: e.Reason, At: e.At})
		}
	case RefundNumberFreed:
		o.Freed = append(slices.Clip(o.Freed), NumberTurn{e.HisNo, e.Turn})
	case RegistrationStopped:
		o.Untold = withNotice(o, Notice{ID: o.Number, Event: message.Stopped, Amount: o.Left(), At: e.At})
		o.Status = Stopped
	case PatientTold:
		o.Untold = slices.DeleteFunc(slices.Clone(o.Untold), func(n Notice) bool { return n.ID == e.Notice })
	case payment.OrderPaid:
		o.Status, o.Ledger = Paid, payment.Evolve(o.Ledger, e)
	case payment.Event:
		o.Ledger = payment.Evolve(o.Ledger, e)
		o.Status = statusOf(o)
	}
	return o
}

// statusOf is the status of a paid order after money went, or was kept after all.
func statusOf(o Order) Status {
	if o.Status != Paid && o.Status != PartlyRefunded && o.Status != Refunded {
		return o.Status
	}
	switch o.Left() {
	case o.Amount:
		return Paid
	case 0:
		return Refunded
	default:
		return PartlyRefunded
	}
}

// withNotice adds what the patient is to be told; where nobody knows the patient, nobody can be told.
func withNotice(o Order, n Notice) []Notice {
	if o.Patient == "" {
		return o.Untold
	}
	return append(slices.Clip(o.Untold), n)
}
