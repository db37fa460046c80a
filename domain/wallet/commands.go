package wallet

import (
	"time"

	"orderengine/domain"
)

// Command asks for a change of one wallet. Whether it was done already is told by the command's id, which
// the caller derives from the reason (the order's number, the refund's number).
type Command interface{ isCommand() }

type (
	// TopUp adds money. By is the administrator.
	TopUp struct {
		Amount domain.Fen
		By     string
		Note   string
		At     time.Time
	}
	// Debit pays the order with the number Order, or denies the attempt the money for ever: for want of it,
	// or because Void says that the order does not wait for it any more.
	Debit struct {
		Amount  domain.Fen
		Order   string
		Attempt string
		Void    bool
		At      time.Time
	}
	// Credit takes back the refund with the number Refund of the order with the number Order.
	Credit struct {
		Amount domain.Fen
		Order  string
		Refund string
		At     time.Time
	}
)

func (TopUp) isCommand()  {}
func (Debit) isCommand()  {}
func (Credit) isCommand() {}
