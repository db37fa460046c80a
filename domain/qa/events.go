package qa

import (
	"time"

	"orderengine/domain"
)

// Event is something that happened to one order. Stored names and fields never change; see codec.go.
// Those of its money are the events of package payment.
type Event interface {
	// OrderEvent marks the events of orders.
	OrderEvent()
}

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
)

func (OrderPlaced) OrderEvent()      {}
func (OrderCancelled) OrderEvent()   {}
func (OrderHidden) OrderEvent()      {}
func (QuestionAsked) OrderEvent()    {}
func (QuestionAnswered) OrderEvent() {}
func (OrderFinished) OrderEvent()    {}
func (OrderEvaluated) OrderEvent()   {}

// Reasons of [OrderCancelled] and of refunds.
const (
	ByRequest   = "by request"
	ByDestroy   = "destroyed while unpaid"
	ByRefund    = "refunded at the patient's request"
	NotPaid     = "not paid in time"
	NotAnswered = "not answered in time"
)
