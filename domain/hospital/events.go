package hospital

import (
	"time"

	"orderengine/domain/payment"
)

// Event is something that happened to one order. Those of its money are the events of package payment. Stored
// names and fields never change; see codec.go.
type Event interface {
	// OrderEvent marks the events of orders.
	OrderEvent()
}

type (
	HospitalOrderPlaced struct {
		Terms
	}
	// HospitalOrderImported is an order that came with its payment.
	HospitalOrderImported struct {
		Terms
		Receipt payment.Receipt `json:"receipt"`
		TraceNo string          `json:"trace_no,omitempty"`
	}
	HospitalOrderCancelled struct {
		By     string    `json:"by"`
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	}
	// RefundOrdered is the hospital's wish; the money's intent follows it.
	RefundOrdered struct {
		RefundOrder
	}
	// RefundNumberFreed is a number of the hospital's that led to the order and stands for no refund of it.
	RefundNumberFreed struct {
		HisNo string    `json:"his_no"`
		Turn  int       `json:"turn"`
		At    time.Time `json:"at"`
	}
	RegistrationStopped struct {
		By string    `json:"by"` // the hospital
		At time.Time `json:"at"`
	}
	PatientTold struct {
		Notice string    `json:"notice"`
		At     time.Time `json:"at"`
	}
)

func (HospitalOrderPlaced) OrderEvent()    {}
func (HospitalOrderImported) OrderEvent()  {}
func (HospitalOrderCancelled) OrderEvent() {}
func (RefundOrdered) OrderEvent()          {}
func (RefundNumberFreed) OrderEvent()      {}
func (RegistrationStopped) OrderEvent()    {}
func (PatientTold) OrderEvent()            {}

// Reasons of [HospitalOrderCancelled], and of the refund after a stop.
const (
	ByRequest = "by request"
	NotPaid   = "not paid in time"
	OfStop    = "医生停诊"
)
