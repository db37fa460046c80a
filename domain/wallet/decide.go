package wallet

import (
	"fmt"

	"orderengine/domain"
)

// Decide says what a command makes of a wallet. The balance never falls below zero.
func Decide(w Wallet, c Command) ([]Event, error) {
	switch c := c.(type) {
	case TopUp:
		if c.Amount <= 0 || c.Amount > domain.MaxFen || w.Balance > domain.MaxFen-c.Amount {
			return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen on top of %d", c.Amount, w.Balance)
		}
		return []Event{WalletToppedUp(c)}, nil
	case Debit:
		if c.Amount <= 0 {
			return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen", c.Amount)
		}
		if c.Void || w.Balance < c.Amount {
			return []Event{DebitRefused{Amount: c.Amount, Order: c.Order, Attempt: c.Attempt, At: c.At}}, nil
		}
		return []Event{WalletDebited{Amount: c.Amount, Order: c.Order, Attempt: c.Attempt, At: c.At}}, nil
	case Credit:
		if c.Amount <= 0 { // however much the wallet holds: it is the user's own money
			return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen", c.Amount)
		}
		return []Event{WalletCredited(c)}, nil
	default:
		return nil, fmt.Errorf("wallet: command %T is not known", c)
	}
}
