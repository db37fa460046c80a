package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"orderengine/domain/process"
)

// dueIndex lists what must happen next, by when; its members are made by dueMember.
const dueIndex = "due"

const dueLayout = "20060102150405.000000"

// dueMember is "<due, UTC> <kind> <stream> <attempt or refund>", so that the byte order is the order in time.
func dueMember(t process.Todo) string {
	var b [160]byte // on the stack: most events change what is due
	member := append(t.Due.UTC().AppendFormat(b[:0], dueLayout), ' ')
	member = append(append(member, t.Kind...), ' ')
	member = append(append(member, t.Stream...), ' ')
	return string(append(append(member, t.Attempt...), t.Refund...))
}

// due lists what must happen next.
func due(todos []process.Todo) []Listing {
	listings := make([]Listing, len(todos))
	for i, t := range todos {
		listings[i] = Listing{dueIndex, dueMember(t)}
	}
	return listings
}

// parseDue gives when and for which stream a member of the index is.
func parseDue(member string) (due time.Time, stream string, err error) {
	parts := strings.Split(member, " ")
	if len(parts) != 4 {
		return due, "", fmt.Errorf("due %q: not of four parts", member)
	}
	due, err = time.Parse(dueLayout, parts[0])
	return due, parts[2], err
}

const (
	reactorWorkers = 32
	reactorPage    = 64
	reactorEvery   = 200 * time.Millisecond // between looks at what is due
	backoffMin     = time.Second
	backoffMax     = 5 * time.Minute
	endLimit       = 10 * time.Second // for what was begun, when the reactor is to stop
)

// Perform carries out what must happen to a stream now. It must bear being called for what is done already,
// and by several servers at once.
type Perform func(ctx context.Context, stream string) error

// Reactor carries out what falls due. What is due is a view, so it needs no checkpoint of its own: an entry
// stays until the event that tells of its outcome is projected, through restarts and rebuilds.
type Reactor struct {
	views   Reader
	perform Perform
	logger  *slog.Logger
	now     func() time.Time

	mu      sync.Mutex
	waiting map[string]backoff // by stream: tried and failed
}

type backoff struct {
	until time.Time
	delay time.Duration
}

// NewReactor makes a reactor; while the views cannot be read, or are being rebuilt, it does nothing.
func NewReactor(views Reader, perform Perform, logger *slog.Logger, now func() time.Time) *Reactor {
	return &Reactor{views: views, perform: perform, logger: logger, now: now, waiting: map[string]backoff{}}
}

// Run carries out what falls due until ctx ends, and returns when what it began has ended.
func (r *Reactor) Run(ctx context.Context) error {
	tick := time.NewTicker(reactorEvery)
	defer tick.Stop()
	for {
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrLagging) {
			r.logger.Warn("what is due cannot be read; trying again", "error", err.Error())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sweep carries out all that is due now, once.
func (r *Reactor) sweep(ctx context.Context) error {
	now := r.now()
	r.forget(now)
	var work errgroup.Group
	work.SetLimit(reactorWorkers)
	defer work.Wait() // what failed is in waiting
	seen := map[string]bool{}
	for offset := 0; ; offset += reactorPage {
		page, err := r.views.Page(ctx, dueIndex, Cut{Offset: offset, Limit: reactorPage})
		if err != nil {
			return err
		}
		for _, member := range page.Members {
			due, stream, err := parseDue(member)
			if err != nil {
				return err
			}
			if due.After(now) || ctx.Err() != nil {
				return ctx.Err()
			}
			if seen[stream] || r.backsOff(stream, now) {
				continue
			}
			seen[stream] = true
			work.Go(func() error { r.carryOut(ctx, stream); return nil })
		}
		if len(page.Members) < reactorPage {
			return nil
		}
	}
}

// forget drops what was not tried for long: another server has done it.
func (r *Reactor) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.waiting, func(_ string, b backoff) bool { return now.Sub(b.until) > backoffMax })
}

func (r *Reactor) backsOff(stream string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.waiting[stream].until)
}

// outlive is a context that ends a while after ctx: what was begun is brought to its end, and its outcome written down.
func outlive(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(while, cancel) })
	return longer, func() { stop(); cancel() }
}

func (r *Reactor) carryOut(ctx context.Context, stream string) {
	if ctx.Err() != nil {
		return // nothing is begun any more
	}
	during, done := outlive(ctx, endLimit)
	defer done()
	err := r.perform(during, stream)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.waiting, stream)
		return
	}
	b := r.waiting[stream]
	b.delay = min(max(2*b.delay, backoffMin), backoffMax)
	b.until = r.now().Add(b.delay/2 + rand.N(b.delay)) // with jitter: what failed together is not tried together
	r.waiting[stream] = b
	r.logger.Warn("what is due was not done; trying again", "stream", stream, "again", b.until, "error", err.Error())
}
