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

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/wallet"
	"orderengine/eventstore/decider"
)

// Wallets is the decider of wallets.
type Wallets interface {
	Execute(ctx context.Context, username string, call decider.Call, c wallet.Command) (decider.Result[wallet.Wallet], error)
}

// Payments carries out what orders want of their payers' money, and what time does to them.
type Payments struct {
	Books    Books
	Wallets  Wallets
	Platform Platform
	Periods  process.Periods
	Now      func() time.Time
}

// actor stands in the events of what no user did at that moment.
const actor = domain.System

// maxTries is how often a refund is asked for, or after, before a person is.
const maxTries = 10

// Perform carries out all that is due of an order and returns it as it is then. What fails does not hold up the
// rest: a platform that is down must not keep a wallet's money.
func (p Payments) Perform(ctx context.Context, number string) (Entry, error) {
	return p.perform(ctx, number, p.Periods, func(t process.Todo) bool { return t.Kind != process.Tell })
}

// AtOnce is Perform by the server that has just written down what the order wants: its time of grace is now.
// What has no such time is left to the reactor, so that one refund is never asked for twice at once.
func (p Payments) AtOnce(ctx context.Context, number string) (Entry, error) {
	return p.atOnce(ctx, number, func(process.Todo) bool { return true })
}

// Pay is AtOnce of a payment through one channel. Another that was asked for may be held up by its platform.
func (p Payments) Pay(ctx context.Context, number string, channel payment.Channel) (Entry, error) {
	return p.atOnce(ctx, number, func(t process.Todo) bool { return t.Channel == channel })
}

func (p Payments) atOnce(ctx context.Context, number string, mine func(process.Todo) bool) (Entry, error) {
	periods := p.Periods
	periods.Grace = 0
	return p.perform(ctx, number, periods, func(t process.Todo) bool { return t.Graced && mine(t) })
}

// now is as exact as what is stored: a step must be called the same by a server that has read of it.
func (p Payments) now() time.Time { return p.Now().UTC().Truncate(time.Microsecond) }

func (p Payments) perform(ctx context.Context, number string, periods process.Periods, mine func(process.Todo) bool) (Entry, error) {
	order, err := p.Books.Load(ctx, number)
	if err != nil {
		return order, err
	}
	now := p.now()
	var failed []error
	tried := map[process.Todo]bool{}
	for acted := false; ; {
		todos := order.next(periods)
		i := slices.IndexFunc(todos, func(t process.Todo) bool {
			// What follows from a step of ours is ours to do; a wallet takes each step once, so nobody is in the way.
			ours := acted && t.Graced && t.Channel == payment.Balance
			return mine(t) && !tried[t] && (ours || !t.Due.After(now))
		})
		if i < 0 {
			break
		}
		tried[todos[i]] = true
		after, err := p.carryOut(ctx, order, todos[i])
		if err != nil {
			failed = append(failed, fmt.Errorf("%s of order %s: %w", todos[i].Kind, number, err))
			continue
		}
		order, acted = after, true
	}
	return order, errors.Join(failed...)
}

func (p Payments) carryOut(ctx context.Context, o Entry, t process.Todo) (Entry, error) {
	switch t.Kind {
	case process.Charge:
		return p.charge(ctx, o, t)
	case process.Debit:
		return p.debit(ctx, o, t)
	case process.PayBack:
		return p.payBack(ctx, o, t)
	case process.Inquire:
		return p.inquire(ctx, o, t)
	case process.TimeOut:
		return p.timeOut(ctx, o, t)
	default:
		return Entry{}, fmt.Errorf("nobody knows how to do that")
	}
}

// charge has a charge made. A refusal ends the attempt, so that the payer can try another way.
func (p Payments) charge(ctx context.Context, o Entry, t process.Todo) (Entry, error) {
	a := o.Attempt(t.Channel)
	charge, err := p.Platform.CreateCharge(ctx, ChargeRequest{OrderNo: o.Number, Attempt: a.ID, Channel: a.Channel,
		Amount: o.Amount, ClientIP: a.ClientIP, Owner: o.Payer, At: a.At})
	if refusal := final(err); refusal != nil {
		declined := payment.DeclinePayment{Attempt: a.ID, Why: refusal.Error(), At: p.now()}
		return p.Books.Execute(ctx, o.Number, p.call(o, t, "declined"), declined)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrNoCharge, err)
	}
	return p.Books.Execute(ctx, o.Number, p.call(o, t, "recorded"), payment.RecordCharge{Charge: charge})
}

