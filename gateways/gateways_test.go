package gateways_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/domain/refusal"
	"orderengine/domain/wallet"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/gateways"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	number   = "12257268238541425696240003"
	patient  = "patient1"
	price    = domain.Fen(1500)
	askLimit = 10 * time.Second // of one refund, from its claim on
	start    = domain.Fen(5000) // in the wallet
)

var now = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

type (
	orders  = decider.Decider[qa.Order, qa.Command, qa.Event]
	wallets = decider.Decider[wallet.Wallet, wallet.Command, wallet.Event]
)

// world is a log with an order and a wallet in it.
type world struct {
	t        testing.TB
	store    *memory.Store
	platform *platform
}

func newWorld(t testing.TB, balance domain.Fen) *world {
	w := &world{t: t, store: memory.New(), platform: &platform{}}
	if balance > 0 {
		_, err := w.wallets().Execute(t.Context(), patient, call(), wallet.TopUp{Amount: balance, At: now})
		w.must(err)
	}
	w.order(qa.Place{Number: number, PK: 1, Patient: patient, PatientPK: 3, Doctor: "doctor1", Type: qa.Online, Amount: price, At: now})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func call() decider.Call { return decider.Call{ID: uuid.New(), At: now} }

// Each server has deciders of its own.
func (w *world) orders() *orders {
	return decider.New(w.store, decider.Model[qa.Order, qa.Command, qa.Event]{Category: qa.Category, Decide: qa.Decide, Evolve: qa.Evolve,
		Encode: qa.Codec.Encode, Decode: qa.Codec.Decode}, decider.Options{Shared: true})
}

func (w *world) wallets() *wallets {
	return decider.New(w.store, decider.Model[wallet.Wallet, wallet.Command, wallet.Event]{Category: wallet.Category, Decide: wallet.Decide,
		Evolve: wallet.Evolve, Encode: wallet.Codec.Encode, Decode: wallet.Codec.Decode}, decider.Options{Shared: true})
}

func (w *world) refusals() gateways.Refusals {
	return gateways.NewRefusals(w.store, decider.Options{Shared: true}, slog.New(slog.DiscardHandler))
}

func (w *world) order(commands ...qa.Command) qa.Order {
	w.t.Helper()
	var r decider.Result[qa.Order]
	for _, c := range commands {
		var err error
		r, err = w.orders().Execute(w.t.Context(), number, call(), c)
		w.must(err)
	}
	return r.State
}

func (w *world) load() qa.Order {
	w.t.Helper()
	r, err := w.orders().Load(w.t.Context(), number)
	w.must(err)
	return r.State
}

func (w *world) balance() domain.Fen {
	w.t.Helper()
	r, err := w.wallets().Load(w.t.Context(), patient)
	w.must(err)
	return r.State.Balance
}

// types counts the events of a stream by type.
func (w *world) types(stream string) map[string]int {
	w.t.Helper()
	n := map[string]int{}
	for e, err := range w.store.ReadStream(w.t.Context(), stream, 0) {
		w.must(err)
		n[e.Type]++
	}
	return n
}

func (w *world) payments() gateways.Payments {
	return gateways.Payments{Books: gateways.Books{gateways.QA(w.orders(), w.refusals())}, Wallets: w.wallets(), Platform: w.platform, Periods: periods, Now: clock}
}

// periods leave no grace: whoever looks, acts.
var periods = process.Periods{Unpaid: time.Hour, Unanswered: time.Hour, Unfinished: time.Hour, Retry: []time.Duration{time.Minute}}

// open is what is due of an order now.
func open(o qa.Order) []process.Todo {
	return slices.DeleteFunc(process.QA(o, periods), func(t process.Todo) bool { return t.Due.After(clock()) })
}

// settle performs until nothing is open, as the reactor would.
func (w *world) settle() qa.Order {
	w.t.Helper()
	for range 5 {
		_, err := w.payments().Perform(w.t.Context(), number)
		w.must(err)
		if o := w.load(); len(open(o)) == 0 {
			return o
		}
	}
	w.t.Fatalf("never done: %+v", open(w.load()))
	return qa.Order{}
}

// platform makes charges, and counts them.
type platform struct {
	mu       sync.Mutex
	made     []string
	asked    []string      // the refunds that CreateRefund was called for
	block    chan struct{} // if not nil, what CreateRefund waits for
	paid     []string      // the charges that FindCharge tells are
	odd      domain.Fen    // the sum that refunds are told to be of, if not the right one
	fails    error
	failsFor string // the charge that FindCharge cannot find out about
}

func (p *platform) CreateCharge(_ context.Context, r gateways.ChargeRequest) (payment.Charge, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return payment.Charge{}, p.fails
	}
	p.made = append(p.made, r.Attempt)
	return payment.Charge{ID: "ch_" + r.Attempt, OrderNo: r.OrderNo, Channel: r.Channel, Amount: r.Amount, TimeExpire: r.At.Add(time.Hour).Unix()}, nil
}

