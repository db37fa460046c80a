package gateways

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Platform collects money and gives it back. Its calls may be made again with the same numbers, but not two at
// once for one refund, and after an error only when the call before must have ended.
//
// A [*Refusal] says that the same call will be refused again. Every other error means that the outcome is not
// known; never guess it, ask again with the same number.
type Platform interface {
	// CreateCharge has a charge made that the payer can settle until it expires. Asked again, the platform gives
	// the charge that it has for the order's number, or, after a while, a new one: both may come to be paid.
	CreateCharge(ctx context.Context, r ChargeRequest) (payment.Charge, error)
	// FindCharge asks whether a charge was paid: its notice may have been lost.
	FindCharge(ctx context.Context, id string) (payment.Charge, error)
	// CreateRefund has money given back; the refund may be pending for days. Asked again, it gives the refund
	// that was made under No.
	CreateRefund(ctx context.Context, r RefundRequest) (payment.PlatformRefund, error)
	// FindRefund asks how far the refund with the number No is; ok is false if the platform has none.
	FindRefund(ctx context.Context, charge, no string) (refund payment.PlatformRefund, ok bool, err error)
}

// ChargeRequest asks for a charge.
type ChargeRequest struct {
	OrderNo  string
	Attempt  string // the attempt's name
	Channel  payment.Channel
	Amount   domain.Fen
	ClientIP string
	Owner    string    // the payer's username
	At       time.Time // when the payer asked
}

// RefundRequest asks for money of a charge to be given back.
type RefundRequest struct {
	Charge      string // the charge's id
	OrderNo     string
	No          string // the refund's number for ever
	Amount      domain.Fen
	Description string // required, at most 255 characters
}

// Refusal is a platform's final answer that it will not do what was asked.
type Refusal struct {
	Status  int // HTTP
	Type    string
	Code    string
	Param   string
	Message string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the platform refuses (%d %s %s %s): %s", r.Status, r.Type, r.Code, r.Param, r.Message)
}

// WrongKey says that it was not the request that was refused but whoever asked: with the right key the same
// request may well be taken.
func (r *Refusal) WrongKey() bool { return r.Status == http.StatusUnauthorized }

// ErrBusy: the platform takes no more calls for now; nothing was done.
var ErrBusy = errors.New("the platform takes no more calls for now")

// ErrNoCharge: the platform was asked for a charge, and gave none. Ask again.
var ErrNoCharge = errors.New("the payment platform gave no charge")

// ErrTurn: it is not this server's turn any more to call the platform; nothing was asked for.
var ErrTurn = errors.New("the platform is another server's to call by now")
