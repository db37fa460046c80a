package projections

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"orderengine/eventstore"
)

const (
	foldedCache = 16384                  // folded streams that are kept from batch to batch
	retryMin    = 100 * time.Millisecond // between attempts after an error
	retryMax    = 2 * time.Second
	watchEvery  = 500 * time.Millisecond // between looks at the checkpoint of idle views
)

// Follower keeps the views true to the log: it reads what comes after their checkpoint, projects it and
// commits the ops together with the next checkpoint. If the checkpoint is gone, it rebuilds.
type Follower struct {
	log         Log
	views       Views
	projections map[string]Projection
	logger      *slog.Logger
	now         func() time.Time
	// foreign says that the views were begun by other projections: what is listed is not known for sure.
	foreign bool
	// Leadership says whether this process is the one that projects. It is set before Run; nil is yes. Who projects
	// views of one version must all ask the same lease: with tokens of another they would shut each other out.
	Leadership *Leadership

	writer Committer // the views, as whoever leads may write them
	cache  *lru.Cache[string, folded]
	ops    []Op // of one step after the other
	await  awaiting
	ready  atomic.Bool // the views have caught up since they were empty or this process began
	stats  Stats
}

// Log is what a follower reads. A single stream it reads only to mend views.
type Log interface {
	eventstore.Log
	eventstore.StreamReader
}

// Stats is how far the follower is, for metrics and readiness.
type Stats struct {
	Events  atomic.Uint64 // projected by this process
	Errors  atomic.Uint64
	failure atomic.Pointer[string]
}

// NewFollower makes a follower of the log that keeps the projections in the views.
func NewFollower(log Log, views Views, projections []Projection, logger *slog.Logger, now func() time.Time) *Follower {
	cache, err := lru.New[string, folded](foldedCache)
	if err != nil {
		panic(err) // only a negative size does that
	}
	f := &Follower{log: log, views: views, writer: views, projections: map[string]Projection{}, logger: logger, now: now, cache: cache, await: newAwaiting()}
	for _, p := range projections {
		f.projections[p.Category()] = p
	}
	return f
}