func (p *platform) FindCharge(_ context.Context, id string) (payment.Charge, error) {
	if id == p.failsFor {
		return payment.Charge{}, errors.New("platform is down")
	}
	return payment.Charge{ID: id, Channel: payment.WX, Amount: price, Paid: slices.Contains(p.paid, id)}, p.fails
}

func (p *platform) CreateRefund(_ context.Context, r gateways.RefundRequest) (payment.PlatformRefund, error) {
	p.mu.Lock()
	p.asked = append(p.asked, r.No)
	p.mu.Unlock()
	if p.block != nil {
		<-p.block
	}
	if p.odd != 0 {
		return payment.PlatformRefund{ID: "re_" + r.No, OrderNo: r.No, Charge: r.Charge, Amount: p.odd, Status: payment.Succeeded}, nil
	}
	return payment.PlatformRefund{ID: "re_" + r.No, OrderNo: r.No, Charge: r.Charge, Amount: r.Amount, Status: payment.Pending}, p.fails
}

func (p *platform) FindRefund(context.Context, string, string) (payment.PlatformRefund, bool, error) {
	return payment.PlatformRefund{}, false, p.fails
}

func request(channel payment.Channel, attempt string) qa.Command {
	return qa.RequestPayment{By: patient, Attempt: attempt, Channel: channel, ClientIP: "127.0.0.1", At: now}
}

// crash stops a performer at its kth step, counted from 0: before the step is written, or after.
type crash struct {
	at    int
	after bool
	steps int
	then  func() // what others do at that moment
}

var errCrash = errors.New("the server is gone")

func (c *crash) step(write func() error) error {
	n := c.steps
	c.steps++
	if n > c.at {
		return errCrash // nothing is done any more
	}
	if n < c.at {
		return write()
	}
	if c.after {
		if err := write(); err != nil {
			return err
		}
	}
	if c.then != nil {
		c.then()
	}
	return errCrash
}

type crashingOrders struct {
	*orders
	crash *crash
}

func (o crashingOrders) Execute(ctx context.Context, id string, call decider.Call, c qa.Command) (r decider.Result[qa.Order], err error) {
	err = o.crash.step(func() (err error) { r, err = o.orders.Execute(ctx, id, call, c); return err })
	return r, err
}

type crashingWallets struct {
	*wallets
	crash *crash
}

func (w crashingWallets) Execute(ctx context.Context, id string, call decider.Call, c wallet.Command) (r decider.Result[wallet.Wallet], err error) {
	err = w.crash.step(func() (err error) { r, err = w.wallets.Execute(ctx, id, call, c); return err })
	return r, err
}

// performUntil performs with a server that crashes, and says whether it did.
func (w *world) performUntil(c *crash) bool {
	w.t.Helper()
	p := w.payments()
	p.Books, p.Wallets = gateways.Books{gateways.QA(crashingOrders{w.orders(), c}, w.refusals())}, crashingWallets{w.wallets(), c}
	_, err := p.Perform(w.t.Context(), number)
	if err != nil && !errors.Is(err, errCrash) {
		w.t.Fatal(err)
	}
	return err != nil
}

