package projections

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	leaseTTL   = 3 * time.Second        // after which a leader that is not heard of leads no more
	leaseEvery = 250 * time.Millisecond // between claims, the leader's and everybody's
	leaseCall  = time.Second            // how long one claim may take
	leaseSpare = time.Second            // left of a term in which something is begun that must not outlast it
)

// Lease is what one of several processes holds at a time, and only for a time, in the store that they share.
type Lease interface {
	// Claim takes the lease for a holder if nobody has it, or keeps it if the holder has it, for so long from
	// now on, and says who has it then. Holders are told apart by their names.
	Claim(ctx context.Context, holder string, ttl time.Duration) (Claim, error)
	// Release gives the lease back if the holder has it.
	Release(ctx context.Context, holder string) error
}

// Claim is what a lease is after somebody claimed it.
type Claim struct {
	Holder string
	Token  uint64        // greater than that of every holder before
	Left   time.Duration // until it ends, if it is not kept
}

// Fencer is a view store that several processes write to, one after the other.
type Fencer interface {
	// Fence refuses from now on what comes with a lower token, with [ErrStale], and gives the views to whose
	// commits and wipes this one is joined. It fails with [ErrStale] itself if a higher one was here before.
	Fence(ctx context.Context, token uint64) (Views, error)
}

// errTurn ends what a process does as long as it leads, or as long as another does.
var errTurn = errors.New("the lease has changed hands")

// Leadership keeps claiming a lease, and knows whether this process leads. A leader that cannot keep its lease
// stops leading before another can have it, by the clock that does not stand still while the process does.
// A nil Leadership is that of a process that is alone: it always leads.
type Leadership struct {
	lease  Lease
	name   string // of the lease, for people
	holder string
	logger *slog.Logger

	mu      sync.Mutex
	working sync.WaitGroup // what While runs
	term    *term          // nil while this process does not lead
	changed chan struct{}
	terms   uint64
	claim   Claim // as last heard of
	until   time.Time
	failure error // why nothing was heard
}

// term is one time of leading without a break.
type term struct {
	of    *Leadership
	token uint64
	ctx   context.Context
	end   context.CancelCauseFunc
	limit *time.Timer // ends it
}

// NewLeadership makes the leadership that comes with a lease; the holder's name is this process's own.
func NewLeadership(lease Lease, name, holder string, logger *slog.Logger) *Leadership {
	return &Leadership{lease: lease, name: name, holder: holder, logger: logger, changed: make(chan struct{}),
		failure: errors.New("not claimed yet")}
}

// Run claims the lease until ctx ends. Then it gives it back, when what While runs has ended, so that the next
// leader need not wait longer than that.
func (l *Leadership) Run(ctx context.Context) error {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	defer l.resign(context.WithoutCancel(ctx))
	for {
		l.try(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *Leadership) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseCall)
	defer cancel()
	asked := time.Now() // the lease is at least as long as it is from here
	claim, err := l.lease.Claim(ctx, l.holder, leaseTTL)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure = err; err != nil {
		return // the term goes on to its limit
	}
	if claim.Holder != l.claim.Holder {
		l.logger.Info("the lease has a new holder", "lease", l.name, "holder", claim.Holder, "token", claim.Token)
	}
	l.claim, l.until = claim, asked.Add(claim.Left)
	switch {
	case claim.Holder != l.holder:
		l.stop()
	case l.term != nil && l.term.token == claim.Token:
		l.term.limit.Reset(time.Until(l.until))
	default:
		l.stop()
		l.start(claim.Token, time.Until(l.until))
	}
}

// start begins a term; mu is held.
func (l *Leadership) start(token uint64, left time.Duration) {
	t := &term{of: l, token: token}
	t.ctx, t.end = context.WithCancelCause(context.Background())
	t.limit = time.AfterFunc(left, func() { l.mu.Lock(); defer l.mu.Unlock(); l.expire() })
	l.term, l.terms = t, l.terms+1
	l.tell()
}

// expire ends a term that is past its limit, whoever notices it first; mu is held.
func (l *Leadership) expire() {
	if l.term == nil || time.Now().Before(l.until) {
		return
	}
	l.logger.Warn("the lease was not kept", "lease", l.name, "token", l.term.token)
	l.stop()
}

// stop ends the term, if there is one; mu is held.
func (l *Leadership) stop() {
	if l.term == nil {
		return
	}
	l.term.limit.Stop()
	l.term.end(errTurn)
	l.term = nil
	l.tell()
}

func (l *Leadership) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Leadership) resign(ctx context.Context) {
	l.mu.Lock()
	led := l.term != nil
	l.stop()
	l.mu.Unlock()
	if !led {
		return
	}
	l.working.Wait() // nothing begins any more
	ctx, cancel := context.WithTimeout(ctx, leaseCall)
	defer cancel()
	if err := l.lease.Release(ctx, l.holder); err != nil {
		l.logger.Warn("the lease is not given back; it ends by itself", "lease", l.name, "error", err.Error())
	}
}

// now gives the present term, nil while this process does not lead, and what is closed when that changes.
func (l *Leadership) now() (*term, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return l.term, l.changed
}

type termKey struct{}

// within is a context that ends with the term too, then with errTurn as its cause.
func (t *term) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, termKey{}, t))
	stop := context.AfterFunc(t.ctx, func() { cancel(errTurn) })
	return ctx, func() { stop(); cancel(nil) }
}

// While runs do as long as this process leads, and again when it leads again, until ctx ends or do ends by itself.
func (l *Leadership) While(ctx context.Context, do func(ctx context.Context) error) error {
	if l == nil {
		return do(ctx)
	}
	for {
		term, changed := l.begin()
		if term == nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		during, stop := term.within(ctx)
		err := do(during)
		turn := context.Cause(during) == errTurn
		stop()
		l.working.Done()
		if ctx.Err() != nil || !turn {
			return err
		}
	}
}

// StillLeads fails when the term that [Leadership.While] has called something in with ctx is over, or nearly. It asks
// the clock: a process that stood still goes on before it is told that ctx has ended.
func StillLeads(ctx context.Context) error {
	t, ok := ctx.Value(termKey{}).(*term)
	if !ok {
		return nil
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.term != t || time.Until(t.of.until) < leaseSpare {
		return errTurn
	}
	return nil
}

// begin is now, for what Run is to wait for before it gives the lease back.
func (l *Leadership) begin() (*term, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	if l.term != nil {
		l.working.Add(1)
	}
	return l.term, l.changed
}

// LeaseStatus is what a [Leadership] tells of itself.
type LeaseStatus struct {
	Leads  bool
	Terms  uint64 // how often this process has begun to lead
	Holder string // who has the lease, as last heard; "" if nothing was
	Token  uint64
	Until  time.Time // when it ends, if it is not kept
}

// Status says who leads; the error says why nothing is known any more.
func (l *Leadership) Status() (LeaseStatus, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return LeaseStatus{l.term != nil, l.terms, l.claim.Holder, l.claim.Token, l.until}, l.failure
}