// Run follows the log until ctx ends, or with [ErrMoved] when other views have taken over, whatever happens to log
// and views meanwhile.
func (f *Follower) Run(ctx context.Context) error {
	delay := retryMin
	for {
		started := f.now()
		err := f.turn(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrMoved) {
			return err
		}
		if errors.Is(err, errTurn) {
			continue
		}
		f.failed(err)
		if f.now().Sub(started) > 10*retryMax {
			delay = retryMin
		}
		select {
		case <-time.After(delay):
			delay = min(2*delay, retryMax)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *Follower) failed(err error) {
	text := err.Error()
	f.stats.Errors.Add(1)
	f.stats.failure.Store(&text)
	if errors.Is(err, ErrStale) {
		f.logger.Info("views have moved; following from their checkpoint", "error", text)
		return // who waits goes on waiting: the views are there, and as far as somebody else has brought them
	}
	f.await.fail()
	// Commands go on and do not wait; what the views hold when they can be reached again is from before those.
	f.ready.Store(false)
	f.logger.Warn("following the log failed; trying again", "error", text)
}

// follow begins at the checkpoint and returns at the first error.
func (f *Follower) follow(ctx context.Context) error {
	f.cache.Purge()
	at, err := f.views.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if at.Before(f.await.position()) {
		f.ready.Store(false)
		f.logger.Info("views are behind what they were; rebuilding", "checkpoint", at.String())
	}
	f.await.reached(at) // commands wait from now on, so none falls between the head and the first batch
	head, err := f.log.Head(ctx)
	if err != nil {
		return err
	}
	if head.Before(at) {
		f.logger.Warn("views are of another log, or of a later state of this one; rebuilding", "checkpoint", at.String(), "head", head.String())
		at = eventstore.Position{}
		f.ready.Store(false)
	}
	if at == (eventstore.Position{}) {
		// Whatever is there without a checkpoint, or with one of another log, nobody would ever take away.
		if err := f.writer.Wipe(ctx); err != nil {
			return err
		}
	}
	f.reached(at, head)
	ctx, stop := f.watch(ctx)
	defer stop()
	for batch, err := range f.log.Follow(ctx, at) {
		if err == nil {
			at, err = f.step(ctx, at, batch, f.load)
		}
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		f.reached(at, head)
	}
	return context.Cause(ctx)
}

// watch looks after the checkpoint while nothing is appended: views that were wiped, or cannot be reached,
// are noticed by it within [watchEvery]. The context it gives ends with the reason.
func (f *Follower) watch(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			promised := f.await.position()
			at, err := f.views.Checkpoint(ctx)
			if err == nil && at.Before(promised) {
				err = ErrStale
			}
			if err != nil {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// reached tells who waits that the views are true at a position.
func (f *Follower) reached(at, head eventstore.Position) {
	f.stats.failure.Store(nil)
	if !at.Before(head) {
		f.ready.Store(true)
	}
	f.await.reached(at)
}

// loader gives the folded streams before a batch's events.
type loader func(ctx context.Context, at eventstore.Position, streams []string, events map[string][]eventstore.Recorded) ([]folded, error)

// step projects one batch and commits it. The states before it are loaded from the views or from the log.
func (f *Follower) step(ctx context.Context, at eventstore.Position, batch []eventstore.Recorded,
	load loader) (eventstore.Position, error) {
	streams, events := f.group(batch)
	before, err := load(ctx, at, streams, events)
	if err != nil {
		return at, err
	}
	b := Batch{From: at, To: batch[len(batch)-1].Position, Ops: f.ops[:0], Exact: !f.foreign}
	after := make([]folded, len(streams))
	for i, stream := range streams {
		if after[i], b.Ops, err = project(b.Ops, f.projections[eventstore.Category(stream)], before[i], events[stream]); err != nil {
			return at, err
		}
	}
	err = f.writer.Commit(ctx, b)
	clear(b.Ops)
	f.ops = b.Ops
	if err != nil {
		return at, err
	}
	for i, stream := range streams {
		f.cache.Add(stream, after[i])
	}
	f.stats.Events.Add(uint64(len(batch)))
	return b.To, nil
}

// group sorts the events of projected categories by stream, the streams in the order they come.
func (f *Follower) group(batch []eventstore.Recorded) (streams []string, events map[string][]eventstore.Recorded) {
	events = map[string][]eventstore.Recorded{}
	for _, e := range batch {
		if f.projections[eventstore.Category(e.Stream)] == nil {
			continue
		}
		if events[e.Stream] == nil {
			streams = append(streams, e.Stream)
		}
		events[e.Stream] = append(events[e.Stream], e)
	}
	return streams, events
}

// load gives the folded streams as the views at the checkpoint have them. Of those that begin with these events they
// have nothing.
func (f *Follower) load(ctx context.Context, at eventstore.Position, streams []string, events map[string][]eventstore.Recorded) ([]folded, error) {
	found := make([]folded, len(streams))
	var missing []int
	var keys []string
	for i, stream := range streams {
		var err error
		switch kept, ok := f.cache.Get(stream); {
		case ok:
			found[i] = kept
		case events[stream][0].Revision == 0:
			found[i], err = restored(f.projections[eventstore.Category(stream)], stream, nil)
		default:
			missing, keys = append(missing, i), append(keys, stream)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	docs, err := f.views.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	if docs.At != at {
		return nil, ErrStale
	}
	for n, i := range missing {
		if found[i], err = restored(f.projections[eventstore.Category(streams[i])], streams[i], docs.Values[n]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Status is what readiness tells of the views: an error while they cannot be read.
func (f *Follower) Status() (at eventstore.Position, events, failures uint64, err error) {
	if text := f.stats.failure.Load(); text != nil {
		err = errors.New(*text)
	} else if !f.ready.Load() {
		err = ErrLagging
	}
	return f.await.position(), f.stats.Events.Load(), f.stats.Errors.Load(), err
}
