// Package qa is the Q&A order (问答订单): a patient buys a doctor's answer, pays, asks, is answered,
// finishes and evaluates. The contract is the document "问答订单"; the numbers of the states are its own.
package qa

import (
	"slices"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Category is the first part of an order's stream name, "qaorder-<number>".
const Category = "qaorder"

// MonthlyPeriod is how long after the payment of a monthly order (包月服务) the patient may ask again.
const MonthlyPeriod = 30 * 24 * time.Hour

// OrderType is the document's order_type.
type OrderType string

const (
	Online  OrderType = "online"  // 在线咨询
	Monthly OrderType = "monthly" // 包月服务
)

// Types are all there are.
var Types = []OrderType{Online, Monthly}

// Status is the document's status.
type Status int

const (
	Unpaid    Status = iota // 待支付
	Paid                    // 已支付
	Asked                   // 待回答
	Answered                // 已回答
	Finished                // 待评价
	Evaluated               // 已评价
	Cancelled               // 取消
)

// Statuses are all there are.
var Statuses = []Status{Unpaid, Paid, Asked, Answered, Finished, Evaluated, Cancelled}

var statusNames = [...]string{"unpaid", "paid", "asked", "answered", "finished", "evaluated", "cancelled"}

// String is the state's name in the lifecycle's table.
func (s Status) String() string { return statusNames[s] }

// Side is the place of a user in an order, the document's position.
type Side string

const (
	PatientSide Side = "patient"
	DoctorSide  Side = "doctor"
)

// Order is what its events fold to. It is shared between goroutines: never change what it points to. The
// zero Order is one that was not placed.
type Order struct {
	Number     string            `json:"number"`
	PK         int64             `json:"pk"`
	Patient    string            `json:"patient"`
	PatientPK  int64             `json:"patient_pk"`
	Doctor     string            `json:"doctor"`
	Type       OrderType         `json:"type"`
	Amount     domain.Fen        `json:"amount"`
	Status     Status            `json:"status"`
	At         time.Time         `json:"at"`
	Question   *Question         `json:"question,omitempty"`
	Answer     *Answer           `json:"answer,omitempty"`
	AskedAgain bool              `json:"asked_again,omitempty"` // the question is not the first that was put
	Evaluation *Evaluation       `json:"evaluation,omitempty"`
	Attempts   []Attempt         `json:"attempts,omitempty"`
	PaidBy     string            `json:"paid_by,omitempty"` // the Ref of the receipt that paid it
	Receipts   []payment.Receipt `json:"receipts,omitempty"`
	Refunds    []payment.Refund  `json:"refunds,omitempty"`
	Hidden     []Side            `json:"hidden,omitempty"`
}

// Attempt is a requested payment, one for each channel. Its Charge is nil until the platform has made it; one
// from the wallet has none and goes when the wallet has decided.
type Attempt struct {
	ID       string          `json:"id"`
	Channel  payment.Channel `json:"channel"`
	ClientIP string          `json:"client_ip"`
	At       time.Time       `json:"at"`
	Charge   *payment.Charge `json:"charge,omitempty"`
}

// Placed says that the order exists.
func (o Order) Placed() bool { return o.Number != "" }

// HiddenFrom says that the side has destroyed the order for itself.
func (o Order) HiddenFrom(side Side) bool { return slices.Contains(o.Hidden, side) }

// SideOf is the place of a user in the order; ok is false for who is no party or has hidden it.
func (o Order) SideOf(username string) (side Side, ok bool) {
	switch {
	case !o.Placed():
		return "", false
	case username == o.Patient:
		side = PatientSide
	case username == o.Doctor:
		side = DoctorSide
	default:
		return "", false
	}
	return side, !o.HiddenFrom(side)
}

// Payment is the receipt that paid the order, nil before.
func (o Order) Payment() *payment.Receipt {
	for i := range o.Receipts {
		if o.Receipts[i].Ref == o.PaidBy {
			return &o.Receipts[i]
		}
	}
	return nil
}

// Channel is how the order was paid; the document shows alipay until it is.
func (o Order) Channel() payment.Channel {
	if paid := o.Payment(); paid != nil {
		return paid.Channel
	}
	return payment.Alipay
}

// WaitingSince is when the order last began to wait for an answer: with the payment, and in a monthly order
// with every question after the first answer.
func (o Order) WaitingSince() time.Time {
	if o.AskedAgain {
		return o.Question.At
	}
	return o.Payment().At
}

// Charge is the charge with an id, with what has become of its money; ok is false if it is not this order's.
func (o Order) Charge(id string) (c payment.Charge, ok bool) {
	for _, a := range o.Attempts {
		if a.Charge != nil && a.Charge.ID == id {
			return a.Charge.With(o.Receipts, o.Refunds), true
		}
	}
	return payment.Charge{}, false
}

// OtherCharges are all that the order knows of but the [Order.NewestCharge]: those it asked for, then those whose
// money came though no server has recorded them, as far as the money tells of them.
func (o Order) OtherCharges() []payment.Charge {
	others, newest := []payment.Charge{}, o.NewestCharge()
	for _, a := range o.Attempts {
		if a.Charge != nil && a.Charge.ID != newest.ID {
			others = append(others, a.Charge.With(o.Receipts, o.Refunds))
		}
	}
	for _, r := range o.Receipts {
		if _, recorded := o.Charge(r.Ref); !recorded && r.Channel != payment.Balance && r.Amount > 0 {
			others = append(others, payment.ChargeOf(o.Number, r).With(o.Receipts, o.Refunds))
		}
	}
	return others
}

// NewestCharge is the charge that paid the order, or else the newest one, nil if there is none.
func (o Order) NewestCharge() *payment.Charge {
	if paid, ok := o.Charge(o.PaidBy); ok {
		return &paid
	}
	for _, a := range slices.Backward(o.Attempts) {
		if a.Charge != nil {
			newest, _ := o.Charge(a.Charge.ID)
			return &newest
		}
	}
	return nil
}

// Received says that the money of a charge, or of the wallet's attempt, has arrived.
func (o Order) Received(ref string) bool {
	return slices.ContainsFunc(o.Receipts, func(r payment.Receipt) bool { return r.Ref == ref })
}

// Refund is the refund with a number; ok is false if there is none.
func (o Order) Refund(no string) (r payment.Refund, ok bool) {
	for _, r := range o.Refunds {
		if r.No == no {
			return r, true
		}
	}
	return payment.Refund{}, false
}

// Attempt is the newest attempt through a channel, nil if there is none.
func (o Order) Attempt(channel payment.Channel) *Attempt {
	for i := range o.Attempts {
		if o.Attempts[i].Channel == channel {
			return &o.Attempts[i]
		}
	}
	return nil
}

// Pending says that nobody has answered the attempt yet.
func (a Attempt) Pending() bool { return a.Charge == nil }

// Refundable is what was received under ref and is not given back or on its way back.
func (o Order) Refundable(ref string) domain.Fen {
	var left domain.Fen
	for _, r := range o.Receipts {
		if r.Ref == ref {
			left += r.Amount
		}
	}
	for _, r := range o.Refunds {
		if r.Ref == ref && r.Status != payment.Failed {
			left -= r.Amount
		}
	}
	return left
}
