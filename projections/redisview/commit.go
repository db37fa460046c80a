package redisview

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Checkpoints implements [projections.Parted].
func (s *Store) Checkpoints(ctx context.Context) ([]eventstore.Position, error) {
	positions, err := s.positions(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(positions, eventstore.Position.Compare)
	s.settled.Store(&positions[0])
	return slices.Compact(positions), nil
}

// Checkpoint implements [projections.Committer]. It is that of the part that is behind all others.
func (s *Store) Checkpoint(ctx context.Context) (eventstore.Position, error) {
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return eventstore.Position{}, err
	}
	return all[0], nil
}

// positions are the checkpoints of the parts.
func (s *Store) positions(ctx context.Context) ([]eventstore.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	pipe := s.client.Pipeline()
	values := make([]*redis.StringCmd, len(s.keys.parts))
	for i, p := range s.keys.parts {
		values[i] = pipe.Get(ctx, p.checkpoint())
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	return s.positionsOf(ctx, values...)
}

// positionsOf are the positions of checkpoints.
func (s *Store) positionsOf(ctx context.Context, values ...*redis.StringCmd) ([]eventstore.Position, error) {
	positions := make([]eventstore.Position, len(values))
	for i, value := range values {
		text, err := value.Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.explain(ctx, err)
		}
		if positions[i], err = parseCheckpoint(text); err != nil {
			return nil, err
		}
	}
	return positions, nil
}

// Fence implements [projections.Fencer].
func (s *Store) Fence(ctx context.Context, token uint64) (projections.Views, error) {
	fenced := &Store{client: s.client, together: s.together, keys: s.keys, settled: s.settled, apart: s.apart, token: token}
	_, err := fenced.run(ctx, fenceScript, fenced.everywhere())
	return fenced, err
}

// Commit implements [projections.Committer]. Each part takes its ops and the checkpoint in one step; one that is
// at b.To or further has them already. After [projections.ErrUnavailable], and after the context's error, the
// batch may have been done, or some parts of it: read the checkpoints.
func (s *Store) Commit(ctx context.Context, b projections.Batch) error {
	calls, err := s.keys.calls(s.token, b)
	if err != nil {
		return err
	}
	answers, err := s.run(ctx, commitScript, calls)
	if err != nil {
		return err
	}
	found, taken := "", false
	for _, answer := range answers {
		if answer == moved {
			return projections.ErrMoved
		}
		if answer == "" {
			taken = true
			continue
		}
		found = answer
		if at, err := parseCheckpoint(answer); err != nil || at.Before(b.To) {
			taken = false
			break
		}
	}
	if !taken {
		return fmt.Errorf("%w: it is %s, the batch builds on %s", projections.ErrStale, found, b.From)
	}
	if found == "" {
		s.settled.Store(&b.To)
	}
	return nil
}
