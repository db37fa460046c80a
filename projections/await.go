package projections

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"orderengine/eventstore"
)

// AwaitLimit bounds how long a command waits for a set of views; then it is answered without them.
const AwaitLimit = 2 * time.Second

// Await returns when the views are true at a position, so that a client reads its own writes. It fails with
// [ErrLagging] after [AwaitLimit], and at once while the views cannot be written; then the views are not read
// until they are true there: who has a reply must not read what was before it.
func (f *Follower) Await(ctx context.Context, at eventstore.Position) error {
	err := f.awaitFor(ctx, at, AwaitLimit)
	if errors.Is(err, ErrLagging) {
		f.await.owe(at)
	}
	return err
}

// awaitFor is Await for as long as one likes, without a reply that depends on it.
func (f *Follower) awaitFor(ctx context.Context, at eventstore.Position, limit time.Duration) error {
	arrived := f.await.join(at)
	if arrived == nil {
		return nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case ok := <-arrived:
		if ok {
			return nil
		}
	case <-timer.C:
		f.await.leave(arrived)
	case <-ctx.Done():
		f.await.leave(arrived)
		return ctx.Err()
	}
	return ErrLagging
}

// awaiting is who waits for which position.
type awaiting struct {
	mu      sync.Mutex
	at      eventstore.Position
	owed    eventstore.Position // what somebody has a reply to that the views did not have in time
	failing bool
	waiters []waiter
	joined  chan struct{} // of capacity 1: somebody waits who did not
}

func newAwaiting() awaiting { return awaiting{joined: make(chan struct{}, 1)} }

type waiter struct {
	at      eventstore.Position
	arrived chan bool // of capacity 1: false if there is no use in waiting
}

// join gives a channel that tells when at is reached, nil if it is.
func (a *awaiting) join(at eventstore.Position) <-chan bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.Before(at) && !a.failing {
		return nil
	}
	arrived := make(chan bool, 1)
	if a.failing {
		arrived <- false
		return arrived
	}
	a.waiters = append(a.waiters, waiter{at, arrived})
	select {
	case a.joined <- struct{}{}:
	default:
	}
	return arrived
}

// leave forgets who waits no longer: while the views stand still, others come without end.
func (a *awaiting) leave(arrived <-chan bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiters = slices.DeleteFunc(a.waiters, func(w waiter) bool { return w.arrived == arrived })
}

// awaited says that somebody waits.
func (a *awaiting) awaited() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiters) > 0
}

func (a *awaiting) owe(at eventstore.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.owed.Before(at) {
		a.owed = at
	}
}

func (a *awaiting) reached(at eventstore.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.failing = at, false
	waiting := a.waiters[:0]
	for _, w := range a.waiters {
		if at.Before(w.at) {
			waiting = append(waiting, w)
		} else {
			w.arrived <- true
		}
	}
	clear(a.waiters[len(waiting):])
	a.waiters = waiting
}

// promise has the position count as reached: other views held it, and these do.
func (a *awaiting) promise(at eventstore.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.Before(at) {
		a.at = at
	}
}

// fail sends everybody away who waits, and who comes until the next position is reached.
func (a *awaiting) fail() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failing = true
	for _, w := range a.waiters {
		w.arrived <- false
	}
	clear(a.waiters)
	a.waiters = a.waiters[:0]
}

func (a *awaiting) position() eventstore.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

// floor is what an answer must not be from before.
func (a *awaiting) floor() eventstore.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.Before(a.owed) {
		return a.owed
	}
	return a.at
}

// Gate reads the views only while they hold all that this process knows they have held, and all that it has
// replied to: after a wipe or during a rebuild a list would be short and an order missing, and nobody could tell.
type Gate struct {
	Views    Reader
	Follower *Follower
}

// Get is [Reader.Get], or [ErrLagging].
func (g Gate) Get(ctx context.Context, keys ...string) (Docs, error) {
	floor, err := g.floor()
	if err != nil {
		return Docs{}, err
	}
	docs, err := g.Views.Get(ctx, keys...)
	if err == nil && docs.At.Before(floor) {
		return Docs{}, ErrLagging
	}
	return docs, err
}

// Page is [Reader.Page], or [ErrLagging].
func (g Gate) Page(ctx context.Context, index string, cut Cut) (Page, error) {
	floor, err := g.floor()
	if err != nil {
		return Page{}, err
	}
	page, err := g.Views.Page(ctx, index, cut)
	if err == nil && page.At.Before(floor) {
		return Page{}, ErrLagging
	}
	return page, err
}

// Range is [Reader.Range], or [ErrLagging].
func (g Gate) Range(ctx context.Context, index string, r Range) (Stretch, error) {
	floor, err := g.floor()
	if err != nil {
		return Stretch{}, err
	}
	found, err := g.Views.Range(ctx, index, r)
	if err == nil && found.At.Before(floor) {
		return Stretch{}, ErrLagging
	}
	return found, err
}

func (g Gate) floor() (eventstore.Position, error) {
	if !g.Follower.ready.Load() {
		return eventstore.Position{}, ErrLagging
	}
	return g.Follower.await.floor(), nil
}
