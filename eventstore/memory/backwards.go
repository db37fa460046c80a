package memory

import (
	"context"
	"iter"
	"slices"

	"orderengine/eventstore"
)

var _ eventstore.BackwardReader = (*Store)(nil)

// ReadStreamBackwards implements [eventstore.BackwardReader].
func (s *Store) ReadStreamBackwards(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return s.backwards(ctx, func(e eventstore.Recorded) bool { return e.Stream == stream && e.Revision <= from })
}

// ReadBackwards implements [eventstore.BackwardReader].
func (s *Store) ReadBackwards(ctx context.Context, before eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return s.backwards(ctx, func(e eventstore.Recorded) bool { return e.Position.Before(before) })
}

// backwards yields what the log holds when it is called and want takes, the last first.
func (s *Store) backwards(ctx context.Context, want func(eventstore.Recorded) bool) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		s.mu.Lock()
		log := slices.Clip(s.log)
		s.mu.Unlock()
		for _, e := range slices.Backward(log) {
			if !want(e) {
				continue
			}
			if err := s.usable(ctx); err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := s.usable(ctx); err != nil {
			yield(eventstore.Recorded{}, err)
		}
	}
}
