package payment

import (
	"time"

	"orderengine/domain"
)

// Command is what the platform, the wallet, the reactor or a person hands in to the money of an order of any kind.
type Command interface {
	// OrderCommand marks the commands of orders.
	OrderCommand()
	isMoney()
}

type (
	// DeclinePayment hands in that the attempt came to nothing.
	DeclinePayment struct {
		Attempt string
		Why     string
		At      time.Time
	}
	// RecordCharge hands in the charge that the platform made for a requested payment.
	RecordCharge struct{ Charge Charge }
	// ConfirmPayment says that money has arrived. It is never refused for the order's state: money for an
	// order that does not wait for it is given back.
	ConfirmPayment struct{ Receipt Receipt }
	// AskRefund claims the asking for the refund: Claim is told to nobody else. Instead is the claim that it takes the place
	// of, "" if there is none; it comes to nothing if that is not the one that stands.
	AskRefund struct {
		No      string
		Claim   string
		Instead string
		At      time.Time
	}
	// AcceptRefund hands in that the platform has taken the refund and will tell of its outcome.
	AcceptRefund struct {
		No         string
		PlatformID string
		At         time.Time
	}
	// DelayRefund hands in that nobody knows what became of asking for the refund: it is asked for again, with
	// the same number.
	DelayRefund struct {
		No  string
		Why string
		At  time.Time
	}
	// ParkRefund leaves the refund to a person.
	ParkRefund struct {
		No  string
		Why string
		At  time.Time
	}
	// RetryRefund is a person's word that a parked or failed refund is to be tried again; a failed one gets a
	// new number, for the platform has ended the old one. If less is left by now, that is given back; but a
	// refund with a name is tried again whole or not at all.
	RetryRefund struct {
		No string
		By string
		At time.Time
	}
	// GiveUpRefund is a person's word that nothing more is to be done. A pending refund stays reserved: the
	// platform may still carry it out.
	GiveUpRefund struct {
		No  string
		By  string
		Why string
		At  time.Time
	}
	// SettleRefund hands in the outcome of the refund with the number No. One of another amount is refused.
	SettleRefund struct {
		No     string
		Amount domain.Fen // as who settled it tells, 0 if they do not
		OK     bool
		Why    string // when not OK
		At     time.Time
	}
)

func (DeclinePayment) OrderCommand() {}
func (RecordCharge) OrderCommand()   {}
func (ConfirmPayment) OrderCommand() {}
func (AskRefund) OrderCommand()      {}
func (AcceptRefund) OrderCommand()   {}
func (DelayRefund) OrderCommand()    {}
func (ParkRefund) OrderCommand()     {}
func (RetryRefund) OrderCommand()    {}
func (GiveUpRefund) OrderCommand()   {}
func (SettleRefund) OrderCommand()   {}

func (DeclinePayment) isMoney() {}
func (RecordCharge) isMoney()   {}
func (ConfirmPayment) isMoney() {}
func (AskRefund) isMoney()      {}
func (AcceptRefund) isMoney()   {}
func (DelayRefund) isMoney()    {}
func (ParkRefund) isMoney()     {}
func (RetryRefund) isMoney()    {}
func (GiveUpRefund) isMoney()   {}
func (SettleRefund) isMoney()   {}
