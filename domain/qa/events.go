package qa

import (
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Event is something that happened to one order. Stored names and fields never change; see codec.go.
type Event interface{ isEvent() }

type (
	OrderPlaced struct {
		Number    string     `json:"number"`
		PK        int64      `json:"pk"`
		Patient   string     `json:"patient"`
		PatientPK int64      `json:"patient_pk"`
		Doctor    string     `json:"doctor"`
		Type      OrderType  `json:"type"`
		Amount    domain.Fen `json:"amount"`
		At        time.Time  `json:"at"`
	}
	// PaymentRequested is the intent to have the platform make a charge, or to debit the patient's wallet.
	PaymentRequested struct {
		Attempt  string          `json:"attempt"`
		Channel  payment.Channel `json:"channel"`
		ClientIP string          `json:"client_ip"`
		At       time.Time       `json:"at"`
	}
	PaymentDeclined struct {
		Attempt string    `json:"attempt"`
		Why     string    `json:"why"`
		At      time.Time `json:"at"`
	}
	ChargeCreated struct {
		Charge payment.Charge `json:"charge"`
	}
	OrderPaid struct {
		payment.Receipt
	}
	// SurplusReceived is money for an order that did not wait for it: cancelled or already paid.
	SurplusReceived struct {
		payment.Receipt
	}
	OrderCancelled struct {
		By     string    `json:"by"`
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	}
	OrderHidden struct {
		From Side      `json:"from"`
		At   time.Time `json:"at"`
	}
	QuestionAsked struct {
		Question
	}
	QuestionAnswered struct {
		Answer
	}
	OrderFinished struct {
		By string    `json:"by"`
		At time.Time `json:"at"`
	}
	OrderEvaluated struct {
		Evaluation
	}
	// RefundRequested is the intent to give money back.
	RefundRequested struct {
		payment.RefundIntent
	}
	RefundAccepted struct {
		No         string    `json:"no"`
		PlatformID string    `json:"platform_id"`
		At         time.Time `json:"at"`
	}
	RefundDelayed struct {
		No  string    `json:"no"`
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	RefundParked struct {
		No  string    `json:"no"`
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	// RefundRetried begins a refund again under its number; a failed one is closed by it, and a new one requested.
	RefundRetried struct {
		No string    `json:"no"`
		By string    `json:"by"`
		At time.Time `json:"at"`
	}
	RefundGivenUp struct {
		No  string    `json:"no"`
		By  string    `json:"by"`
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	RefundSucceeded struct {
		No string    `json:"no"`
		At time.Time `json:"at"`
	}
	RefundFailed struct {
		No  string    `json:"no"`
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
)

func (OrderPlaced) isEvent()      {}
func (PaymentRequested) isEvent() {}
func (PaymentDeclined) isEvent()  {}
func (ChargeCreated) isEvent()    {}
func (OrderPaid) isEvent()        {}
func (SurplusReceived) isEvent()  {}
func (OrderCancelled) isEvent()   {}
func (OrderHidden) isEvent()      {}
func (QuestionAsked) isEvent()    {}
func (QuestionAnswered) isEvent() {}
func (OrderFinished) isEvent()    {}
func (OrderEvaluated) isEvent()   {}
func (RefundRequested) isEvent()  {}
func (RefundAccepted) isEvent()   {}
func (RefundDelayed) isEvent()    {}
func (RefundParked) isEvent()     {}
func (RefundRetried) isEvent()    {}
func (RefundGivenUp) isEvent()    {}
func (RefundSucceeded) isEvent()  {}
func (RefundFailed) isEvent()     {}

// Reasons of [OrderCancelled] and of refunds.
const (
	ByRequest   = "by request"
	ByDestroy   = "destroyed while unpaid"
	ByRefund    = "refunded at the patient's request"
	NotPaid     = "not paid in time"
	NotAnswered = "not answered in time"
	OfSurplus   = "paid when no payment was due"
	OfOddSum    = "another sum than the order's was paid"
	SystemName  = "system" // By of what no user did
)
