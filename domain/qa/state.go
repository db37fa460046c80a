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
	Number     string      `json:"number"`
	PK         int64       `json:"pk"`
	Patient    string      `json:"patient"`
	PatientPK  int64       `json:"patient_pk"`
	Doctor     string      `json:"doctor"`
	Type       OrderType   `json:"type"`
	Amount     domain.Fen  `json:"amount"`
	Status     Status      `json:"status"`
	At         time.Time   `json:"at"`
	Question   *Question   `json:"question,omitempty"`
	Answer     *Answer     `json:"answer,omitempty"`
	AskedAgain bool        `json:"asked_again,omitempty"` // the question is not the first that was put
	Evaluation *Evaluation `json:"evaluation,omitempty"`
	payment.Ledger
	Hidden []Side `json:"hidden,omitempty"`
}

// Bill is the order as its money sees it.
func (o Order) Bill() payment.Bill {
	return payment.Bill{Number: o.Number, Payer: o.Patient, Amount: o.Amount, Waiting: o.Status == Unpaid, State: o.Status.String(), Ledger: o.Ledger}
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