// meanwhile is what another server does at the moment of the crash.
var meanwhile = map[string]func(w *world){
	"nothing":         func(*world) {},
	"cancelled":       func(w *world) { tryOrder(w, qa.Cancel{By: patient, At: now}) },
	"destroyed":       func(w *world) { tryOrder(w, qa.Destroy{By: patient, At: now}) },
	"paid through wx": func(w *world) { tryOrder(w, wxMoney()) },
	"performed": func(w *world) {
		w.settlePlatform()
		_, err := w.payments().Perform(w.t.Context(), number)
		w.must(err)
	},
	"performed and cancelled":  func(w *world) { meanwhile2(w, "performed", "cancelled") },
	"cancelled and performed":  func(w *world) { meanwhile2(w, "cancelled", "performed") },
	"paid and performed":       func(w *world) { meanwhile2(w, "paid through wx", "performed") },
	"performed and refunded":   func(w *world) { meanwhile2(w, "performed", "refunded") },
	"refunded":                 func(w *world) { tryOrder(w, qa.Refund{By: patient, At: now}) },
	"paid through wx, refunds": func(w *world) { meanwhile2(w, "paid through wx", "refunded") },
}

func init() { // breaks the cycle of meanwhile and who names it
	meanwhile2 = func(w *world, first, second string) { meanwhile[first](w); meanwhile[second](w) }
}

var meanwhile2 func(w *world, first, second string)

func wxMoney() qa.Command {
	return payment.ConfirmPayment{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_wx", Amount: price, At: now}}
}

// tryOrder runs a command that the order may refuse.
func tryOrder(w *world, c qa.Command) {
	w.t.Helper()
	var fault *domain.Fault
	if _, err := w.orders().Execute(w.t.Context(), number, call(), c); err != nil && !errors.As(err, &fault) {
		w.t.Fatal(err)
	}
}

// check adds the money up: what the wallet lost the order has, or gave back.
func (w *world) check(o qa.Order) {
	w.t.Helper()
	var kept domain.Fen // of the wallet's money
	byBalance := 0
	for _, r := range o.Receipts {
		if r.Channel == payment.Balance {
			kept += r.Amount
			byBalance++
		}
	}
	for _, r := range o.Refunds {
		if r.Channel == payment.Balance {
			kept -= r.Amount
			if r.Status != payment.Succeeded {
				w.t.Errorf("refund %+v is still open", r)
			}
		}
	}
	if got := start - w.balance(); got != kept {
		w.t.Errorf("the wallet lost %d fen, the order has %d of them", got, kept)
	}
	types := w.types("wallet-" + patient)
	if types["WalletDebited"] != byBalance || types["WalletDebited"] > 1 || types["WalletDebited"]+types["DebitRefused"] > 1 {
		w.t.Errorf("wallet events %v, %d receipts of balance", types, byBalance)
	}
	if paid := w.types("qaorder-" + number)["OrderPaid"]; paid > 1 {
		w.t.Errorf("paid %d times", paid)
	}
	for i, r := range o.Receipts {
		if left := o.Refundable(r.Ref); left != 0 && (i > 0 || o.Status == qa.Cancelled) {
			w.t.Errorf("%d fen of %s stay with an order that does not want them", left, r.Ref)
		}
	}
}

// TestBalanceIsPaidOnce stops a server at every step, lets others do something at that moment, and performs again.
func TestBalanceIsPaidOnce(t *testing.T) {
	for what, then := range meanwhile {
		for _, after := range []bool{false, true} {
			for step := 0; ; step++ {
				crashed := true
				t.Run(fmt.Sprintf("step %d, written %v, %s", step, after, what), func(t *testing.T) {
					w := newWorld(t, start)
					w.order(request(payment.Balance, "a1"))
					crashed = w.performUntil(&crash{at: step, after: after, then: func() { then(w) }})
					// The platform's own refunds are not made here: settle them as a platform would.
					w.settlePlatform()
					o := w.settle()
					w.check(o)
					if what == "nothing" && (o.Status != qa.Paid || w.balance() != start-price || len(o.Receipts) != 1 || o.Receipts[0].Ref != "a1") {
						t.Errorf("order %s with %+v, balance %d", o.Status, o.Receipts, w.balance())
					}
				})
				if !crashed {
					break
				}
			}
		}
	}
}

// settlePlatform settles what is to go back through a platform.
func (w *world) settlePlatform() {
	for _, r := range w.load().Refunds {
		if r.Channel != payment.Balance && r.Status == payment.Pending {
			w.order(payment.SettleRefund{No: r.No, OK: true, At: now})
		}
	}
}

func TestPoorWalletDeclinesOnce(t *testing.T) {
	for _, after := range []bool{false, true} {
		for step := range 3 {
			t.Run(fmt.Sprintf("step %d, written %v", step, after), func(t *testing.T) {
				w := newWorld(t, price-1)
				w.order(request(payment.Balance, "a1"))
				w.performUntil(&crash{at: step, after: after})
				topUp := func() {
					_, err := w.wallets().Execute(t.Context(), patient, call(), wallet.TopUp{Amount: 1, At: now})
					w.must(err)
				}
				refused := w.types("wallet-" + patient)["DebitRefused"] > 0
				topUp() // too late for an attempt that was refused
				o := w.settle()
				if refused && (o.Status != qa.Unpaid || w.balance() != price || len(o.Attempts) != 0) || !refused && (o.Status != qa.Paid || w.balance() != 0) {
					t.Fatalf("refused %v: order %s, balance %d, attempts %v", refused, o.Status, w.balance(), o.Attempts)
				}
				if refused {
					w.order(request(payment.Balance, "a2"))
					if o = w.settle(); o.Status != qa.Paid || w.balance() != 0 {
						t.Errorf("a new attempt: order %s, balance %d", o.Status, w.balance())
					}
				}
			})
		}
	}
}

// TestRefundIsCreditedOnce stops a server at every step of giving the money back.
func TestRefundIsCreditedOnce(t *testing.T) {
	for _, after := range []bool{false, true} {
		for step := range 3 {
			for _, what := range []string{"nothing", "performed"} {
				t.Run(fmt.Sprintf("step %d, written %v, %s", step, after, what), func(t *testing.T) {
					w := newWorld(t, start)
					w.order(request(payment.Balance, "a1"))
					w.settle()
					w.order(qa.Refund{By: patient, At: now})
					w.performUntil(&crash{at: step, after: after, then: func() { meanwhile[what](w) }})
					o := w.settle()
					if o.Status != qa.Cancelled || w.balance() != start || len(o.Refunds) != 1 || o.Refunds[0].Status != payment.Succeeded {
						t.Errorf("order %s, refunds %+v, balance %d", o.Status, o.Refunds, w.balance())
					}
					if types := w.types("wallet-" + patient); types["WalletCredited"] != 1 || types["WalletDebited"] != 1 {
						t.Errorf("wallet events %v", types)
					}
					w.check(o)
				})
			}
		}
	}
}

func TestPerformersRace(t *testing.T) {
	for round := range 20 {
		w := newWorld(t, start)
		w.order(request(payment.Balance, "a1"), request(payment.WX, "a2"))
		race(t, 8, func(n int) {
			switch {
			case round%2 == 1 && n == 3:
				tryOrder(w, qa.Cancel{By: patient, At: now})
			default:
				if _, err := w.payments().Perform(t.Context(), number); err != nil {
					t.Error(err)
				}
			}
		})
		o := w.settle()
		w.check(o)
		if round%2 == 0 && (o.Status != qa.Paid || w.balance() != start-price) {
			t.Errorf("order %s, balance %d", o.Status, w.balance())
		}
		tryOrder(w, qa.Refund{By: patient, At: now})
		race(t, 8, func(int) {
			if _, err := w.payments().Perform(t.Context(), number); err != nil {
				t.Error(err)
			}
		})
		if o = w.settle(); o.Status != qa.Cancelled || w.balance() != start {
			t.Errorf("after the refund: order %s, balance %d", o.Status, w.balance())
		}
		w.check(o)
	}
}

func race(t *testing.T, n int, do func(int)) {
	t.Helper()
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() { do(i) })
	}
	work.Wait()
}

