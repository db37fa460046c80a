// Package gateways calls what is outside an order's own stream: the payment platform, the patient's wallet.
// An order says in its own events what it wants ([process.Next]); [Payments] carries that out and hands
// the outcome back as a command. Every call may be made again, by another server too: each has one external
// number for ever, and the outcome is taken once.
package gateways

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/domain/wallet"
	"orderengine/eventstore/decider"
)

// The deciders that payments need.
type (
	Orders interface {
		Load(ctx context.Context, number string) (decider.Result[qa.Order], error)
		Execute(ctx context.Context, number string, call decider.Call, c qa.Command) (decider.Result[qa.Order], error)
	}
	Wallets interface {
		Execute(ctx context.Context, username string, call decider.Call, c wallet.Command) (decider.Result[wallet.Wallet], error)
	}
)

// Payments carries out what orders want of their payers' money.
type Payments struct {
	Orders   Orders
	Wallets  Wallets
	Platform Platform
	Now      func() time.Time
}

// actor stands in the events of what no user did at that moment.
const actor = qa.SystemName

// Perform carries out all that the order wants and returns it as it is then. What fails does not hold up the
// rest: a platform that is down must not keep a wallet's money.
func (p Payments) Perform(ctx context.Context, number string) (decider.Result[qa.Order], error) {
	order, err := p.Orders.Load(ctx, number)
	if err != nil {
		return order, err
	}
	var failed []error
	for _, todo := range process.Next(order.State, process.Periods{}) {
		if !wanted(order.State, todo) {
			continue // what was done before it settled it
		}
		after, err := p.carryOut(ctx, order.State, todo)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s of order %s: %w", todo.Kind, number, err))
			continue
		}
		order = after
	}
	return order, errors.Join(failed...)
}

// wanted says that the order, as it is now, still wants what it wanted.
func wanted(o qa.Order, t process.Todo) bool {
	return slices.ContainsFunc(process.Next(o, process.Periods{}), func(now process.Todo) bool {
		return now.Kind == t.Kind && now.Attempt == t.Attempt && now.Refund == t.Refund
	})
}

func (p Payments) carryOut(ctx context.Context, o qa.Order, t process.Todo) (decider.Result[qa.Order], error) {
	switch t.Kind {
	case process.Charge:
		return p.charge(ctx, o, t)
	case process.Debit:
		return p.debit(ctx, o, t)
	case process.PayBack:
		return p.payBack(ctx, o, t)
	default:
		return decider.Result[qa.Order]{}, fmt.Errorf("nobody knows how to do that")
	}
}

func (p Payments) charge(ctx context.Context, o qa.Order, t process.Todo) (decider.Result[qa.Order], error) {
	a := o.Attempt(t.Channel)
	charge, err := p.Platform.CreateCharge(ctx, ChargeRequest{OrderNo: o.Number, Attempt: a.ID, Channel: a.Channel,
		Amount: o.Amount, ClientIP: a.ClientIP, Owner: o.Patient, At: a.At})
	if err != nil {
		return decider.Result[qa.Order]{}, err
	}
	return p.Orders.Execute(ctx, o.Number, p.call(t, "recorded"), qa.RecordCharge{Charge: charge})
}

// debit asks the wallet, which decides each attempt once; an order that does not wait any more voids it.
func (p Payments) debit(ctx context.Context, o qa.Order, t process.Todo) (decider.Result[qa.Order], error) {
	now := p.Now()
	w, err := p.Wallets.Execute(ctx, o.Patient, p.call(t, "debited"),
		wallet.Debit{Amount: o.Amount, Order: o.Number, Attempt: t.Attempt, Void: o.Status != qa.Unpaid, At: now})
	if err != nil {
		return decider.Result[qa.Order]{}, err
	}
	if w.State.HasRefused(t.Attempt) {
		return p.Orders.Execute(ctx, o.Number, p.call(t, "declined"), qa.DeclinePayment{Attempt: t.Attempt, Why: "the wallet did not give the money", At: now})
	}
	receipt := payment.Receipt{Channel: payment.Balance, Ref: t.Attempt, Amount: o.Amount, At: now}
	return p.Orders.Execute(ctx, o.Number, p.call(t, "settled"), qa.ConfirmPayment{Receipt: receipt})
}

func (p Payments) payBack(ctx context.Context, o qa.Order, t process.Todo) (decider.Result[qa.Order], error) {
	var refund payment.Refund
	for _, r := range o.Refunds {
		if r.No == t.Refund {
			refund = r
		}
	}
	if refund.Channel != payment.Balance {
		return decider.Result[qa.Order]{}, fmt.Errorf("no platform takes refunds of %s", refund.Channel)
	}
	now := p.Now()
	credit := wallet.Credit{Amount: refund.Amount, Order: o.Number, Refund: refund.No, At: now}
	if _, err := p.Wallets.Execute(ctx, o.Patient, p.call(t, "credited"), credit); err != nil {
		return decider.Result[qa.Order]{}, err
	}
	return p.Orders.Execute(ctx, o.Number, p.call(t, "refunded"), qa.SettleRefund{No: refund.No, OK: true, At: now})
}

// namespace makes the ids of the calls below; it never changes, or a step could be taken twice.
var namespace = uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11")

// call is the same for the same step of the same todo, so that the step is taken once.
func (p Payments) call(t process.Todo, step string) decider.Call {
	name := fmt.Sprintf("%s/%s/%s%s/%s", t.Order, t.Kind, t.Attempt, t.Refund, step)
	return decider.Call{ID: uuid.NewSHA1(namespace, []byte(name)), Actor: actor, Correlation: t.Order, Causation: t.Attempt + t.Refund, At: p.Now()}
}