// debit asks the wallet, which decides each attempt once; an order that does not wait any more voids it.
func (p Payments) debit(ctx context.Context, o Entry, t process.Todo) (Entry, error) {
	now := p.now()
	w, err := p.Wallets.Execute(ctx, o.Payer, p.call(o, t, "debited"),
		wallet.Debit{Amount: o.Amount, Order: o.Number, Attempt: t.Attempt, Void: !o.Waiting, At: now})
	if err != nil {
		return Entry{}, err
	}
	if w.State.HasRefused(t.Attempt) {
		return p.Books.Execute(ctx, o.Number, p.call(o, t, "declined"), payment.DeclinePayment{Attempt: t.Attempt, Why: "the wallet did not give the money", At: now})
	}
	receipt := payment.Receipt{Channel: payment.Balance, Ref: t.Attempt, Amount: o.Amount, At: now}
	return p.Books.Execute(ctx, o.Number, p.call(o, t, "settled"), payment.ConfirmPayment{Receipt: receipt})
}

// payBack gives money back: to the wallet at once, else by the platform, which may take days.
func (p Payments) payBack(ctx context.Context, o Entry, t process.Todo) (Entry, error) {
	refund, _ := o.Refund(t.Refund)
	if refund.Channel == payment.Balance {
		return p.credit(ctx, o, t, refund)
	}
	o, refund, ours, err := p.claim(ctx, o, t, refund)
	if err != nil || !ours {
		return o, err
	}
	made, err := p.ask(ctx, o, refund)
	if errors.Is(err, ErrTurn) {
		return Entry{}, err // the next server's try is the one to be written down
	}
	return p.heard(ctx, o, t, refund, made, err)
}

// claim writes down that this server is about to ask for a refund. A request that nobody heard the end of cannot be found
// at the platform while it is on its way: who comes next waits for it, whatever ended this server.
func (p Payments) claim(ctx context.Context, o Entry, t process.Todo, r payment.Refund) (order Entry, claimed payment.Refund, ours bool, err error) {
	id := uuid.New()
	call := p.call(o, t, "")
	call.ID = id
	order, err = p.Books.Execute(ctx, o.Number, call, payment.AskRefund{No: r.No, Claim: id.String(), Instead: r.Claim, At: p.now()})
	claimed, _ = order.Refund(r.No)
	return order, claimed, claimed.Claim == id.String(), err
}

// askLimit is how long after the claim the platform may be asked for one refund. It is shorter than [process.Periods.Grace],
// after which another server may ask.
const askLimit = 10 * time.Second

