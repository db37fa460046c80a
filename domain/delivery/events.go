package delivery

import (
	"time"

	"orderengine/domain"
)

// Event is something that happened to one hospital's deliveries. Stored names and fields never change.
type Event interface{ isEvent() }

type (
	BatchSent struct {
		Batch
		Sender Sender    `json:"sender"`
		At     time.Time `json:"at"`
	}
	BatchDelivered struct {
		Batch
		Tries int       `json:"tries"`
		At    time.Time `json:"at"`
	}
	DeliveryFailed struct {
		Batch
		Failures int       `json:"failures"`
		Why      string    `json:"why"`
		At       time.Time `json:"at"`
	}
	RedeliveryRequested struct {
		After string    `json:"after"`
		By    string    `json:"by"`
		At    time.Time `json:"at"`
	}
)

func (BatchSent) isEvent()           {}
func (BatchDelivered) isEvent()      {}
func (DeliveryFailed) isEvent()      {}
func (RedeliveryRequested) isEvent() {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[BatchSent, Event]("BatchSent"),
	domain.Form[BatchDelivered, Event]("BatchDelivered"),
	domain.Form[DeliveryFailed, Event]("DeliveryFailed"),
	domain.Form[RedeliveryRequested, Event]("RedeliveryRequested"),
)
