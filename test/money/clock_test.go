package money

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/domain/wallet"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/gateways"
	"orderengine/projections"
	"orderengine/projections/embeddedview"
)

const year = 365 * 24 * time.Hour

// clock is what all servers of a world go by.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bank is a platform that gives back at once, and counts.
type bank struct {
	mu    sync.Mutex
	given map[string]int // by the refund's number
	asked map[string]int // after a charge
}

func (b *bank) CreateCharge(_ context.Context, r gateways.ChargeRequest) (payment.Charge, error) {
	return payment.Charge{ID: "ch_" + r.OrderNo, OrderNo: r.OrderNo, Channel: r.Channel, Amount: r.Amount, TimeExpire: r.At.Add(2 * time.Hour).Unix()}, nil
}

func (b *bank) FindCharge(_ context.Context, id string) (payment.Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked[id]++
	return payment.Charge{ID: id}, nil
}

// CreateRefund gives a number back once, as WeChat and Alipay do; asked again it tells of the first time.
func (b *bank) CreateRefund(_ context.Context, r gateways.RefundRequest) (payment.PlatformRefund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.given[r.No] = 1
	return payment.PlatformRefund{ID: "re_" + r.No, OrderNo: r.No, Charge: r.Charge, Amount: r.Amount, Status: payment.Succeeded}, nil
}

func (b *bank) FindRefund(context.Context, string, string) (payment.PlatformRefund, bool, error) {
	return payment.PlatformRefund{}, false, nil
}

type (
	orders  = decider.Decider[qa.Order, qa.Command, qa.Event]
	wallets = decider.Decider[wallet.Wallet, wallet.Command, wallet.Event]
)

// world is one log and two servers' reactors, each with its own views, caches and hands.
type world struct {
	t       *testing.T
	clock   *clock
	bank    *bank
	store   *memory.Store
	orders  *orders
	wallets *wallets
	pay     gateways.Payments // of the server that requests reach
	pk      int64
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: &clock{now: time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)}, bank: &bank{given: map[string]int{}, asked: map[string]int{}}, store: memory.New()}
	dirs := []string{t.TempDir(), t.TempDir()} // they go after what is in them is closed
	ctx, stop := context.WithCancel(context.Background())
	var work errgroup.Group
	var closers []func() error
	t.Cleanup(func() {
		stop()
		_ = work.Wait() // the context's error
		for _, closes := range closers {
			if err := closes(); err != nil {
				t.Error(err)
			}
		}
	})
	quiet := slog.New(slog.DiscardHandler)
	for i, dir := range dirs {
		views, err := embeddedview.Open(dir, embeddedview.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		p, o := w.payments()
		if i == 0 {
			w.pay, w.orders, w.wallets = p, o, p.Wallets.(*wallets)
		}
		follower := projections.NewFollower(w.store, views, projections.All(process.Defaults), quiet, w.clock.read)
		perform := func(ctx context.Context, stream string) error {
			_, err := p.Perform(ctx, strings.TrimPrefix(stream, qa.Category+"-"))
			return err
		}
		reactor := projections.NewReactor(projections.Gate{Views: views, Follower: follower}, perform, quiet, w.clock.read)
		work.Go(func() error { return follower.Run(ctx) })
		work.Go(func() error { return reactor.Run(ctx) })
		closers = append(closers, views.Close)
	}
	return w
}

func (w *world) payments() (gateways.Payments, *orders) {
	shared := decider.Options{Shared: true}
	all := decider.New(w.store, decider.Model[qa.Order, qa.Command, qa.Event]{Category: qa.Category, Decide: qa.Decide, Evolve: qa.Evolve,
		Encode: qa.Codec.Encode, Decode: qa.Codec.Decode}, shared)
	return gateways.Payments{
		Books: gateways.Books{gateways.QA(all, gateways.NewRefusals(w.store, shared, slog.New(slog.DiscardHandler)))},
		Wallets: decider.New(w.store, decider.Model[wallet.Wallet, wallet.Command, wallet.Event]{Category: wallet.Category, Decide: wallet.Decide,
			Evolve: wallet.Evolve, Encode: wallet.Codec.Encode, Decode: wallet.Codec.Decode}, shared),
		Platform: w.bank, Periods: process.Defaults, Now: w.clock.read,
	}, all
}

func (w *world) call() decider.Call { return decider.Call{ID: uuid.New(), At: w.clock.read()} }

