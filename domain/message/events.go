package message

import (
	"time"

	"orderengine/domain"
)

// Happening is something that happened to one message. Stored names and fields never change.
type Happening interface{ isEvent() }

type (
	MessageComposed struct {
		Content
	}
	MessageSent struct {
		Ref string    `json:"ref"`
		At  time.Time `json:"at"`
	}
	MessageDelayed struct {
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	MessageParked struct {
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	MessageDropped struct {
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	MessageRetried struct {
		By string    `json:"by"`
		At time.Time `json:"at"`
	}
)

func (MessageComposed) isEvent() {}
func (MessageSent) isEvent()     {}
func (MessageDelayed) isEvent()  {}
func (MessageParked) isEvent()   {}
func (MessageDropped) isEvent()  {}
func (MessageRetried) isEvent()  {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[MessageComposed, Happening]("MessageComposed", domain.SealFields("params", "text")),
	domain.Form[MessageSent, Happening]("MessageSent"),
	domain.Form[MessageDelayed, Happening]("MessageDelayed"),
	domain.Form[MessageParked, Happening]("MessageParked"),
	domain.Form[MessageDropped, Happening]("MessageDropped"),
	domain.Form[MessageRetried, Happening]("MessageRetried"),
)
