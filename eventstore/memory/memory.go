// Package memory is the reference model of an event store: a slice under a lock. It forgets everything
// when the process ends, so it serves tests and demonstrations, and says what the other stores must do.
//
// Its positions leave gaps, as those of a cluster do, so that nobody learns to count with them.
package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"orderengine/eventstore"
)

const (
	positionStep = 64
	maxBatch     = 1024 // events in one batch of Follow
)

// Store keeps streams in memory. Make one with [New]; it is safe for use by many goroutines.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	log     []eventstore.Recorded
	streams map[string][]int // of each stream, where its events stand in log
	grown   chan struct{}    // closed and replaced when log grows
	closed  chan struct{}
}

var _ eventstore.Store = (*Store)(nil)

// Option changes how a store works.
type Option func(*Store)

// WithClock makes the store read the time of an event from now instead of [time.Now].
func WithClock(now func() time.Time) Option {
	return func(s *Store) { s.now = now }
}

// New returns an empty store.
func New(options ...Option) *Store {
	s := &Store{
		now:     time.Now,
		streams: make(map[string][]int),
		grown:   make(chan struct{}),
		closed:  make(chan struct{}),
	}
	for _, option := range options {
		option(s)
	}
	return s
}

// Close ends every follower and makes all later calls answer [eventstore.ErrClosed].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isClosed() {
		close(s.closed)
	}
	return nil
}

// Append implements [eventstore.Appender].
func (s *Store) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	if err := eventstore.CheckAppend(stream, expected, events); err != nil {
		return eventstore.Receipt{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return eventstore.Receipt{}, err
	}
	actual := eventstore.Revision(len(s.streams[stream])) - 1
	switch {
	case actual == expected:
		s.add(stream, events)
	case !s.holds(stream, expected, events):
		return eventstore.Receipt{}, &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: actual}
	}
	last := s.at(stream, expected+eventstore.Revision(len(events)))
	return eventstore.Receipt{Revision: last.Revision, Position: last.Position}, nil
}

func (s *Store) add(stream string, events []eventstore.Event) {
	now := s.now().UTC().Truncate(time.Microsecond)
	for _, e := range events {
		s.log = append(s.log, eventstore.Recorded{
			Event:    e,
			Stream:   stream,
			Revision: eventstore.Revision(len(s.streams[stream])),
			Position: positionOf(len(s.log)),
			Time:     now,
		})
		s.streams[stream] = append(s.streams[stream], len(s.log)-1)
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// holds says whether stream has just these events right after expected.
func (s *Store) holds(stream string, expected eventstore.Revision, events []eventstore.Event) bool {
	if expected+eventstore.Revision(len(events)) >= eventstore.Revision(len(s.streams[stream])) {
		return false
	}
	for i, e := range events {
		if s.at(stream, expected+1+eventstore.Revision(i)).ID != e.ID {
			return false
		}
	}
	return true
}

func (s *Store) at(stream string, revision eventstore.Revision) eventstore.Recorded {
	return s.log[s.streams[stream][revision]]
}

// ReadStream implements [eventstore.StreamReader].
func (s *Store) ReadStream(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		events, err := s.read(ctx, stream, from)
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		for _, e := range events {
			if err := ctx.Err(); err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s *Store) read(ctx context.Context, stream string, from eventstore.Revision) ([]eventstore.Recorded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	var events []eventstore.Recorded
	for _, at := range s.streams[stream] {
		if e := s.log[at]; e.Revision >= from {
			events = append(events, e)
		}
	}
	return events, nil
}

// Head implements [eventstore.Log].
func (s *Store) Head(ctx context.Context) (eventstore.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return eventstore.Position{}, err
	}
	return s.head(), nil
}

func (s *Store) head() eventstore.Position {
	if len(s.log) == 0 {
		return eventstore.Position{}
	}
	return s.log[len(s.log)-1].Position
}

// Follow implements [eventstore.Log]. A position after the head is refused with [eventstore.ErrInvalid].
func (s *Store) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[[]eventstore.Recorded, error] {
	return func(yield func([]eventstore.Recorded, error) bool) {
		for {
			batch, err := s.next(ctx, after)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(batch, nil) {
				return
			}
			after = batch[len(batch)-1].Position
		}
	}
}

// next waits until the log holds events after a position.
func (s *Store) next(ctx context.Context, after eventstore.Position) ([]eventstore.Recorded, error) {
	for {
		batch, grown, err := s.since(ctx, after)
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-grown:
		case <-s.closed:
		case <-ctx.Done():
		}
	}
}

func (s *Store) since(ctx context.Context, after eventstore.Position) ([]eventstore.Recorded, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, nil, err
	}
	if s.head().Before(after) {
		return nil, nil, fmt.Errorf("%w: follow after position %v: the log ends at %v", eventstore.ErrInvalid, after, s.head())
	}
	first, _ := slices.BinarySearchFunc(s.log, after, func(e eventstore.Recorded, after eventstore.Position) int {
		if e.Position.Compare(after) <= 0 {
			return -1
		}
		return 1
	})
	last := min(len(s.log), first+maxBatch)
	return slices.Clone(s.log[first:last]), s.grown, nil
}

// usable is the error of a call that comes too late.
func (s *Store) usable(ctx context.Context) error {
	if s.isClosed() {
		return eventstore.ErrClosed
	}
	return ctx.Err()
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

func positionOf(index int) eventstore.Position {
	n := uint64(index+1) * positionStep
	return eventstore.Position{Commit: n, Prepare: n}
}
