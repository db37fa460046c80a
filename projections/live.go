package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderengine/eventstore"
)

// Live is the views that serve, whichever set of them that is. While another set is built from the log beside them,
// as [Live.Rebuild] or a new [Version] asks for, it goes on reading and following the first, and passes to the other
// in one step when that holds all that the first does. A set that is being built is never read: nothing is done
// because of it.
type Live struct {
	o       LiveOptions
	serving atomic.Pointer[liveSet]
	read    *documents    // of whichever set
	wake    chan struct{} // of capacity 1: the line-up may have changed

	mu       sync.Mutex
	building *liveSet      // changed by arrange alone
	failure  error         // why the line-up is not known
	past     followerCount // of the sets that are closed
}

// LiveOptions are what a [Live] works with.
type LiveOptions struct {
	Log         eventstore.Log
	Generations Generations
	// Follow makes the follower of a set.
	Follow func(Views) *Follower
	// Lead is the choice of who projects the views of a version, run by the caller for its own version and by the Live
	// for others, as long as it serves their views. Nil is that of a process that is alone.
	Lead func(version int) *Leadership
	// Version is the one that Follow's projections are of, and Readable the oldest that may serve meanwhile.
	Version, Readable int
	Logger            *slog.Logger
	Now               func() time.Time
}

const (
	lookEvery  = 500 * time.Millisecond // between looks at the line-up,
	buildEvery = 50 * time.Millisecond  // and while a set is being built
	tidyEvery  = 30 * time.Second       // between looks for sets that nobody uses any more, as long as there are any
	nearEnough = 200 * time.Millisecond // a set that is not farther behind than this may take over
	finalLimit = time.Second            // how long commands may wait for it to take over
)

// ErrRebuilding: a set of views is being built already.
var ErrRebuilding = errors.New("views are being rebuilt already")

// OpenLive opens the set that serves. If the views cannot be reached it is opened when they can; other errors are
// those of [Generations.Open].
func OpenLive(ctx context.Context, o LiveOptions) (*Live, error) {
	l := &Live{o: o, wake: make(chan struct{}, 1), read: newDocuments()}
	lineup, err := l.lineup(ctx)
	if err == nil {
		_, err = l.serve(ctx, lineup)
	}
	if err != nil && !MayPass(err) && !errors.Is(err, ErrStale) {
		return nil, errors.Join(err, l.Close())
	}
	l.failed(err)
	return l, nil
}

// Close closes the sets. Call it after Run has returned.
func (l *Live) Close() error {
	var errs []error
	for _, s := range []*liveSet{l.serving.Load(), l.building} {
		if s != nil {
			errs = append(errs, s.views.Close())
		}
	}
	return errors.Join(errs...)
}

// Run keeps the views true to the log, and the line-up in order, until ctx ends.
func (l *Live) Run(ctx context.Context) error {
	defer l.stop()
	var tidy time.Time // when to look for sets that nobody uses, zero if there are none
	for first := true; ; first = false {
		before := l.serving.Load()
		err := l.arrange(ctx)
		l.failed(err)
		now := l.o.Now()
		if first || l.serving.Load() != before {
			tidy = now
		}
		if err == nil && !tidy.IsZero() && !now.Before(tidy) {
			tidy = l.tidy(ctx)
		}
		if !l.pause(ctx) {
			return ctx.Err()
		}
	}
}

// tidy removes sets that nobody uses; it gives when to look again, zero if all are gone.
func (l *Live) tidy(ctx context.Context) (again time.Time) {
	lineup, err := l.o.Generations.Lineup(ctx)
	done := false
	if err == nil {
		done, err = l.o.Generations.Tidy(ctx, lineup)
	}
	if err != nil && ctx.Err() == nil {
		l.o.Logger.Warn("views that are not used any more cannot be removed; trying again", "error", err.Error())
	}
	if done && err == nil {
		return time.Time{}
	}
	return l.o.Now().Add(tidyEvery)
}

