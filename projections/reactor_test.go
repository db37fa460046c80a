package projections

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore/memory"
)

// hands carry out what is due and count.
type hands struct {
	mu    sync.Mutex
	done  map[string]int
	fails error
}

func (h *hands) perform(_ context.Context, order string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done == nil {
		h.done = map[string]int{}
	}
	h.done[order]++
	return h.fails
}

func (h *hands) count(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done["qaorder-"+orderNumber(n)]
}

// asked is an order that asked to be paid from the wallet: due at t0 + grace.
func asked(n int) []qa.Event {
	return []qa.Event{placed(n, "p", "d"), payment.PaymentRequested{Attempt: "a1", Channel: payment.Balance, At: t0}}
}

type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func TestReactorCarriesOutWhatIsDueAndNotBefore(t *testing.T) {
	store := memory.New()
	recordOrder(t, store, 1, asked(1)...)
	recordOrder(t, store, 2, placed(2, "p", "d"))
	views := built(t, store)
	var h hands
	c := clock{t0.Add(grace - time.Microsecond)}
	r := NewReactor(views, h.perform, quiet, c.read)
	must(t, r.sweep(t.Context()))
	if h.count(1) != 0 {
		t.Fatal("carried out before it was due")
	}
	c.now = t0.Add(grace)
	must(t, r.sweep(t.Context()))
	if h.count(1) != 1 || h.count(2) != 0 {
		t.Errorf("done %v, want order 1 alone", h.done)
	}
	recordOrder(t, store, 1, payment.PaymentDeclined{Attempt: "a1", At: t0}) // its outcome
	r.views = built(t, store)
	must(t, r.sweep(t.Context()))
	if h.count(1) != 1 {
		t.Errorf("done %v: again after its outcome", h.done)
	}
}

func TestOrderWithSeveralThingsDueIsPerformedOnceASweep(t *testing.T) {
	store := memory.New()
	recordOrder(t, store, 1, append(asked(1), payment.PaymentRequested{Attempt: "a2", Channel: payment.WX, At: t0})...)
	var h hands
	c := clock{t0.Add(time.Hour)}
	r := NewReactor(built(t, store), h.perform, quiet, c.read)
	for sweep := 1; sweep <= 3; sweep++ {
		must(t, r.sweep(t.Context()))
		if h.count(1) != sweep {
			t.Errorf("performed %d times in %d sweeps", h.count(1), sweep)
		}
	}
}

func TestReactorBacksOffAndGivesOthersTheirTurn(t *testing.T) {
	store := memory.New()
	recordOrder(t, store, 1, asked(1)...)
	h := hands{fails: errors.New("platform is down")}
	c := clock{t0.Add(time.Hour)}
	r := NewReactor(built(t, store), h.perform, quiet, c.read)
	at := func(offset time.Duration, want int) {
		t.Helper()
		c.now = t0.Add(time.Hour + offset)
		must(t, r.sweep(t.Context()))
		if got := h.count(1); got != want {
			t.Errorf("%s after the first failure: tried %d times, want %d", offset, got, want)
		}
	}
	at(0, 1)
	at(0, 1)
	at(backoffMin/2-1, 1) // the least of the jitter
	at(backoffMin*3/2, 2) // the most of it
	at(backoffMin*3/2+backoffMin-1, 2)
	at(backoffMin*3/2+3*backoffMin, 3)
	h.fails = nil
	at(time.Hour, 4)
	at(time.Hour, 5) // forgiven: its entry waits for the outcome's event alone
	if len(r.waiting) != 0 {
		t.Errorf("still waiting: %v", r.waiting)
	}
}

func TestBackoffIsBounded(t *testing.T) {
	h := hands{fails: errors.New("no")}
	c := clock{t0}
	r := NewReactor(newViews(), h.perform, quiet, c.read)
	for range 40 {
		r.carryOut(t.Context(), orderNumber(1))
	}
	if b := r.waiting[orderNumber(1)]; b.delay != backoffMax || b.until.Sub(t0) >= backoffMax*3/2 {
		t.Errorf("delay %s, next in %s", b.delay, b.until.Sub(t0))
	}
}

