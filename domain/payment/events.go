package payment

import "time"

// Event is something that happened to the money of an order of any kind. Stored names and fields never change.
type Event interface {
	// OrderEvent marks the events of orders.
	OrderEvent()
	isMoney()
}

type (
	// PaymentRequested is the intent to have the platform make a charge, or to debit the patient's wallet.
	PaymentRequested struct {
		Attempt  string    `json:"attempt"`
		Channel  Channel   `json:"channel"`
		ClientIP string    `json:"client_ip"`
		At       time.Time `json:"at"`
	}
	PaymentDeclined struct {
		Attempt string    `json:"attempt"`
		Why     string    `json:"why"`
		At      time.Time `json:"at"`
	}
	ChargeCreated struct {
		Charge Charge `json:"charge"`
	}
	// OrderPaid is the money that the order waited for.
	OrderPaid struct {
		Receipt
	}
	// SurplusReceived is money for an order that did not wait for it: cancelled or already paid.
	SurplusReceived struct {
		Receipt
	}
	// RefundRequested is the intent to give money back.
	RefundRequested struct {
		RefundIntent
	}
	// RefundAsked comes before the platform is asked: if nothing is heard of it, that may still be under way.
	RefundAsked struct {
		No    string    `json:"no"`
		Claim string    `json:"claim"`
		At    time.Time `json:"at"`
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

func (PaymentRequested) OrderEvent() {}
func (PaymentDeclined) OrderEvent()  {}
func (ChargeCreated) OrderEvent()    {}
func (OrderPaid) OrderEvent()        {}
func (SurplusReceived) OrderEvent()  {}
func (RefundRequested) OrderEvent()  {}
func (RefundAsked) OrderEvent()      {}
func (RefundAccepted) OrderEvent()   {}
func (RefundDelayed) OrderEvent()    {}
func (RefundParked) OrderEvent()     {}
func (RefundRetried) OrderEvent()    {}
func (RefundGivenUp) OrderEvent()    {}
func (RefundSucceeded) OrderEvent()  {}
func (RefundFailed) OrderEvent()     {}

func (PaymentRequested) isMoney() {}
func (PaymentDeclined) isMoney()  {}
func (ChargeCreated) isMoney()    {}
func (OrderPaid) isMoney()        {}
func (SurplusReceived) isMoney()  {}
func (RefundRequested) isMoney()  {}
func (RefundAsked) isMoney()      {}
func (RefundAccepted) isMoney()   {}
func (RefundDelayed) isMoney()    {}
func (RefundParked) isMoney()     {}
func (RefundRetried) isMoney()    {}
func (RefundGivenUp) isMoney()    {}
func (RefundSucceeded) isMoney()  {}
func (RefundFailed) isMoney()     {}

// Reasons of refunds that nobody asked for.
const (
	OfSurplus = "paid when no payment was due"
	OfOddSum  = "another sum than the order's was paid"
)
