package hospital

import (
	"time"

	"orderengine/domain/payment"
)

// Command asks for a change of one order. What the platform and the wallet hand in are the commands of package
// payment. Who is not a party of the order is refused with [domain.NotFound].
type Command interface {
	// OrderCommand marks the commands of orders.
	OrderCommand()
}

type (
	// Place makes an order.
	Place struct{ Terms }
	// Import takes in an order that was paid elsewhere.
	Import struct {
		Terms
		Receipt payment.Receipt
		TraceNo string
	}
	// RequestPayment asks to pay. While a charge of that trade mode is live it changes nothing. An order of amount 0
	// is paid by it.
	RequestPayment struct {
		By       string
		Attempt  string // names this attempt for ever
		Mode     TradeMode
		ClientIP string // where the payer is; the platform asks for it
		At       time.Time
	}
	// Cancel gives up an unpaid order.
	Cancel struct {
		By string
		At time.Time
	}
	// TimeOut cancels an order that was not paid in time.
	TimeOut struct{ At time.Time }
	// Refund gives money back for the hospital (refundGeneral, 2.1). The same refund again changes nothing.
	Refund struct {
		Hospital string
		Kind     Kind // the document's refundType
		Order    RefundOrder
		Turn     int // in which the hospital's number led to this order (package link)
	}
	// FreeNumber makes sure that a number of the hospital's which leads to the order, without a refund that has it, will
	// never stand for one in that turn: it may then be led to another order.
	FreeNumber struct {
		HisNo string
		Turn  int
		At    time.Time
	}
	// Stop stops a registration (stopReg, 2.2) and gives back what is left. A stopped one is left as it is.
	Stop struct {
		Hospital string
		RefundNo string // for what is given back
		At       time.Time
	}
	// MarkTold says that the message of a notice is recorded.
	MarkTold struct {
		Notice string
		At     time.Time
	}
)

func (Place) OrderCommand()          {}
func (Import) OrderCommand()         {}
func (RequestPayment) OrderCommand() {}
func (Cancel) OrderCommand()         {}
func (TimeOut) OrderCommand()        {}
func (Refund) OrderCommand()         {}
func (FreeNumber) OrderCommand()     {}
func (Stop) OrderCommand()           {}
func (MarkTold) OrderCommand()       {}