func TestChargeIsRecordedOnce(t *testing.T) {
	w := newWorld(t, 0)
	w.order(request(payment.WX, "a1"), request(payment.Alipay, "a2"))
	w.performUntil(&crash{at: 0}) // made, and not recorded
	for range 2 {
		w.settle()
	}
	o := w.load()
	if wx, ali := o.Attempt(payment.WX), o.Attempt(payment.Alipay); wx.Charge == nil || wx.Charge.ID != "ch_a1" || ali.Charge == nil || ali.Charge.ID != "ch_a2" {
		t.Errorf("attempts %+v", o.Attempts)
	}
	if n := w.types("qaorder-" + number)["ChargeCreated"]; n != 2 {
		t.Errorf("%d charges recorded, want 2", n)
	}
}

func TestPlatformThatFailsIsAskedAgain(t *testing.T) {
	w := newWorld(t, 0)
	w.order(request(payment.WX, "a1"))
	w.platform.fails = errors.New("platform is down")
	if _, err := w.payments().Perform(t.Context(), number); !errors.Is(err, w.platform.fails) {
		t.Fatalf("error %v, want the platform's", err)
	}
	if o := w.load(); !o.Attempt(payment.WX).Pending() {
		t.Error("the attempt does not wait any more")
	}
	w.platform.fails = nil
	if o := w.settle(); o.Attempt(payment.WX).Charge == nil {
		t.Error("no charge")
	}
}

