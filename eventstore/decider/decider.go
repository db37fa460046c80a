// Package decider runs commands: load → fold → decide → append, again if somebody else was faster. It is the
// one way by which events come to be.
package decider

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"orderengine/eventstore"
)

// ErrContended: others were faster every time; nothing was written. Answer 503 with Retry-After.
var ErrContended = errors.New("too many conflicting changes")

// MayPass says that what failed with err, of a decider or its store, may well succeed later.
func MayPass(err error) bool {
	for _, passing := range []error{ErrContended, eventstore.ErrOverloaded, eventstore.ErrUnavailable, eventstore.ErrClosed, eventstore.ErrUnknownOutcome} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// Model is one lifecycle: S its state, C its commands, E its events. Decide and Evolve are pure.
type Model[S, C, E any] struct {
	Category string
	Decide   func(S, C) ([]E, error)
	Evolve   func(S, E) S
	Encode   func(E) (name string, schema int, data []byte, err error)
	Decode   func(name string, schema int, data []byte) (E, error)
}

// Store is the part of an event store that commands need.
type Store interface {
	eventstore.Appender
	eventstore.StreamReader
}

// Options of a [Decider]; the zero value is usable.
type Options struct {
	// CacheSize bounds the folded states that are kept, 4096 if zero.
	CacheSize int
	// Shared says that other processes write to the log too: then a refusal is only given on a state that
	// was read again, and Load reads what they have written.
	Shared bool
	// MaxAge is how old what Recent gives may be in a shared log.
	MaxAge time.Duration
	// Now is the clock for MaxAge, time.Now if nil.
	Now func() time.Time
}

// Decider runs the commands of one lifecycle. It is safe for concurrent use.
type Decider[S, C, E any] struct {
	model   Model[S, C, E]
	store   Store
	opts    Options
	cache   *lru.Cache[string, entry[S]]
	seed    maphash.Seed
	stripes [stripes]stripe
	// unsettled are the streams with an append that may still come to be in the log, though nobody waits for it: what is read
	// of them is not kept, until a later append was answered.
	unsettled sync.Map
}

const (
	stripes     = 1024 // locks; streams share one when their hashes meet
	maxAttempts = 16   // of one command against writers in other processes
)

// entry is a stream folded up to a revision. It is never changed, only replaced.
type entry[S any] struct {
	state    S
	revision eventstore.Revision
	position eventstore.Position
	// ids are those of all the stream's events: they tell which commands were run. Who has the stream's lock appends to
	// the newest entry's; those of older entries end before.
	ids  []uuid.UUID
	read time.Time // when the store was last asked
}

// Call is what a command brings beside itself. The same ID means the same command: run again, it changes nothing.
type Call struct {
	ID          uuid.UUID
	Actor       string
	Correlation string
	Causation   string
	At          time.Time // when it occurred
	// New says that the stream's id was minted for this command: the stream is not looked for before it is written.
	New bool
}

// Step is the call of one part of a command that touches several streams, always the same for the same name. Each part
// needs a call of its own: events are known by ids that are made of the call's, in the whole log.
func (c Call) Step(name string) Call {
	c.Causation, c.ID = c.ID.String(), uuid.NewSHA1(c.ID, []byte(name))
	return c
}

// Result is what a stream is after a command.
type Result[S any] struct {
	State    S
	Revision eventstore.Revision
	Position eventstore.Position // of the stream's last event, zero if there is none
	Repeated bool                // the command had been run before
}

// New makes a decider of a lifecycle on a store.
func New[S, C, E any](store Store, model Model[S, C, E], opts Options) *Decider[S, C, E] {
	if opts.CacheSize == 0 {
		opts.CacheSize = 4096
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	cache, err := lru.New[string, entry[S]](opts.CacheSize)
	if err != nil {
		panic(err) // only a negative size does that
	}
	d := &Decider[S, C, E]{model: model, store: store, opts: opts, cache: cache, seed: maphash.MakeSeed()}
	for i := range d.stripes {
		d.stripes[i] = make(stripe, 1)
	}
	return d
}

// Stream is the name of the stream of the thing called id.
func (d *Decider[S, C, E]) Stream(id string) string { return d.model.Category + "-" + id }

// Load folds a stream without changing it.
func (d *Decider[S, C, E]) Load(ctx context.Context, id string) (Result[S], error) {
	e, err := d.load(ctx, id, 0)
	return e.result(false), err
}

// Recent is Load for who asks often and bears not to be told at once: in a shared log the state may be up to MaxAge old.
func (d *Decider[S, C, E]) Recent(ctx context.Context, id string) (Result[S], error) {
	e, err := d.load(ctx, id, d.opts.MaxAge)
	return e.result(false), err
}

// Find is Load, and says whether the command with an id was run on the stream: then the result is what a second run of
// it would give.
func (d *Decider[S, C, E]) Find(ctx context.Context, id string, command uuid.UUID) (result Result[S], run bool, err error) {
	e, err := d.load(ctx, id, 0)
	run = slices.Contains(e.ids, eventstore.EventID(command, 0))
	return e.result(run), run, err
}

func (d *Decider[S, C, E]) load(ctx context.Context, id string, maxAge time.Duration) (entry[S], error) {
	stream := d.Stream(id)
	e, cached := d.cache.Get(stream)
	if cached && d.fresh(e, maxAge) {
		return e, nil
	}
	// A read beside a command could end after it, and put what was before it into the cache.
	lock, err := d.lock(ctx, stream)
	if err != nil {
		return entry[S]{}, err
	}
	defer lock.release()
	if e, cached = d.cache.Get(stream); !cached || !d.fresh(e, maxAge) {
		if e, err = d.read(ctx, stream, e, cached); err != nil {
			return entry[S]{}, err
		}
	}
	return e, nil
}

// fresh says that the store need not be asked.
func (d *Decider[S, C, E]) fresh(e entry[S], maxAge time.Duration) bool {
	return !d.opts.Shared || maxAge > 0 && d.opts.Now().Sub(e.read) <= maxAge
}

// Execute runs a command on the thing called id and returns when its events are durable. A refusal is the
// error that Decide gave; nothing was changed then. Beside the store's errors there is [ErrContended].
func (d *Decider[S, C, E]) Execute(ctx context.Context, id string, call Call, command C) (Result[S], error) {
	stream := d.Stream(id)
	lock, err := d.lock(ctx, stream)
	if err != nil {
		return Result[S]{}, err
	}
	defer lock.release()
	for range maxAttempts {
		result, again, err := d.try(ctx, stream, call, command)
		if !again {
			return result, err
		}
		call.New = false
	}
	return Result[S]{}, fmt.Errorf("%w: stream %s", ErrContended, stream)
}

func (d *Decider[S, C, E]) try(ctx context.Context, stream string, call Call, command C) (result Result[S], again bool, err error) {
	e, cached := d.cache.Get(stream)
	switch {
	case cached:
	case call.New:
		e.revision = eventstore.NoStream
	default:
		if e, err = d.read(ctx, stream, e, false); err != nil {
			return result, false, err
		}
	}
	if slices.Contains(e.ids, eventstore.EventID(call.ID, 0)) {
		return e.result(true), false, nil
	}
	events, err := d.model.Decide(e.state, command)
	if err != nil || len(events) == 0 {
		if cached && d.opts.Shared {
			if moved, readErr := d.moved(ctx, stream, e); moved || readErr != nil {
				return result, moved, readErr
			}
		}
		return e.result(false), false, err
	}
	e, err = d.append(ctx, stream, call, e, events)
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) {
		return result, true, nil
	}
	return e.result(false), false, err
}

// moved reads the stream's tail and says whether there was one.
func (d *Decider[S, C, E]) moved(ctx context.Context, stream string, e entry[S]) (bool, error) {
	fresh, err := d.read(ctx, stream, e, true)
	return err == nil && fresh.revision != e.revision, err
}

func (d *Decider[S, C, E]) append(ctx context.Context, stream string, call Call, e entry[S], events []E) (entry[S], error) {
	stored := make([]eventstore.Event, len(events))
	for i, event := range events {
		name, schema, data, err := d.model.Encode(event)
		if err != nil {
			return e, err
		}
		meta := eventstore.Metadata{Schema: schema, Occurred: call.At, Actor: call.Actor, Correlation: call.Correlation,
			Causation: call.Causation, Command: call.ID}
		stored[i] = eventstore.Event{ID: eventstore.EventID(call.ID, i), Type: name, Data: data, Metadata: meta.Encode(), Decoded: event}
	}
	receipt, err := d.store.Append(ctx, stream, e.revision, stored)
	if err != nil {
		d.cache.Remove(stream) // whatever happened, what is known here may be wrong now
		if errors.Is(err, eventstore.ErrUnknownOutcome) {
			d.unsettled.Store(stream, true)
		}
		return e, err
	}
	d.unsettled.Delete(stream)
	if d.opts.Shared {
		// Another process may have been faster with the same command and have decided otherwise, on another state:
		// the store then answers as it did to that one, and what is in the stream is what happened.
		if e, err = d.read(ctx, stream, e, true); err != nil {
			d.cache.Remove(stream)
		}
		return e, err
	}
	for i, event := range events {
		e.state = d.model.Evolve(e.state, event)
		e.ids = append(e.ids, stored[i].ID)
	}
	e.revision, e.position, e.read = receipt.Revision, receipt.Position, d.opts.Now()
	d.cache.Add(stream, e)
	return e, nil
}

// read folds what follows e in its stream, or the whole stream if e is not known, and keeps the result.
func (d *Decider[S, C, E]) read(ctx context.Context, stream string, e entry[S], known bool) (entry[S], error) {
	if !known {
		e = entry[S]{revision: eventstore.NoStream}
	}
	now := d.opts.Now()
	for recorded, err := range d.store.ReadStream(ctx, stream, e.revision+1) {
		if err != nil {
			return e, err
		}
		event, err := Decode(d.model.Decode, recorded)
		if err != nil {
			return e, err
		}
		e.state = d.model.Evolve(e.state, event)
		e.revision, e.position = recorded.Revision, recorded.Position
		e.ids = append(e.ids, recorded.ID)
	}
	e.read = now
	if _, unsettled := d.unsettled.Load(stream); e.revision != eventstore.NoStream && !unsettled {
		d.cache.Add(stream, e)
	}
	return e, nil
}

// Decode reads a recorded event with a lifecycle's codec; the error names the event.
func Decode[E any](decode func(string, int, []byte) (E, error), r eventstore.Recorded) (E, error) {
	schema, err := eventstore.SchemaOf(r.Metadata)
	if err == nil {
		var event E
		if event, err = decode(r.Type, schema, r.Data); err == nil {
			return event, nil
		}
	}
	var none E
	return none, fmt.Errorf("stream %s revision %d: %w", r.Stream, r.Revision, err)
}

// stripe is a lock of some streams: who has put something into it holds it.
type stripe chan struct{}

func (s stripe) release() { <-s }

// lock lets the callers of one stream in this process queue up instead of conflicting.
func (d *Decider[S, C, E]) lock(ctx context.Context, stream string) (stripe, error) {
	lock := d.stripes[maphash.String(d.seed, stream)%stripes]
	select {
	case lock <- struct{}{}: // it is free as a rule, and to wait for two things costs more
		return lock, nil
	default:
	}
	select {
	case lock <- struct{}{}:
		return lock, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e entry[S]) result(repeated bool) Result[S] {
	return Result[S]{State: e.state, Revision: e.revision, Position: e.position, Repeated: repeated}
}