func (p Payments) ask(ctx context.Context, o Entry, r payment.Refund) (payment.PlatformRefund, error) {
	left := askLimit - p.now().Sub(r.AskedAt)
	if left <= 0 {
		return payment.PlatformRefund{}, fmt.Errorf("%w: the claim took too long to be written", ErrTurn)
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	return p.Platform.CreateRefund(ctx, RefundRequest{Charge: r.Ref, OrderNo: o.Number, No: r.No, Amount: r.Amount, Description: r.Reason})
}

func (p Payments) credit(ctx context.Context, o Entry, t process.Todo, r payment.Refund) (Entry, error) {
	now := p.now()
	credit := wallet.Credit{Amount: r.Amount, Order: o.Number, Refund: r.No, At: now}
	if _, err := p.Wallets.Execute(ctx, o.Payer, p.call(o, t, "credited"), credit); err != nil {
		return Entry{}, err
	}
	return p.Books.Execute(ctx, o.Number, p.call(o, t, "refunded"), payment.SettleRefund{No: r.No, OK: true, At: now})
}

// inquire asks how far a refund is: its notice may have been lost.
func (p Payments) inquire(ctx context.Context, o Entry, t process.Todo) (Entry, error) {
	refund, _ := o.Refund(t.Refund)
	found, ok, err := p.Platform.FindRefund(ctx, refund.Ref, refund.No)
	if err == nil && !ok {
		err = &Refusal{Message: "it has taken the refund, and now knows nothing of it"}
	}
	return p.heard(ctx, o, t, refund, found, err)
}

// heard hands in what the platform said of a refund. What it refuses is left to a person; what nobody knows is
// asked again later, with the same number.
func (p Payments) heard(ctx context.Context, o Entry, t process.Todo, r payment.Refund, is payment.PlatformRefund, err error) (Entry, error) {
	now := p.now()
	var command payment.Command
	switch {
	case final(err) != nil, err != nil && r.Tries+1 >= maxTries:
		command = payment.ParkRefund{No: r.No, Why: err.Error(), At: now}
	case err != nil:
		command = payment.DelayRefund{No: r.No, Why: err.Error(), At: now}
	case is.Status == payment.Succeeded:
		command = payment.SettleRefund{No: r.No, Amount: is.Amount, OK: true, At: now}
	case is.Status == payment.Failed:
		command = payment.SettleRefund{No: r.No, Why: failure(is), At: now}
	case t.Kind == process.Inquire && r.Tries+1 >= maxTries:
		command = payment.ParkRefund{No: r.No, Why: "the platform has had it pending for too long", At: now}
	case t.Kind == process.Inquire:
		command = payment.DelayRefund{No: r.No, Why: "pending", At: now}
	default:
		command = payment.AcceptRefund{No: r.No, PlatformID: is.ID, At: now}
	}
	step := fmt.Sprintf("%T%d%s/%d", command, r.Tries, r.TriedAt, r.Retried)
	return p.Books.Execute(ctx, o.Number, p.call(o, t, step), command)
}

// final is the refusal that an error is, nil for all that may come out otherwise the next time.
func final(err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) && !refusal.WrongKey() {
		return refusal
	}
	return nil
}

// timeOut moves the order on. One whose charges may have been paid is not given up before the platform has
// said that they were not.
func (p Payments) timeOut(ctx context.Context, o Entry, t process.Todo) (Entry, error) {
	if o.Waiting {
		if paid, ok, err := p.lateNotice(ctx, o, t); ok || err != nil {
			return paid, err
		}
	}
	return o.timeOut(ctx, p.call(o, t, o.State+t.Due.String()), p.now())
}

// lateNotice asks the platform after the charges of an unpaid order; ok is true if one was paid, or several. A charge whose
// money the order has had, and did not want, is not asked after again, nor one that the platform does not know.
func (p Payments) lateNotice(ctx context.Context, o Entry, t process.Todo) (paid Entry, ok bool, err error) {
	receipts, err := p.lateReceipts(ctx, o)
	if err != nil {
		return paid, false, err
	}
	for _, r := range receipts {
		if paid, err = p.Books.Execute(ctx, o.Number, p.call(o, t, r.Ref), payment.ConfirmPayment{Receipt: r}); err != nil {
			return paid, false, err
		}
	}
	return paid, len(receipts) > 0, nil
}

// lateReceipts are all of them before one is written down: an order that is paid is not asked after again.
func (p Payments) lateReceipts(ctx context.Context, o Entry) (receipts []payment.Receipt, err error) {
	for _, a := range o.Attempts {
		if a.Pending() || o.Received(a.Charge.ID) {
			continue
		}
		charge, err := p.Platform.FindCharge(ctx, a.Charge.ID)
		if final(err) != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		if charge.Paid {
			receipts = append(receipts, payment.ReceiptOf(charge, p.now()))
		}
	}
	return receipts, nil
}

// failure is the platform's reason for a failed refund.
func failure(r payment.PlatformRefund) string {
	if r.FailureMsg != nil {
		return *r.FailureMsg
	}
	return "the platform gives no reason"
}

// namespace makes the ids of the calls below; it never changes, or a step could be taken twice.
var namespace = uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11")

// call is the same for the same step of the same todo, so that the step is taken once.
func (p Payments) call(o Entry, t process.Todo, step string) decider.Call {
	name := fmt.Sprintf("%s/%s/%s%s/%s", o.Number, t.Kind, t.Attempt, t.Refund, step)
	return decider.Call{ID: uuid.NewSHA1(namespace, []byte(name)), Actor: actor, Correlation: o.Number, Causation: t.Attempt + t.Refund, At: p.now()}
}
