package redisview

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

const (
	agreeLimit = 500 * time.Millisecond // how long a read waits for parts to come to one checkpoint
	agreeEvery = 500 * time.Microsecond // between looks at them
)

// Get implements [projections.Reader].
func (s *Store) Get(ctx context.Context, keys ...string) (docs projections.Docs, err error) {
	docs.At, err = s.agreed(ctx, func() (at []eventstore.Position, err error) {
		docs.Values, at, err = s.get(ctx, keys)
		return at, err
	})
	if err != nil {
		return projections.Docs{}, err
	}
	return docs, nil
}

// get reads documents, and the checkpoint of each part they are in with them in one step.
func (s *Store) get(ctx context.Context, keys []string) (values [][]byte, at []eventstore.Position, err error) {
	if len(keys) == 0 {
		at, err = s.positions(ctx)
		return [][]byte{}, at, err
	}
	pipe := s.client.Pipeline()
	reads := make([]struct {
		names []string
		keys  []int
		found *redis.SliceCmd
	}, len(s.keys.parts))
	for i, key := range keys {
		place := s.keys.place(key)
		r, p := &reads[place], s.keys.parts[place]
		if r.names == nil {
			r.names = append(make([]string, 0, 1+len(keys)), p.checkpoint())
		}
		r.names, r.keys = append(r.names, p.document(key)), append(r.keys, i)
	}
	for i := range reads {
		if r := &reads[i]; r.names != nil {
			r.found = pipe.MGet(ctx, r.names...)
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	values = make([][]byte, len(keys))
	for _, r := range reads {
		if r.found == nil {
			continue
		}
		found, err := r.found.Result()
		if err != nil {
			return nil, nil, s.explain(ctx, err)
		}
		checkpoint, _ := found[0].(string) // nil where there is none
		position, err := parseCheckpoint(checkpoint)
		if err != nil {
			return nil, nil, err
		}
		at = append(at, position)
		for n, value := range found[1:] {
			if value, ok := value.(string); ok {
				values[r.keys[n]] = append(make([]byte, 0, len(value)), value...)
			}
		}
	}
	return values, at, nil
}

// Page implements [projections.Reader]. Its cost grows with the logarithm of the index's size. A negative
// offset or limit counts as 0.
func (s *Store) Page(ctx context.Context, index string, offset, limit int, newestFirst bool) (page projections.Page, err error) {
	first, last := ranks(offset, limit)
	p := s.keys.parts[s.keys.place(index)]
	var total *redis.IntCmd
	var members *redis.StringSliceCmd
	page.At, err = s.atOnce(ctx, p, func(pipe redis.Pipeliner) {
		total = pipe.ZCard(ctx, p.index(index))
		members = pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: p.index(index), Start: first, Stop: last, Rev: newestFirst})
	})
	if err != nil {
		return projections.Page{}, err
	}
	page.Members, page.Total = members.Val(), int(total.Val())
	return page, nil
}

// Range implements [projections.Reader].
func (s *Store) Range(ctx context.Context, index string, r projections.Range) (stretch projections.Stretch, err error) {
	first, end := "["+r.From, "("+r.To
	if r.To == "" {
		end = "+"
	}
	p := s.keys.parts[s.keys.place(index)]
	var members *redis.StringSliceCmd
	stretch.At, err = s.atOnce(ctx, p, func(pipe redis.Pipeliner) {
		if r.Limit > 0 {
			members = pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: p.index(index), Start: first, Stop: end, ByLex: true, Count: int64(r.Limit)})
		}
	})
	if err != nil {
		return projections.Stretch{}, err
	}
	if members != nil {
		stretch.Members = members.Val()
	}
	return stretch, nil
}

// atOnce reads from a part and gives its checkpoint, in one step.
func (s *Store) atOnce(ctx context.Context, p part, read func(redis.Pipeliner)) (eventstore.Position, error) {
	return s.agreed(ctx, func() ([]eventstore.Position, error) {
		pipe := s.client.TxPipeline()
		checkpoint := pipe.Get(ctx, p.checkpoint())
		read(pipe)
		commands, err := pipe.Exec(ctx)
		if errors.Is(err, redis.Nil) { // no checkpoint; an error of the others stands behind it
			err = nil
			for _, command := range commands[1:] {
				if command.Err() != nil {
					err = command.Err()
				}
			}
		}
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		at, err := parseCheckpoint(checkpoint.Val())
		return []eventstore.Position{at}, err
	})
}

// agreed reads until the parts that were read are at one checkpoint, and then waits until no other part is
// behind it: between two parts' steps of a commit, an answer from one would be ahead of the next answer, from
// another. Parts that do not come together are being mended.
func (s *Store) agreed(ctx context.Context, read func() ([]eventstore.Position, error)) (at eventstore.Position, err error) {
	for end := time.Now().Add(agreeLimit); ; {
		all, err := read()
		if err != nil {
			return at, err
		}
		at = all[0]
		if same(all) {
			return at, s.settle(ctx, at, end)
		}
		if err := s.pause(ctx, end); err != nil {
			return at, err
		}
	}
}

func same(all []eventstore.Position) bool {
	for _, at := range all {
		if at != all[0] {
			return false
		}
	}
	return true
}

// settle waits until no part is before a checkpoint.
func (s *Store) settle(ctx context.Context, at eventstore.Position, end time.Time) error {
	if !s.keys.split() {
		return nil
	}
	for s.settled.Load().Before(at) {
		lowest, err := s.Checkpoint(ctx)
		if err != nil || !lowest.Before(at) {
			return err
		}
		if err := s.pause(ctx, end); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for the next look at parts that do not agree.
func (s *Store) pause(ctx context.Context, end time.Time) error {
	if time.Now().After(end) {
		return projections.ErrLagging
	}
	timer := time.NewTimer(agreeEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return s.explain(ctx, ctx.Err())
	}
}

// ranks are the first and last of a page; the last is before the first if the page is empty.
func ranks(offset, limit int) (first, last int) {
	offset, limit = max(offset, 0), max(limit, 0)
	switch {
	case limit == 0:
		return 1, 0 // not 0 and -1, which is all
	case offset > math.MaxInt-limit:
		return offset, math.MaxInt
	default:
		return offset, offset + limit - 1
	}
}