func TestOneThatFailsDoesNotStopTheOthers(t *testing.T) {
	store := memory.New()
	const orders = 600 // more than a page
	for n := range orders {
		recordOrder(t, store, n+1, asked(n+1)...)
	}
	var h hands
	c := clock{t0.Add(time.Hour)}
	r := NewReactor(built(t, store), func(ctx context.Context, order string) error {
		_ = h.perform(ctx, order)
		if order == orderNumber(1) {
			return errors.New("no")
		}
		return nil
	}, quiet, c.read)
	must(t, r.sweep(t.Context()))
	for n := range orders {
		if h.count(n+1) != 1 {
			t.Fatalf("order %d performed %d times", n+1, h.count(n+1))
		}
	}
}

// TestNothingIsBegunAfterTheEnd: what was begun goes on, and what has waited for it does not begin.
func TestNothingIsBegunAfterTheEnd(t *testing.T) {
	store := memory.New()
	for n := range reactorWorkers + 8 {
		recordOrder(t, store, n+1, asked(n+1)...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var begun atomic.Int32
	c := clock{t0.Add(time.Hour)}
	r := NewReactor(built(t, store), func(ctx context.Context, _ string) error {
		if begun.Add(1) == reactorWorkers {
			cancel()
		}
		for begun.Load() < reactorWorkers {
			runtime.Gosched()
		}
		return ctx.Err()
	}, quiet, c.read)
	if err := r.sweep(ctx); !errors.Is(err, context.Canceled) || begun.Load() != reactorWorkers {
		t.Errorf("%d begun, error %v", begun.Load(), err)
	}
}

func TestWhatIsOpenSurvivesARestart(t *testing.T) {
	store := memory.New()
	recordOrder(t, store, 1, asked(1)...)
	c := clock{t0.Add(time.Hour)}
	views := built(t, store)
	before := hands{fails: errors.New("the server is going down")}
	must(t, NewReactor(views, before.perform, quiet, c.read).sweep(t.Context()))
	var after hands
	must(t, NewReactor(built(t, store), after.perform, quiet, c.read).sweep(t.Context())) // of a rebuilt view too
	if before.count(1) != 1 || after.count(1) != 1 {
		t.Errorf("tried %d times before, %d times after", before.count(1), after.count(1))
	}
}

func TestReactorDoesNothingWhileViewsLag(t *testing.T) {
	store := memory.New()
	recordOrder(t, store, 1, asked(1)...)
	views := built(t, store)
	var h hands
	c := clock{t0.Add(time.Hour)}
	shut := Gate{views, NewFollower(store, views, nil, quiet, time.Now)} // which never ran
	if err := NewReactor(shut, h.perform, quiet, c.read).sweep(t.Context()); !errors.Is(err, ErrLagging) || h.count(1) != 0 {
		t.Errorf("%v, done %v", err, h.done)
	}
}

func TestRunGoesOnAfterErrorsAndWaitsForWhatItBegan(t *testing.T) {
	t.Parallel()
	store := memory.New()
	recordOrder(t, store, 1, asked(1)...)
	views := built(t, store)
	views.setHook(failing("page"))
	inside, release, during := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	c := clock{t0.Add(time.Hour)}
	r := NewReactor(views, func(ctx context.Context, _ string) error {
		inside <- struct{}{}
		<-release
		during <- ctx.Err()
		return nil
	}, quiet, c.read)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	eventually(t, "it has failed to read", func() bool { return views.count("page") >= 2 })
	views.setHook(nil)
	<-inside
	cancel()
	select {
	case <-ended:
		t.Error("Run returned while something was being carried out")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := <-during; err != nil {
		t.Errorf("what was begun is told that %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}
