// Package wallet is a user's balance (余额). The wallet's own stream decides each attempt to pay an order
// from it once and for all, so that whoever asks again, or late, is told the same.
package wallet

import (
	"slices"

	"orderengine/domain"
)

// Category is the first part of a wallet's stream name, "wallet-<username>".
const Category = "wallet"

// Wallet is what its events fold to. A wallet that nothing happened to is empty.
type Wallet struct {
	Balance domain.Fen `json:"balance"`
	Refused []string   `json:"refused,omitempty"` // attempts that were denied the money, for ever
}

// HasRefused says that the attempt was denied the money.
func (w Wallet) HasRefused(attempt string) bool { return slices.Contains(w.Refused, attempt) }
