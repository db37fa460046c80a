package wallet

import "slices"

// Evolve folds one event into the wallet.
func Evolve(w Wallet, e Event) Wallet {
	switch e := e.(type) {
	case WalletToppedUp:
		w.Balance += e.Amount
	case WalletDebited:
		w.Balance -= e.Amount
	case DebitRefused:
		w.Refused = append(slices.Clip(w.Refused), e.Attempt)
	case WalletCredited:
		w.Balance += e.Amount
	}
	return w
}