// TestOneThingThatFailsDoesNotHoldTheOthersUp: a platform that is down must not keep the wallet's money.
func TestOneThingThatFailsDoesNotHoldTheOthersUp(t *testing.T) {
	t.Run("charge and debit", func(t *testing.T) {
		w := newWorld(t, start)
		w.order(request(payment.WX, "a1"), request(payment.Balance, "a2"))
		w.platform.fails = errors.New("platform is down")
		_, err := w.payments().Perform(t.Context(), number)
		if o := w.load(); o.Status != qa.Paid || w.balance() != start-price || !errors.Is(err, w.platform.fails) {
			t.Errorf("order %s, balance %d, error %v", o.Status, w.balance(), err)
		}
	})
	t.Run("refunds", func(t *testing.T) {
		w := newWorld(t, start)
		w.order(request(payment.Balance, "a1"))
		w.settle()
		w.platform.fails = errors.New("platform is down")
		w.order(wxMoney(), qa.Refund{By: patient, At: now}) // the surplus goes back through wx, the payment to the wallet
		_, err := w.payments().Perform(t.Context(), number)
		surplus := w.load().Refunds[0]
		if w.balance() != start || err != nil || surplus.Tries != 1 || surplus.Status != payment.Pending || surplus.Why != "platform is down" {
			t.Errorf("balance %d, error %v, refund %+v; want the wallet's money back, and wx asked again later", w.balance(), err, surplus)
		}
	})
}

// TestNoChargeForAPaidOrder: what the first step settled, the second need not do.
func TestNoChargeForAPaidOrder(t *testing.T) {
	w := newWorld(t, start)
	w.order(request(payment.Balance, "a1"), request(payment.WX, "a2"))
	r, err := w.payments().Perform(t.Context(), number)
	if err != nil || r.State != qa.Paid.String() {
		t.Fatalf("order %s, %v", r.State, err)
	}
	if len(w.platform.made) != 0 {
		t.Errorf("charges %v were made for an order that is paid", w.platform.made)
	}
}

func TestNothingToDo(t *testing.T) {
	w := newWorld(t, start)
	head, err := w.store.Head(t.Context())
	w.must(err)
	r, err := w.payments().Perform(t.Context(), number)
	if err != nil || r.Number != number || r.State != qa.Unpaid.String() {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := w.payments().Perform(t.Context(), strings.Repeat("9", 26)); err != nil || r.Number != "" {
		t.Errorf("an order there is not: %+v, %v", r, err)
	}
	var fault *domain.Fault
	if _, err := w.payments().Perform(t.Context(), "none"); !errors.As(err, &fault) || fault.Code != domain.NotFound {
		t.Errorf("a number that no order can have: %v", err)
	}
	if after, err := w.store.Head(t.Context()); err != nil || after != head {
		t.Errorf("the log moved: %v", err)
	}
}

// TestWalletIsLeftAloneOnceTheOrderDoesNotWait: the money does not even leave the wallet.
func TestWalletIsLeftAloneOnceTheOrderDoesNotWait(t *testing.T) {
	for name, c := range map[string]qa.Command{"cancelled": qa.Cancel{By: patient, At: now}, "paid through wx": wxMoney()} {
		w := newWorld(t, start)
		w.order(request(payment.Balance, "a1"), c)
		o := w.settle()
		if types := w.types("wallet-" + patient); types["WalletDebited"] != 0 || types["DebitRefused"] != 1 || len(o.Attempts) != 0 || len(o.Refunds) != 0 {
			t.Errorf("%s: wallet events %v, attempts %v, refunds %v", name, types, o.Attempts, o.Refunds)
		}
	}
}

// TestNoticeThatWasLost: an order is not given up while nobody knows whether its charge was paid.
func TestNoticeThatWasLost(t *testing.T) {
	for _, c := range []struct {
		name  string
		paid  []string
		fails error
		want  qa.Status
		back  int
	}{
		{"not paid", nil, nil, qa.Cancelled, 0},
		{"paid", []string{"ch_a2"}, nil, qa.Paid, 0},
		{"paid when a new charge was asked for already", []string{"ch_a1"}, nil, qa.Paid, 0},
		{"paid twice", []string{"ch_a1", "ch_a2"}, nil, qa.Paid, 1},
		{"nobody knows", nil, errors.New("platform is down"), qa.Unpaid, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 0)
			w.order(request(payment.WX, "a1"))
			w.settle()
			expired := now.Add(time.Hour)
			w.order(qa.RequestPayment{By: patient, Attempt: "a2", Channel: payment.WX, At: expired})
			p := w.payments()
			p.Now = func() time.Time { return expired }
			p.Periods.Unpaid = 3 * time.Hour
			_, err := p.AtOnce(t.Context(), number)
			w.must(err)
			w.platform.paid, w.platform.fails = c.paid, c.fails
			p.Now = func() time.Time { return expired.Add(time.Hour) } // the last charge has expired
			_, err = p.Perform(t.Context(), number)
			if o := w.load(); o.Status != c.want || len(o.Refunds) != c.back || !errors.Is(err, c.fails) {
				t.Errorf("order %s, refunds %v, error %v; want %s", o.Status, o.Refunds, err, c.want)
			}
		})
	}
}

