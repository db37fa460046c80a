package redisview

import (
	"cmp"
	"context"
	"errors"
	"math"

	"github.com/redis/go-redis/v9"

	"orderengine/projections"
)

// Get implements [projections.Reader].
func (s *Store) Get(ctx context.Context, keys ...string) (projections.Docs, error) {
	names := make([]string, 1, 1+len(keys))
	names[0] = s.keys.checkpoint()
	for _, key := range keys {
		names = append(names, s.keys.document(key))
	}
	found, err := s.client.MGet(ctx, names...).Result()
	if err != nil {
		return projections.Docs{}, explain(ctx, err)
	}
	checkpoint, _ := found[0].(string) // nil where there is none
	at, err := parseCheckpoint(checkpoint)
	if err != nil {
		return projections.Docs{}, err
	}
	docs := projections.Docs{Values: make([][]byte, len(keys)), At: at}
	for i, value := range found[1:] {
		if value, ok := value.(string); ok {
			docs.Values[i] = append(make([]byte, 0, len(value)), value...)
		}
	}
	return docs, nil
}

// Page implements [projections.Reader]. Its cost grows with the logarithm of the index's size. A negative
// offset or limit counts as 0.
func (s *Store) Page(ctx context.Context, index string, offset, limit int, newestFirst bool) (projections.Page, error) {
	key := s.keys.index(index)
	pipe := s.client.TxPipeline()
	checkpoint := pipe.Get(ctx, s.keys.checkpoint())
	total := pipe.ZCard(ctx, key)
	first, last := ranks(offset, limit)
	members := pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: first, Stop: last, Rev: newestFirst})
	_, err := pipe.Exec(ctx)
	if errors.Is(err, redis.Nil) { // no checkpoint; an error of the others stands behind it
		err = cmp.Or(total.Err(), members.Err())
	}
	if err != nil {
		return projections.Page{}, explain(ctx, err)
	}
	at, err := parseCheckpoint(checkpoint.Val())
	if err != nil {
		return projections.Page{}, err
	}
	return projections.Page{Members: members.Val(), Total: int(total.Val()), At: at}, nil
}

// Range implements [projections.Reader].
func (s *Store) Range(ctx context.Context, index string, r projections.Range) (projections.Stretch, error) {
	first, end := "["+r.From, "("+r.To
	if r.To == "" {
		end = "+"
	}
	pipe := s.client.TxPipeline()
	checkpoint := pipe.Get(ctx, s.keys.checkpoint())
	var members *redis.StringSliceCmd
	if r.Limit > 0 {
		members = pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: s.keys.index(index), Start: first, Stop: end, ByLex: true, Count: int64(r.Limit)})
	}
	_, err := pipe.Exec(ctx)
	if errors.Is(err, redis.Nil) { // no checkpoint; an error of the other stands behind it
		err = nil
		if members != nil {
			err = members.Err()
		}
	}
	if err != nil {
		return projections.Stretch{}, explain(ctx, err)
	}
	at, err := parseCheckpoint(checkpoint.Val())
	if err != nil || members == nil {
		return projections.Stretch{At: at}, err
	}
	return projections.Stretch{Members: members.Val(), At: at}, nil
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
