package wallet

import (
	"time"

	"orderengine/domain"
)

// Event is something that happened to one wallet.
type Event interface{ isEvent() }

type (
	WalletToppedUp struct {
		Amount domain.Fen `json:"amount"`
		By     string     `json:"by"`
		Note   string     `json:"note"`
		At     time.Time  `json:"at"`
	}
	WalletDebited struct {
		Amount  domain.Fen `json:"amount"`
		Order   string     `json:"order"`
		Attempt string     `json:"attempt"`
		At      time.Time  `json:"at"`
	}
	DebitRefused struct {
		Amount  domain.Fen `json:"amount"`
		Order   string     `json:"order"`
		Attempt string     `json:"attempt"`
		At      time.Time  `json:"at"`
	}
	WalletCredited struct {
		Amount domain.Fen `json:"amount"`
		Order  string     `json:"order"`
		Refund string     `json:"refund"`
		At     time.Time  `json:"at"`
	}
)

func (WalletToppedUp) isEvent() {}
func (WalletDebited) isEvent()  {}
func (DebitRefused) isEvent()   {}
func (WalletCredited) isEvent() {}