// TestATimeOutGivesTheWalletItsMoneyAtOnce: what follows from the reactor's own step waits for no other server.
func TestATimeOutGivesTheWalletItsMoneyAtOnce(t *testing.T) {
	w := newWorld(t, start)
	w.order(request(payment.Balance, "a1"))
	w.settle()
	p := w.payments()
	p.Periods.Grace = time.Minute
	p.Now = func() time.Time { return now.Add(periods.Unanswered) }
	_, err := p.Perform(t.Context(), number)
	w.must(err)
	if o := w.load(); o.Status != qa.Cancelled || w.balance() != start || len(open(o)) > 0 {
		t.Errorf("order %s, refunds %+v, balance %d", o.Status, o.Refunds, w.balance())
	}
}

// TestAPaymentThatComesTooLateGoesBackAtOnce: the order is cancelled when the wallet has just been debited.
func TestAPaymentThatComesTooLateGoesBackAtOnce(t *testing.T) {
	w := newWorld(t, start)
	w.order(request(payment.Balance, "a1"))
	p := w.payments()
	p.Wallets = cancelling{w}
	_, err := p.AtOnce(t.Context(), number)
	w.must(err)
	if o := w.load(); o.Status != qa.Cancelled || w.balance() != start || len(o.Refunds) != 1 || len(open(o)) > 0 {
		t.Errorf("order %s, refunds %+v, balance %d", o.Status, o.Refunds, w.balance())
	}
}

// TestAWayToPayThatIsHeldUpHoldsUpNoOther: the wallet pays while a charge cannot be made.
func TestAWayToPayThatIsHeldUpHoldsUpNoOther(t *testing.T) {
	w := newWorld(t, start)
	w.order(request(payment.Alipay, "a1"), request(payment.Balance, "a2"))
	w.platform.fails = errors.New("platform is down")
	if o, err := w.payments().Pay(t.Context(), number, payment.Balance); err != nil || o.Waiting || w.balance() != start-price {
		t.Errorf("waiting %v, balance %d, error %v", o.Waiting, w.balance(), err)
	}
	if _, err := w.payments().Pay(t.Context(), number, payment.Alipay); err != nil {
		t.Errorf("no charge is due of an order that is paid: %v", err)
	}
}

// TestAClaimThatWasWrittenTooLateIsNotUsed: another server may take it over before the request has ended.
func TestAClaimThatWasWrittenTooLateIsNotUsed(t *testing.T) {
	w := newWorld(t, 0)
	w.order(wxMoney(), qa.Refund{By: patient, At: now})
	p, looks := w.payments(), 0
	p.Now = func() time.Time { looks++; return now.Add(time.Duration(looks) * askLimit) }
	if _, err := p.Perform(t.Context(), number); !errors.Is(err, gateways.ErrTurn) || len(w.platform.asked) > 0 {
		t.Errorf("asked for %v, error %v", w.platform.asked, err)
	}
}

