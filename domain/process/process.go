// Package process says what must happen next to an order without anybody asking: a charge to be made, a
// wallet to be debited, money to be given back. It is pure. What must happen follows from the order's state
// alone, so it is a view like any other: it appears with the event that calls for it and goes with the event
// that tells of its outcome, and a rebuild of the views brings back just what is still open.
package process

import (
	"time"

	"orderengine/domain/payment"
	"orderengine/domain/qa"
)

// Kind says what has to be done.
type Kind string

const (
	Charge  Kind = "charge"  // have the platform make the charge that was asked for
	Debit   Kind = "debit"   // take the money for the order from the patient's wallet
	PayBack Kind = "payback" // give a refund's money back
)

// Todo is one thing that must happen to one order, not before Due.
type Todo struct {
	Kind    Kind
	Order   string          // its number
	Channel payment.Channel // the money's way
	Attempt string          // of Charge and Debit
	Refund  string          // the refund's number, of PayBack
	Due     time.Time
}

// Periods are the settings that Next depends on.
type Periods struct {
	// Grace is how long the server that wrote an intent has to carry it out itself, before any server does.
	Grace time.Duration
}

// Next is what must happen to an order, from its state.
func Next(o qa.Order, p Periods) []Todo {
	var todos []Todo
	for _, a := range o.Attempts {
		kind := attemptKind(a)
		// A wallet may have been debited already, so it is asked even if the order is past paying.
		if a.Pending() && (kind == Debit || o.Status == qa.Unpaid) {
			todos = append(todos, Todo{Kind: kind, Order: o.Number, Attempt: a.ID, Channel: a.Channel, Due: a.At.Add(p.Grace)})
		}
	}
	for _, r := range o.Refunds {
		if r.Status == payment.Pending {
			todos = append(todos, Todo{Kind: PayBack, Order: o.Number, Channel: r.Channel, Refund: r.No, Due: r.At.Add(p.Grace)})
		}
	}
	return todos
}

func attemptKind(a qa.Attempt) Kind {
	if a.Channel == payment.Balance {
		return Debit
	}
	return Charge
}