func (w *world) order(number string, c qa.Command) qa.Order {
	w.t.Helper()
	r, err := w.orders.Execute(w.t.Context(), number, w.call(), c)
	if err != nil {
		w.t.Fatalf("%T: %v", c, err)
	}
	return r.State
}

func (w *world) load(number string) qa.Order {
	w.t.Helper()
	r, err := w.orders.Load(w.t.Context(), number)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.State
}

func (w *world) place() string {
	w.pk++
	number := qa.Number(w.clock.read(), w.pk, 3)
	w.order(number, qa.Place{Number: number, PK: w.pk, Patient: "ann", PatientPK: 3, Doctor: "doc", Type: qa.Online, Amount: 1500, At: w.clock.read()})
	return number
}

// paid is an order that was paid through a channel.
func (w *world) paid(channel payment.Channel) string {
	w.t.Helper()
	number := w.place()
	w.order(number, qa.RequestPayment{By: "ann", Attempt: "a" + number, Channel: channel, ClientIP: "127.0.0.1", At: w.clock.read()})
	if _, err := w.pay.AtOnce(w.t.Context(), number); err != nil {
		w.t.Fatal(err)
	}
	if channel != payment.Balance {
		w.order(number, payment.ConfirmPayment{Receipt: payment.Receipt{Channel: channel, Ref: "ch_" + number, Amount: 1500, At: w.clock.read()}})
	}
	if o := w.load(number); o.Status != qa.Paid {
		w.t.Fatalf("order %+v is not paid", o)
	}
	return number
}

func (w *world) answered() string {
	number := w.paid(payment.WX)
	w.order(number, qa.Ask{By: "ann", Question: qa.Question{PK: w.pk, At: w.clock.read()}})
	w.order(number, qa.GiveAnswer{By: "doc", Answer: qa.Answer{PK: w.pk, Question: w.pk, At: w.clock.read()}})
	return number
}

func (w *world) topUp(amount domain.Fen) {
	if _, err := w.wallets.Execute(w.t.Context(), "ann", w.call(), wallet.TopUp{Amount: amount, At: w.clock.read()}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) balance() domain.Fen {
	r, err := w.wallets.Load(w.t.Context(), "ann")
	if err != nil {
		w.t.Fatal(err)
	}
	return r.State.Balance
}

// eventually waits for the reactors.
func (w *world) eventually(number, what string, holds func(qa.Order) bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(w.load(number)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("still not %s: %+v", what, w.load(number))
		}
	}
}

// becomes waits for a status and for the money to be back; the wallet's goes after the time of grace.
func (w *world) becomes(number string, status qa.Status) {
	w.t.Helper()
	w.eventually(number, status.String(), func(o qa.Order) bool { return o.Status == status })
	w.clock.jump(process.Defaults.Grace)
	w.eventually(number, status.String()+" with its money back", func(o qa.Order) bool {
		for _, r := range o.Refunds {
			if r.Status != payment.Succeeded {
				return false
			}
		}
		return o.Status == status
	})
}

// looksAgain waits until both reactors have had time for several looks, by what one of them does for another order.
func (w *world) looksAgain() {
	w.t.Helper()
	for range 4 {
		number := w.place()
		w.order(number, qa.RequestPayment{By: "ann", Attempt: "b" + number, Channel: payment.WX, At: w.clock.read().Add(-time.Hour)})
		w.eventually(number, "charged", func(o qa.Order) bool { return o.NewestCharge() != nil })
		w.order(number, qa.Cancel{By: "ann", At: w.clock.read()})
	}
}

// once fails if something happened to an order twice.
func (w *world) once(number string, want map[string]int) {
	w.t.Helper()
	_, kinds := folded(w.t, w.store)
	got := kinds[qa.Category+"-"+number]
	for _, kind := range []string{"OrderCancelled", "OrderFinished", "RefundRequested", "RefundSucceeded"} {
		if got[kind] != want[kind] {
			w.t.Errorf("order %s: %d × %s, want %d", number, got[kind], kind, want[kind])
		}
	}
}

var (
	cancelledOnce = map[string]int{"OrderCancelled": 1}
	refundedOnce  = map[string]int{"OrderCancelled": 1, "RefundRequested": 1, "RefundSucceeded": 1}
	finishedOnce  = map[string]int{"OrderFinished": 1}
)