// pause waits for the next look at the line-up; it says whether there is to be one.
func (l *Live) pause(ctx context.Context) bool {
	every := lookEvery
	if l.building != nil {
		every = buildEvery
	}
	select {
	case <-time.After(every):
	case <-l.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

func (l *Live) stop() {
	for _, s := range []*liveSet{l.serving.Load(), l.building} {
		if s != nil {
			s.stop()
		}
	}
}

// failed keeps why the line-up is not known, and logs it when it is new.
func (l *Live) failed(err error) {
	if errors.Is(err, ErrStale) {
		err = nil // another process changed it in between
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && (l.failure == nil || l.failure.Error() != err.Error()) && !errors.Is(err, context.Canceled) {
		l.o.Logger.Warn("the line-up of the views cannot be looked at; trying again", "error", err.Error())
	}
	l.failure = err
}

// Rebuild has the views built anew beside those that serve. It fails with [ErrRebuilding] if that is going on.
func (l *Live) Rebuild(ctx context.Context) error {
	is, err := l.o.Generations.Lineup(ctx)
	if err != nil {
		return err
	}
	if is == (Lineup{}) {
		return ErrLagging
	}
	to := Lineup{is.Serving, Generation{l.o.Version, is.Serving.Number + 1}}
	if is.Building == (Generation{}) {
		err = l.o.Generations.Move(ctx, is, to)
	}
	if is.Building != (Generation{}) || errors.Is(err, ErrStale) {
		return ErrRebuilding
	}
	if err == nil {
		l.o.Logger.Info("views are built anew", "serving", is.Serving.String(), "building", to.Building.String())
		l.look()
	}
	return err
}

// look has the line-up looked at soon.
func (l *Live) look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Progress is how far a rebuild is.
type Progress struct {
	Lineup
	// Of the set that is being built, zero if there is none:
	At    eventstore.Position // it is true at,
	Head  eventstore.Position // of the log;
	Since time.Time           // this process builds it or waits for it,
	Done  uint64              // and has projected so many events.
}

// Progress looks at the line-up, the log and the set that is being built.
func (l *Live) Progress(ctx context.Context) (p Progress, err error) {
	if p.Lineup, err = l.o.Generations.Lineup(ctx); err != nil {
		return p, err
	}
	s := l.beingBuilt()
	if s == nil || s.Generation != p.Building {
		return p, nil
	}
	p.Since, p.Done = s.since, s.follower.stats.Events.Load()
	if p.Head, err = l.o.Log.Head(ctx); err != nil {
		return p, err
	}
	p.At, err = s.views.Checkpoint(ctx)
	if err != nil && l.beingBuilt() != s {
		return l.Progress(ctx) // it has taken over
	}
	return p, err
}

func (l *Live) beingBuilt() *liveSet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.building
}

// Building is the set that is being built and where it is, zero if there is none.
func (l *Live) Building() (g Generation, at eventstore.Position) {
	if s := l.beingBuilt(); s != nil {
		return s.Generation, s.follower.await.position()
	}
	return g, at
}

// Status is [Follower.Status] of the set that serves; the events and failures are of all sets.
func (l *Live) Status() (at eventstore.Position, events, failures uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events, failures, err = l.past.events, l.past.failures, l.failure
	if s := l.building; s != nil {
		events, failures = events+s.follower.stats.Events.Load(), failures+s.follower.stats.Errors.Load()
	}
	s := l.serving.Load()
	if s == nil {
		if err == nil {
			err = ErrLagging
		}
		return at, events, failures, err
	}
	at, did, failed, err := s.follower.Status()
	return at, events + did, failures + failed, err
}

// Skipped is how many system events the followers of all sets have left out.
func (l *Live) Skipped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	skipped := l.past.skipped
	for _, s := range []*liveSet{l.serving.Load(), l.building} {
		if s != nil {
			skipped += s.follower.stats.Skipped.Load()
		}
	}
	return skipped
}

// Get implements [Reader].
func (l *Live) Get(ctx context.Context, keys ...string) (Docs, error) {
	return readLive(ctx, l, func(g Gate) (Docs, error) { return g.Get(ctx, keys...) })
}

// Page implements [Reader].
func (l *Live) Page(ctx context.Context, index string, cut Cut) (Page, error) {
	return readLive(ctx, l, func(g Gate) (Page, error) { return g.Page(ctx, index, cut) })
}

// Range implements [Reader].
func (l *Live) Range(ctx context.Context, index string, r Range) (Stretch, error) {
	return readLive(ctx, l, func(g Gate) (Stretch, error) { return g.Range(ctx, index, r) })
}

func (l *Live) remembered() *documents { return l.read }

// readLive asks the set that serves, and again the one that has taken over meanwhile.
func readLive[T any](ctx context.Context, l *Live, ask func(Gate) (T, error)) (answer T, err error) {
	for {
		s := l.serving.Load()
		if s == nil {
			return answer, ErrLagging
		}
		answer, err = ask(Gate{s.views, s.follower})
		if err == nil || !s.isReplaced(ctx, err) {
			return answer, err
		}
	}
}

// Await is [Follower.Await] of the set that serves, and then of one that has taken over meanwhile.
func (l *Live) Await(ctx context.Context, at eventstore.Position) error {
	for {
		s := l.serving.Load()
		if s == nil {
			return ErrLagging
		}
		err := s.follower.Await(ctx, at)
		if err == nil || !s.isReplaced(ctx, err) {
			return err
		}
	}
}

// liveSet is one set of views that is open.
type liveSet struct {
	Generation
	views    OpenViews
	follower *Follower
	since    time.Time
	moved    atomic.Bool   // another set has taken over, maybe in another process
	replaced chan struct{} // closed when that is so in this process
	halt     func()        // ends the follower, nil while it does not run
}

// isReplaced says of a failure whether another set is there to be asked; it waits for one that takes over just now.
func (s *liveSet) isReplaced(ctx context.Context, failure error) bool {
	limit := time.Duration(0)
	if errors.Is(failure, ErrMoved) {
		limit = AwaitLimit
	}
	select {
	case <-s.replaced:
		return true
	default:
	}
	if limit == 0 {
		return false
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.replaced:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (l *Live) open(ctx context.Context, g Generation) (*liveSet, error) {
	views, err := l.o.Generations.Open(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("views %s: %w", g, err)
	}
	s := &liveSet{Generation: g, views: views, follower: l.o.Follow(views), since: l.o.Now(), replaced: make(chan struct{})}
	s.follower.foreign = g.Version != l.o.Version
	if l.o.Lead != nil {
		s.follower.Leadership = l.o.Lead(g.Version)
	}
	return s, nil
}

// start runs the follower, if it does not run.
func (l *Live) start(ctx context.Context, s *liveSet) {
	if s.halt != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		if errors.Is(s.follower.Run(ctx), ErrMoved) {
			s.moved.Store(true)
			l.look()
		}
	})
	if lead := s.follower.Leadership; lead != nil && s.follower.foreign {
		work.Go(func() { _ = lead.Run(ctx) }) // it ends with ctx only
	}
	s.halt = func() { cancel(); work.Wait() }
}

func (s *liveSet) stop() {
	if s.halt != nil {
		s.halt()
		s.halt = nil
	}
}
