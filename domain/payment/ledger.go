package payment

import (
	"slices"
	"strings"
	"time"

	"orderengine/domain"
)

// Ledger is what an order of any kind knows of its money. It is shared between goroutines: never change what
// it points to.
type Ledger struct {
	Attempts []Attempt `json:"attempts,omitempty"`
	PaidBy   string    `json:"paid_by,omitempty"` // the Ref of the receipt that paid it
	Receipts []Receipt `json:"receipts,omitempty"`
	Refunds  []Refund  `json:"refunds,omitempty"`
}

// Bill is an order as its money sees it.
type Bill struct {
	Number  string     // the order's
	Payer   string     // the username of who pays, and has the wallet; "" if nobody knows
	Amount  domain.Fen // that is due
	Waiting bool       // for its payment
	State   string     // in the order's lifecycle
	Ledger
}

// Attempt is a requested payment; one at a time is open through each channel. Its Charge is nil until the platform has made
// it; one from the wallet has none and goes when the wallet has decided.
type Attempt struct {
	ID       string    `json:"id"`
	Channel  Channel   `json:"channel"`
	ClientIP string    `json:"client_ip"`
	At       time.Time `json:"at"`
	Charge   *Charge   `json:"charge,omitempty"`
}

// Pending says that nobody has answered the attempt yet.
func (a Attempt) Pending() bool { return a.Charge == nil }

// Payment is the receipt that paid the order, nil before.
func (l Ledger) Payment() *Receipt {
	for i := range l.Receipts {
		if l.Receipts[i].Ref == l.PaidBy {
			return &l.Receipts[i]
		}
	}
	return nil
}

// Charge is the charge with an id, with what has become of its money; ok is false if it is not this order's.
func (l Ledger) Charge(id string) (c Charge, ok bool) {
	for _, a := range l.Attempts {
		if a.Charge != nil && a.Charge.ID == id {
			return a.Charge.With(l.Receipts, l.Refunds), true
		}
	}
	return Charge{}, false
}

// OtherCharges are all that the order knows of but the [Ledger.NewestCharge]: those it asked for, then those whose
// money came though no server has recorded them, as far as the money tells of them.
func (b Bill) OtherCharges() []Charge {
	others, newest := []Charge{}, b.NewestCharge()
	for _, a := range b.Attempts {
		if a.Charge != nil && a.Charge.ID != newest.ID {
			others = append(others, a.Charge.With(b.Receipts, b.Refunds))
		}
	}
	for _, r := range b.Receipts {
		if _, recorded := b.Charge(r.Ref); !recorded && r.Channel != Balance && r.Amount > 0 {
			others = append(others, ChargeOf(b.Number, r).With(b.Receipts, b.Refunds))
		}
	}
	return others
}

// NewestCharge is the charge that paid the order, or else the newest one, nil if there is none.
func (l Ledger) NewestCharge() *Charge {
	if paid, ok := l.Charge(l.PaidBy); ok {
		return &paid
	}
	for _, a := range slices.Backward(l.Attempts) {
		if a.Charge != nil {
			newest, _ := l.Charge(a.Charge.ID)
			return &newest
		}
	}
	return nil
}

// Received says that the money of a charge, or of the wallet's attempt, has arrived.
func (l Ledger) Received(ref string) bool {
	return slices.ContainsFunc(l.Receipts, func(r Receipt) bool { return r.Ref == ref })
}

// Refund is the refund with a number; ok is false if there is none.
func (l Ledger) Refund(no string) (r Refund, ok bool) {
	for _, r := range l.Refunds {
		if r.No == no {
			return r, true
		}
	}
	return Refund{}, false
}

// Attempt is the newest attempt through a channel, nil if there is none.
func (l Ledger) Attempt(channel Channel) *Attempt {
	for i := len(l.Attempts) - 1; i >= 0; i-- {
		if l.Attempts[i].Channel == channel {
			return &l.Attempts[i]
		}
	}
	return nil
}

// Wants says that a payment asked for through a channel is to be written down: no earlier attempt is open, and
// no charge of it can still be paid or has been.
func (l Ledger) Wants(channel Channel, at time.Time) bool {
	a := l.Attempt(channel)
	return a == nil || !a.Pending() && (!a.Charge.LiveAt(at) || l.Received(a.Charge.ID))
}

// Refundable is what was received under ref and is not given back or on its way back, nor left to a person for good.
func (l Ledger) Refundable(ref string) domain.Fen {
	var left domain.Fen
	for _, r := range l.Receipts {
		if r.Ref == ref {
			left += r.Amount
		}
	}
	for _, r := range l.Refunds {
		if r.Ref == ref && (r.Status != Failed || r.GivenUp) {
			left -= r.Amount
		}
	}
	return max(left, 0) // what a person has seen to may have gone back otherwise before
}

// refundMark stands between an order's number and its refund's place in a refund's number.
const refundMark = "R"

// OrderOfRefund is the number of the order that a refund's number belongs to; ok is false if it is no refund's.
func OrderOfRefund(no string) (number string, ok bool) {
	number, _, marked := strings.Cut(no, refundMark)
	return number, marked
}
