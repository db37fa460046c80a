package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/domain/wallet"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/gateways"
)

type (
	orders  = decider.Decider[qa.Order, qa.Command, qa.Event]
	wallets = decider.Decider[wallet.Wallet, wallet.Command, wallet.Event]
)

// server is one of two on the same log, with caches and a clock of its own.
type server struct {
	orders  *orders
	wallets *wallets
	off     time.Duration // of its clock
}

type world struct {
	t        *rapid.T
	ctx      context.Context
	base     time.Time // the right time
	store    *spy
	refusals gateways.Refusals // in a log of their own, which the model does not see
	servers  [2]*server
	platform *platform
	model    *model
	numbers  []string
	pk       int64
	calls    int
	again    func() error // the last command that changed something, once more with the same id
	break_   *interruption
}

// spy shows the model what is written, in the order of the log.
type spy struct {
	*memory.Store
	w    *world
	next map[string]eventstore.Revision // that the model has not seen
}

func (s *spy) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	receipt, err := s.Store.Append(ctx, stream, expected, events)
	if err != nil {
		return receipt, err
	}
	for e, err := range s.ReadStream(ctx, stream, s.next[stream]) {
		if err != nil {
			s.w.t.Fatal(err)
		}
		s.next[stream] = e.Revision + 1
		s.w.model.took(e)
	}
	return receipt, nil
}

const doctor = "doctor"

var patients = []string{"ann", "bob", "cid"}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, ctx: context.Background(), base: time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)}
	w.store = &spy{Store: memory.New(), w: w, next: map[string]eventstore.Revision{}}
	w.refusals = gateways.NewRefusals(memory.New(), decider.Options{}, slog.New(slog.DiscardHandler))
	w.platform, w.model = &platform{w: w, backs: map[string]*back{}}, newModel(w)
	for i := range w.servers {
		ticks := 0 // the age of a cached state is measured by a clock that never jumps
		options := decider.Options{Shared: true, CacheSize: 64, Now: func() time.Time { ticks++; return w.base.Add(time.Duration(ticks)) }}
		w.servers[i] = &server{
			orders: decider.New(w.store, decider.Model[qa.Order, qa.Command, qa.Event]{Category: qa.Category, Decide: qa.Decide,
				Evolve: qa.Evolve, Encode: qa.Codec.Encode, Decode: qa.Codec.Decode}, options),
			wallets: decider.New(w.store, decider.Model[wallet.Wallet, wallet.Command, wallet.Event]{Category: wallet.Category, Decide: wallet.Decide,
				Evolve: wallet.Evolve, Encode: wallet.Codec.Encode, Decode: wallet.Codec.Decode}, options),
		}
	}
	return w
}

// now is a server's time.
func (w *world) now(server int) time.Time { return w.base.Add(w.servers[server].off) }

func (w *world) call(server int) decider.Call {
	w.calls++
	return decider.Call{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, w.calls)), At: w.now(server)}
}

// order runs a command on an order.
func (w *world) order(server int, number string, c qa.Command) error {
	return w.orderAs(server, number, w.call(server), c)
}

func (w *world) orderAs(server int, number string, call decider.Call, c qa.Command) error {
	events := w.model.events
	_, err := w.servers[server].orders.Execute(w.ctx, number, call, c)
	w.again = nil
	if w.model.events == events {
		return err
	}
	w.again = func() error {
		before := w.model.events
		_, repeated := w.servers[1-server].orders.Execute(w.ctx, number, call, c)
		if repeated != nil || w.model.events != before {
			return fmt.Errorf("%T once more made %d events: %w", c, w.model.events-before, repeated)
		}
		return nil
	}
	return err
}

var periods = process.Periods{Grace: 5 * time.Second, Unpaid: 24 * time.Hour, Unanswered: 48 * time.Hour, Unfinished: 7 * 24 * time.Hour,
	Retry: []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}}

// interruption is what happens before or after the at-th step of a performer: it stops for ever, or others act.
type interruption struct {
	at    int
	after bool
	dies  bool
	then  func()
	steps int
	dead  bool
}

var errCrash = errors.New("the server is gone")

// step is one thing that a performer does to the world.
func (w *world) step(do func() error) error {
	b := w.break_
	if b == nil {
		return do()
	}
	n := b.steps
	b.steps++
	switch {
	case b.dead:
		return errCrash
	case n != b.at:
		return do()
	case !b.after:
		w.interrupt(b)
		if b.dead {
			return errCrash
		}
		return do()
	default:
		err := do()
		w.interrupt(b)
		if b.dead {
			return errCrash
		}
		return err
	}
}

func (w *world) interrupt(b *interruption) {
	w.break_ = nil // what others do is not interrupted
	b.then()
	w.break_, b.dead = b, b.dies
}

type steppedOrders struct {
	*orders
	w *world
}

func (o steppedOrders) Execute(ctx context.Context, id string, call decider.Call, c qa.Command) (r decider.Result[qa.Order], err error) {
	err = o.w.step(func() error { r, err = o.orders.Execute(ctx, id, call, c); return err })
	return r, err
}

type steppedWallets struct {
	*wallets
	w *world
}

func (o steppedWallets) Execute(ctx context.Context, id string, call decider.Call, c wallet.Command) (r decider.Result[wallet.Wallet], err error) {
	err = o.w.step(func() error { r, err = o.wallets.Execute(ctx, id, call, c); return err })
	return r, err
}

// perform has a server carry out what is due of an order.
func (w *world) perform(server int, number string, atOnce bool, b *interruption) {
	s := w.servers[server]
	p := gateways.Payments{Books: gateways.Books{gateways.QA(steppedOrders{s.orders, w}, w.refusals)}, Wallets: steppedWallets{s.wallets, w}, Platform: w.platform,
		Periods: periods, Now: func() time.Time { return w.now(server) }}
	before := w.break_
	w.break_ = b
	do := p.Perform
	if atOnce {
		do = p.AtOnce
	}
	_, err := do(w.ctx, number)
	w.break_ = before
	if unexpected := strange(err); unexpected != nil {
		w.t.Fatalf("perform %s: %v", number, unexpected)
	}
}

// strange is the first error that nobody caused.
func strange(err error) error {
	if err == nil || err == errCrash || err == errLost || err == gateways.ErrNoCharge {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			if strange(one) != nil {
				return one
			}
		}
		return nil
	}
	if inner := errors.Unwrap(err); inner != nil {
		return strange(inner)
	}
	return err
}

// deliver sends a notice to a server as httpapi takes it.
func (w *world) deliver(server int, n notice) {
	call := decider.Call{ID: uuid.NewSHA1(uuid.Max, []byte(n.id)), At: w.now(server)}
	var c qa.Command = payment.SettleRefund{No: n.refund, OK: n.ok, Why: "the channel says no", At: w.now(server)}
	if n.refund == "" {
		n.receipt.At = w.now(server)
		c = payment.ConfirmPayment{Receipt: n.receipt}
	}
	if err := w.orderAs(server, n.order, call, c); err != nil {
		w.t.Fatalf("notice %+v: %v", n, err)
	}
}

func (w *world) topUp(server int, who string, amount domain.Fen) {
	if _, err := w.servers[server].wallets.Execute(w.ctx, who, w.call(server), wallet.TopUp{Amount: amount, At: w.now(server)}); err != nil {
		w.t.Fatal(err)
	}
}
