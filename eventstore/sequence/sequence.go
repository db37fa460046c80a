// Package sequence hands out small integers in order, each once, for ever: the pks of the API documents.
//
// A stream holds how far the numbers are taken. Each server takes a block of them with one event and hands
// them out from memory; what is left of the last block is given back when the server stops.
package sequence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

const (
	category = "sequence"
	block    = 64 // numbers taken at once
	moved    = "SequenceMoved"
	attempts = 64 // against other servers that take blocks
)

// Store is the part of an event store that a sequence needs.
type Store interface {
	eventstore.Appender
	eventstore.StreamReader
}

// Sequence is one row of numbers. It is safe for concurrent use.
type Sequence struct {
	store  Store
	stream string
	now    func() time.Time

	mu       sync.Mutex
	loaded   bool
	revision eventstore.Revision
	taken    int64 // the last number that is taken in the stream
	next     int64 // the next number to hand out; up to last
	last     int64
}

// data is the event's: all numbers up to Taken are taken. Going back is legal for who took the last block.
type data struct {
	Taken int64 `json:"taken"`
}

// New makes the sequence with a name; now is the clock for the events' times.
func New(store Store, name string, now func() time.Time) *Sequence {
	return &Sequence{store: store, stream: category + "-" + name, now: now, next: 1}
}

// Next is the next number, from 1 on.
func (s *Sequence) Next(ctx context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next > s.last {
		first, err := s.move(ctx, func(taken int64) int64 { return taken + block })
		if err != nil {
			return 0, err
		}
		s.next, s.last = first+1, s.taken
	}
	n := s.next
	s.next++
	return n, nil
}

// Skip sees to it that Next never gives n or anything below.
func (s *Sequence) Skip(ctx context.Context, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next > n || n <= s.last {
		s.next = max(s.next, n+1)
		return nil
	}
	_, err := s.move(ctx, func(taken int64) int64 { return max(taken, n) })
	if err == nil {
		s.next, s.last = 1, 0
	}
	return err
}

// Close gives back what is left of the block, if no other server took numbers since.
func (s *Sequence) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next > s.last || s.last != s.taken {
		return nil
	}
	s.taken, s.last = s.next-1, s.next-1
	var conflict *eventstore.ConflictError
	if err := s.append(ctx, s.taken); err != nil && !errors.As(err, &conflict) {
		return fmt.Errorf("give back numbers of %s: %w", s.stream, err)
	}
	return nil
}

// move takes the numbers up to what to makes of the present state, and returns the number before them.
func (s *Sequence) move(ctx context.Context, to func(taken int64) int64) (before int64, err error) {
	for range attempts {
		if err := s.load(ctx); err != nil {
			return 0, err
		}
		before, target := s.taken, to(s.taken)
		if target == before {
			return before, nil
		}
		err := s.append(ctx, target)
		var conflict *eventstore.ConflictError
		if errors.As(err, &conflict) {
			s.loaded = false
			continue
		}
		if err != nil {
			// Whether it was written or not, reading again tells; numbers left out do no harm.
			s.loaded = false
			return 0, err
		}
		s.taken = target
		return before, nil
	}
	return 0, fmt.Errorf("stream %s: others take numbers all the time", s.stream)
}

func (s *Sequence) load(ctx context.Context) error {
	if s.loaded {
		return nil
	}
	s.revision, s.taken = eventstore.NoStream, 0
	for e, err := range s.store.ReadStream(ctx, s.stream, 0) {
		if err != nil {
			return err
		}
		if e.Type != moved { // a deleted sequence must not begin again
			return fmt.Errorf("stream %s revision %d: a sequence has no %s", s.stream, e.Revision, e.Type)
		}
		var d data
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("stream %s revision %d: %w", s.stream, e.Revision, err)
		}
		s.revision, s.taken = e.Revision, d.Taken
	}
	s.loaded = true
	return nil
}

func (s *Sequence) append(ctx context.Context, taken int64) error {
	encoded, err := json.Marshal(data{Taken: taken})
	if err != nil {
		return err
	}
	command := uuid.New()
	meta := eventstore.Metadata{Schema: 1, Occurred: s.now(), Actor: "system", Command: command}
	receipt, err := s.store.Append(ctx, s.stream, s.revision, []eventstore.Event{{
		ID: eventstore.EventID(command, 0), Type: moved, Data: encoded, Metadata: meta.Encode(),
	}})
	if err == nil {
		s.revision = receipt.Revision
	}
	return err
}
