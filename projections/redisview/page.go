package redisview

import (
	"context"
	"math"
	"strings"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Page implements [projections.Reader]. Its cost grows with the logarithm of the index's size.
func (s *Store) Page(ctx context.Context, index string, cut projections.Cut) (page projections.Page, err error) {
	p := s.keys.parts[s.keys.place(index)]
	documents := s.joins(cut)
	page.At, err = s.around(ctx, p, func() (answer func() error) {
		total := s.together.ZCard(ctx, p.index(index))
		members := s.askMembers(ctx, p, index, cut, documents)
		return func() (err error) {
			if page.Members, page.Values, err = members(); err == nil {
				page.Total, err = int(total.Val()), total.Err()
			}
			return err
		}
	})
	if documents && denied(err) {
		s.apart.Store(true)
		return s.Page(ctx, index, cut)
	}
	if err == nil && !documents && cut.Documents.Of != "" {
		var docs projections.Docs
		docs, err = s.Get(ctx, cut.Documents.Keys(page.Members)...)
		page.Values = docs.Values
	}
	if err != nil {
		return projections.Page{}, err
	}
	return page, nil
}

// joins says that the server is to give the documents with the members: their keys end in the whole members, they are on
// the same server, and it has not denied it.
func (s *Store) joins(cut projections.Cut) bool {
	d := cut.Documents
	return d.Of != "" && d.Skip == 0 && cut.Limit > 0 && !strings.ContainsAny(d.Of, "*\x00") && !s.keys.split() && !s.apart.Load()
}

// denied says that our user may not SORT. With GET it must be allowed to read every key, not ours alone.
func denied(err error) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), "sort")
}

// askMembers asks for the members of a page, and for their documents if the server gives them too.
func (s *Store) askMembers(ctx context.Context, p part, index string, cut projections.Cut, documents bool) (answer func() ([]string, [][]byte, error)) {
	if !documents {
		first, last := ranks(cut.Offset, cut.Limit)
		members := s.together.ZRangeArgs(ctx, redis.ZRangeArgs{Key: p.index(index), Start: first, Stop: last, Rev: cut.NewestFirst})
		return func() ([]string, [][]byte, error) { return members.Val(), nil, members.Err() }
	}
	order := "ASC"
	if cut.NewestFirst {
		order = "DESC"
	}
	sorted := s.together.SortInterfaces(ctx, p.index(index), &redis.Sort{By: "nosort", Order: order, Offset: int64(max(cut.Offset, 0)),
		Count: int64(cut.Limit), Get: []string{"#", p.document(cut.Documents.Of) + "*"}}) // the member itself, and its document
	return func() (members []string, values [][]byte, err error) {
		found, err := sorted.Result()
		for i := 0; i+1 < len(found); i += 2 {
			member, _ := found[i].(string)
			members, values = append(members, member), append(values, bytesOf(found[i+1]))
		}
		return members, values, err
	}
}

// Range implements [projections.Reader].
func (s *Store) Range(ctx context.Context, index string, r projections.Range) (stretch projections.Stretch, err error) {
	first, end := "["+r.From, "("+r.To
	if r.To == "" {
		end = "+"
	}
	if r.Limit <= 0 {
		stretch.At, err = s.Checkpoint(ctx)
		return stretch, err
	}
	p := s.keys.parts[s.keys.place(index)]
	stretch.At, err = s.agreed(ctx, func() (at []eventstore.Position, err error) {
		pipe := s.client.Pipeline() // of its own: a stretch may be long, and others would wait behind it
		before := pipe.Get(ctx, p.checkpoint())
		members := pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: p.index(index), Start: first, Stop: end, ByLex: true, Count: int64(r.Limit)})
		after := pipe.Get(ctx, p.checkpoint())
		_, _ = pipe.Exec(ctx) // each command has its own error
		if stretch.Members, err = members.Result(); err != nil {
			return nil, s.explain(ctx, err)
		}
		return s.positionsOf(ctx, before, after)
	})
	if err != nil {
		return projections.Stretch{}, err
	}
	return stretch, nil
}

// around asks for parts of an answer and gives the checkpoint that it is true at: the same was there before and after.
func (s *Store) around(ctx context.Context, p part, ask func() (answer func() error)) (eventstore.Position, error) {
	return s.agreed(ctx, func() ([]eventstore.Position, error) {
		before := s.together.Get(ctx, p.checkpoint())
		answer := ask()
		after := s.together.Get(ctx, p.checkpoint())
		if err := answer(); err != nil {
			return nil, s.explain(ctx, err)
		}
		return s.positionsOf(ctx, before, after)
	})
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