// TestALookThatFailsWritesNothingDown: an order that is paid is not asked after again, so no other charge would be.
func TestALookThatFailsWritesNothingDown(t *testing.T) {
	w := newWorld(t, 0)
	w.order(request(payment.WX, "a1"), request(payment.Alipay, "a2"))
	w.settle()
	w.platform.paid, w.platform.failsFor = []string{"ch_a1", "ch_a2"}, "ch_a2"
	p := w.payments()
	p.Now = func() time.Time { return now.Add(time.Hour) }
	if _, err := p.Perform(t.Context(), number); err == nil || len(w.load().Receipts) > 0 {
		t.Errorf("receipts %v, error %v", w.load().Receipts, err)
	}
	w.platform.failsFor = ""
	_, err := p.Perform(t.Context(), number)
	w.must(err)
	if o := w.load(); o.Status != qa.Paid || len(o.Receipts) != 2 || len(o.Refunds) != 1 {
		t.Errorf("order %s, receipts %v, refunds %v", o.Status, o.Receipts, o.Refunds)
	}
}

// cancelling is a wallet whose owner cancels the order when it has been debited.
type cancelling struct{ w *world }

func (c cancelling) Execute(ctx context.Context, username string, call decider.Call, command wallet.Command) (decider.Result[wallet.Wallet], error) {
	r, err := c.w.wallets().Execute(ctx, username, call, command)
	if _, debited := command.(wallet.Debit); debited {
		c.w.order(qa.Cancel{By: patient, At: now})
	}
	return r, err
}

// TestARefundThatIsAnothersToAskForIsNoTry: it was not asked for, so that does not count; its claim ends by itself.
func TestARefundThatIsAnothersToAskForIsNoTry(t *testing.T) {
	w := newWorld(t, 0)
	w.order(wxMoney(), qa.Refund{By: patient, At: now})
	w.platform.fails = gateways.ErrTurn
	if _, err := w.payments().Perform(t.Context(), number); !errors.Is(err, gateways.ErrTurn) {
		t.Errorf("error %v, want %v", err, gateways.ErrTurn)
	}
	if r := w.load().Refunds[0]; r.Tries != 0 || r.Claim == "" || !r.AskedAt.Equal(now) {
		t.Errorf("the refund is %+v", r)
	}
}

