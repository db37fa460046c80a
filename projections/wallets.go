package projections

import (
	"context"
	"fmt"
	"time"

	"orderengine/domain"
	"orderengine/domain/wallet"
	"orderengine/eventstore"
)

// WalletLine is one line of a wallet's statement.
type WalletLine struct {
	Kind    string     `json:"kind"`
	Amount  domain.Fen `json:"amount"`  // above 0 what came, below what went
	Balance domain.Fen `json:"balance"` // after it
	Order   string     `json:"order"`   // the number of the order, of payments and refunds
	Note    string     `json:"note"`
	At      time.Time  `json:"at"`
}

// The kinds of a statement's lines.
const (
	WalletTopUp   = "topup"
	WalletPayment = "payment"
	WalletRefund  = "refund"
)

func walletProjection() Projection {
	return Fold[wallet.Wallet, wallet.Event]{
		Of: wallet.Category, Codec: wallet.Codec, Evolve: wallet.Evolve,
		Rows:  func(string, wallet.Wallet) Rows { return Rows{} },
		Lines: walletLines,
	}
}

// statementOf has revisions of 20 digits as members.
func statementOf(username string) string { return "statement/" + username }

func statementLine(username, member string) string { return "statement/" + username + "/" + member }

// walletLines is the line of an event that moved money.
func walletLines(username string, w wallet.Wallet, e wallet.Event, recorded eventstore.Recorded) Rows {
	line := WalletLine{Balance: w.Balance}
	switch e := e.(type) {
	case wallet.WalletToppedUp:
		line.Kind, line.Amount, line.Note, line.At = WalletTopUp, e.Amount, e.Note, e.At
	case wallet.WalletDebited:
		line.Kind, line.Amount, line.Order, line.At = WalletPayment, -e.Amount, e.Order, e.At
	case wallet.WalletCredited:
		line.Kind, line.Amount, line.Order, line.At = WalletRefund, e.Amount, e.Order, e.At
	default:
		return Rows{}
	}
	doc, err := domain.JSON(line)
	if err != nil {
		panic(err) // a struct of plain fields always has a JSON form
	}
	member := fmt.Sprintf("%020d", recorded.Revision)
	return Rows{
		Docs:     []Doc{{statementLine(username, member), doc}},
		Listings: []Listing{{statementOf(username), member}},
	}
}

// Wallets reads the wallets' views.
type Wallets struct{ Views Reader }

// Statement lists what moved in a user's wallet, the newest first.
func (q Wallets) Statement(ctx context.Context, username string, w Window) ([]WalletLine, int, error) {
	return listed[WalletLine](ctx, q.Views, statementOf(username), w.newest(), Documents{Of: statementLine(username, "")})
}
