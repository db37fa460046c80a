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
	Skipped atomic.Uint64 // system events in streams of ours
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

// part is what a batch has of one stream.
type part struct {
	stream     string
	projection Projection
	events     []eventstore.Recorded
	state      folded // before the events, then after them
}

// loader sets the states of the parts to those before their events.
type loader func(ctx context.Context, at eventstore.Position, parts []part) error

// step projects one batch and commits it. The states before it are loaded from the views or from the log.
func (f *Follower) step(ctx context.Context, at eventstore.Position, batch []eventstore.Recorded,
	load loader) (eventstore.Position, error) {
	parts := f.group(batch)
	err := load(ctx, at, parts)
	if err != nil {
		return at, err
	}
	b := Batch{From: at, To: batch[len(batch)-1].Position, Ops: f.ops[:0], Exact: !f.foreign}
	for i := range parts {
		p := &parts[i]
		if p.state, b.Ops, err = project(b.Ops, p.projection, p.state, p.events); err != nil {
			return at, err
		}
	}
	err = f.writer.Commit(ctx, b)
	clear(b.Ops)
	f.ops = b.Ops
	if err != nil {
		return at, err
	}
	for i := range parts {
		f.cache.Add(parts[i].stream, parts[i].state)
	}
	f.stats.Events.Add(uint64(len(batch)))
	f.tellSkipped(batch)
	return b.To, nil
}

// tellSkipped logs and counts the system events in streams that are projected: somebody has changed the log itself.
func (f *Follower) tellSkipped(batch []eventstore.Recorded) {
	for i := range batch {
		e := &batch[i]
		if e.IsSystem() && f.projections[eventstore.Category(e.Stream)] != nil {
			f.stats.Skipped.Add(1)
			f.logger.Warn("a system event is left out of the views; commands on its stream may fail", "stream", e.Stream, "type", e.Type, "position", e.Position.String())
		}
	}
}

// group sorts the events of projected categories by stream, the streams in the order they come. System events change no
// state, whatever stream they are in.
func (f *Follower) group(batch []eventstore.Recorded) (parts []part) {
	parts = make([]part, 0, len(batch))
	places := make(map[string]int, len(batch)) // in parts
	for i := range batch {
		e := &batch[i]
		if e.IsSystem() {
			continue
		}
		if at, known := places[e.Stream]; known {
			parts[at].events = append(parts[at].events, *e)
			continue
		}
		if p := f.projections[eventstore.Category(e.Stream)]; p != nil {
			places[e.Stream] = len(parts)
			parts = append(parts, part{stream: e.Stream, projection: p, events: batch[i : i+1 : i+1]}) // most have one
		}
	}
	return parts
}

// load takes the states as the views at the checkpoint have them. Of streams that begin with these events they have
// nothing.
func (f *Follower) load(ctx context.Context, at eventstore.Position, parts []part) (err error) {
	var missing []*part
	var keys []string
	for i := range parts {
		p := &parts[i]
		var kept bool
		if p.state, kept = f.cache.Get(p.stream); kept {
			continue
		}
		if p.events[0].Revision > 0 {
			missing, keys = append(missing, p), append(keys, p.stream)
		} else if p.state, err = restored(p.projection, p.stream, nil); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return nil
	}
	docs, err := f.views.Get(ctx, keys...)
	if err != nil {
		return err
	}
	if docs.At != at {
		return ErrStale
	}
	for n, p := range missing {
		if p.state, err = restored(p.projection, p.stream, docs.Values[n]); err != nil {
			return err
		}
	}
	return nil
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