// TestTimeOutsFireOnceOnTwoServers moves the clock just before and just after each period's end.
func TestTimeOutsFireOnceOnTwoServers(t *testing.T) {
	w := newWorld(t)
	w.topUp(1500)
	unpaid, charged, byPlatform, byWallet, answered := w.place(), w.place(), w.paid(payment.WX), w.paid(payment.Balance), w.answered()
	w.clock.jump(23 * time.Hour)
	w.order(charged, qa.RequestPayment{By: "ann", Attempt: "a1", Channel: payment.Alipay, At: w.clock.read()})
	if _, err := w.pay.AtOnce(t.Context(), charged); err != nil {
		t.Fatal(err)
	}
	w.looksAgain()
	if o := w.load(unpaid); o.Status != qa.Unpaid {
		t.Fatalf("cancelled after 23 h: %+v", o)
	}
	w.clock.jump(time.Hour)
	w.becomes(unpaid, qa.Cancelled)
	w.looksAgain()
	if o := w.load(charged); o.Status != qa.Unpaid {
		t.Errorf("the charge can still be paid for an hour: %+v", o)
	}
	w.clock.jump(time.Hour)
	w.becomes(charged, qa.Cancelled)
	if w.load(byPlatform).Status != qa.Paid || w.load(byWallet).Status != qa.Paid || w.balance() != 0 {
		t.Error("refunded after 25 h")
	}
	w.clock.jump(23 * time.Hour)
	w.becomes(byPlatform, qa.Cancelled)
	w.becomes(byWallet, qa.Cancelled)
	w.looksAgain()
	if o := w.load(answered); o.Status != qa.Answered {
		t.Errorf("finished after 48 h: %+v", o)
	}
	w.clock.jump(5 * 24 * time.Hour)
	w.becomes(answered, qa.Finished)
	w.looksAgain()
	w.once(unpaid, cancelledOnce)
	w.once(charged, cancelledOnce)
	w.once(byPlatform, refundedOnce)
	w.once(byWallet, refundedOnce)
	w.once(answered, finishedOnce)
	if w.balance() != 1500 || w.bank.given[byPlatform+"R1"] != 1 || len(w.bank.given) != 1 || w.bank.asked["ch_"+charged] == 0 {
		t.Errorf("the wallet holds %d, the bank gave %v and was asked after %v", w.balance(), w.bank.given, w.bank.asked)
	}
}

// TestClockJumps goes a year forward and back, and back and forward: what falls due meanwhile happens, once, and
// what comes later is as ever.
func TestClockJumps(t *testing.T) {
	for _, d := range []time.Duration{year, -year} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			w := newWorld(t)
			w.topUp(15000)
			before := []string{w.place(), w.paid(payment.Balance), w.answered()}
			w.clock.jump(d)
			if d > 0 {
				w.becomes(before[0], qa.Cancelled)
				w.becomes(before[1], qa.Cancelled)
				w.becomes(before[2], qa.Finished)
			}
			meanwhile := []string{w.place(), w.paid(payment.Balance), w.answered(), w.paid(payment.WX)}
			w.order(meanwhile[3], qa.Refund{By: "ann", At: w.clock.read()})
			w.becomes(meanwhile[3], qa.Cancelled)
			w.looksAgain()
			w.clock.jump(-d)
			after := []string{w.place(), w.paid(payment.Balance), w.answered(), w.paid(payment.WX)}
			w.order(after[3], qa.Refund{By: "ann", At: w.clock.read()})
			w.becomes(after[3], qa.Cancelled)
			w.looksAgain()
			if w.load(after[0]).Status != qa.Unpaid || w.load(after[1]).Status != qa.Paid || w.load(after[2]).Status != qa.Answered {
				t.Error("what is new was moved on by the old jump")
			}
			w.clock.jump(2 * year) // to everything's end, whatever clock it was written by
			for _, these := range [][]string{before, meanwhile, after} {
				w.becomes(these[0], qa.Cancelled)
				w.becomes(these[1], qa.Cancelled)
				w.becomes(these[2], qa.Finished)
				w.once(these[0], cancelledOnce)
				w.once(these[1], refundedOnce)
				w.once(these[2], finishedOnce)
			}
			w.once(meanwhile[3], refundedOnce)
			if w.balance() != 15000 {
				t.Errorf("the wallet holds %d", w.balance())
			}
		})
	}
}