// TestARefundIsAskedForByOneServer, however many look at once.
func TestARefundIsAskedForByOneServer(t *testing.T) {
	w := newWorld(t, 0)
	w.order(wxMoney(), qa.Refund{By: patient, At: now})
	var work sync.WaitGroup
	for range 16 {
		work.Go(func() {
			p := w.payments()
			p.Periods.Grace = time.Minute
			if _, err := p.Perform(t.Context(), number); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if len(w.platform.asked) != 1 || w.load().Refunds[0].PlatformID == "" {
		t.Errorf("asked for %v: %+v", w.platform.asked, w.load().Refunds)
	}
}

// TestARefundThatMayBeUnderWayIsLeftAlone: a server that has asked and was killed has left a request that may yet arrive,
// and cannot be found. The next one waits until it has ended.
func TestARefundThatMayBeUnderWayIsLeftAlone(t *testing.T) {
	const grace = 12 * time.Second
	w := newWorld(t, 0)
	w.order(wxMoney(), qa.Refund{By: patient, At: now})
	perform := func(after time.Duration) {
		p := w.payments()
		p.Periods.Grace = grace
		p.Now = func() time.Time { return now.Add(after) }
		if _, err := p.Perform(t.Context(), number); err != nil {
			t.Error(err)
		}
	}
	w.platform.block = make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() { perform(0) })
	asked := func() int { w.platform.mu.Lock(); defer w.platform.mu.Unlock(); return len(w.platform.asked) }
	for asked() == 0 {
		runtime.Gosched()
	}
	perform(grace - time.Millisecond)
	if n := asked(); n != 1 {
		t.Errorf("asked for %d times while it may be under way", n)
	}
	close(w.platform.block)
	first.Wait()
	if r := w.load().Refunds[0]; r.Claim != "" || r.PlatformID == "" {
		t.Errorf("what the platform said is not written down: %+v", r)
	}

	w.order(qa.Command(payment.ConfirmPayment{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_late", Amount: price, At: now}}))
	w.platform.fails = gateways.ErrTurn // as if it were killed after its claim
	p := w.payments()
	p.Periods.Grace = grace
	if _, err := p.Perform(t.Context(), number); !errors.Is(err, gateways.ErrTurn) {
		t.Errorf("error %v", err)
	}
	w.platform.fails = nil
	perform(grace)
	if r := w.load().Refunds[1]; r.PlatformID == "" || asked() != 3 {
		t.Errorf("not asked for again: %+v", r)
	}
}

// TestWrongKeyLeavesTheRefundPending: with the right key it may well be made.
func TestWrongKeyLeavesTheRefundPending(t *testing.T) {
	for status, parked := range map[int]bool{401: false, 400: true, 402: true} {
		w := newWorld(t, 0)
		w.order(wxMoney(), qa.Refund{By: patient, At: now})
		w.platform.fails = &gateways.Refusal{Status: status}
		if _, err := w.payments().Perform(t.Context(), number); err != nil {
			t.Fatal(err)
		}
		if r := w.load().Refunds[0]; r.Parked != parked || r.Status != payment.Pending {
			t.Errorf("after a %d the refund is %+v, want parked %v", status, r, parked)
		}
	}
}

// TestAStrangerFillsNoHistory: what one tries again and again at another's order is told once of each kind.
func TestAStrangerFillsNoHistory(t *testing.T) {
	w := newWorld(t, 0)
	for range 3 {
		for _, c := range []qa.Command{qa.Cancel{By: "patient2", At: now}, qa.Finish{By: "patient2", At: now}, qa.Finish{By: patient, At: now}} {
			_, err := w.orders().Execute(t.Context(), number, call(), c)
			by := call()
			by.Actor = map[bool]string{true: patient, false: "patient2"}[domain.IsRefused(err, domain.CannotFinish)]
			w.refusals().Record(t.Context(), by, "qaorder-"+number, c, err)
		}
	}
	strangers := slices.DeleteFunc(w.refused(), func(told string) bool { return !strings.HasPrefix(told, "patient2 ") })
	if want := []string{"patient2 Cancel: not found (no such order)", "patient2 Finish: not found (no such order)"}; !slices.Equal(strangers, want) || len(w.refused()) != 5 {
		t.Errorf("refused\n%s", strings.Join(w.refused(), "\n"))
	}
}

// refused tells the refusals that stand beside an order.
func (w *world) refused() (told []string) {
	w.t.Helper()
	for e, err := range w.store.ReadStream(w.t.Context(), "refusal-qaorder-"+number, 0) {
		w.must(err)
		event, err := decider.Decode(refusal.Codec.Decode, e)
		w.must(err)
		r := event.(refusal.CommandRefused)
		told = append(told, fmt.Sprintf("%s %s: %s (%s)", r.By, r.Command, r.Code, r.Why))
	}
	return told
}

// TestRefusalsOfTheMoneyAreRecorded once, however often the reactor or a notice comes with the same again.
func TestRefusalsOfTheMoneyAreRecorded(t *testing.T) {
	w := newWorld(t, 0)
	w.order(request(payment.WX, "a1"), wxMoney(), qa.Refund{By: patient, At: now})
	w.platform.odd = 7
	for range 3 {
		var fault *domain.Fault
		if _, err := w.payments().Perform(t.Context(), number); !errors.As(err, &fault) {
			t.Errorf("performed: %v", err)
		}
	}
	notice := decider.Call{ID: uuid.New(), Actor: "platform", At: now}
	for range 2 {
		settle := payment.SettleRefund{No: number + "R9", OK: true, At: now}
		if _, err := w.payments().Books.Execute(t.Context(), number, notice, settle); !domain.IsRefused(err, domain.NotFound) {
			t.Errorf("a refund that is none: %v", err)
		}
		nobodys := strings.Repeat("9", len(number))
		if _, err := w.payments().Books.Execute(t.Context(), nobodys, notice, settle); !domain.IsRefused(err, domain.NotFound) {
			t.Errorf("an order that is none: %v", err)
		}
	}
	want := []string{
		"system SettleRefund: invalid (refund " + number + "R1 is of 1500 fen, not of 7)",
		"platform SettleRefund: not found (order " + number + " has no refund " + number + "R9)",
	}
	if got := w.refused(); !slices.Equal(got, want) {
		t.Errorf("refused\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(w.types("refusal-qaorder-" + strings.Repeat("9", len(number)))); n > 0 {
		t.Errorf("an order that is none has refused %d", n)
	}
}
