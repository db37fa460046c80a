package redisview

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Page implements [projections.Reader]. Its cost grows with the logarithm of the index's size.
func (s *Store) Page(ctx context.Context, index string, cut projections.Cut) (page projections.Page, err error) {
	documents := s.joins(cut)
	if documents {
		page, err = s.joinedPage(ctx, index, cut)
		if documents = !denied(err); !documents {
			s.apart.Store(true)
		}
	}
	if !documents {
		page, err = s.page(ctx, index, cut)
	}
	if err == nil && !documents && cut.Documents.Of != "" && len(page.Members) > 0 {
		var docs projections.Docs
		docs, err = s.Get(ctx, cut.Documents.Keys(page.Members)...)
		page = page.With(docs)
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

// denied says that the server does not let our user SORT_RO, which came with Redis 7.0. With GET the user must be allowed
// to read every key, not ours alone.
func denied(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && strings.Contains(strings.ToLower(answer.Error()), "sort")
}

// joinedPage has the server add the documents to the members.
func (s *Store) joinedPage(ctx context.Context, index string, cut projections.Cut) (page projections.Page, err error) {
	p := s.keys.parts[0]
	order := "ASC"
	if cut.NewestFirst {
		order = "DESC"
	}
	var total *redis.IntCmd
	var sorted *redis.SliceCmd
	page.At, err = s.around(ctx, p, func(pipe redis.Pipeliner) {
		total = pipe.ZCard(ctx, p.index(index))
		sorted = redis.NewSliceCmd(ctx, "SORT_RO", p.index(index), "BY", "nosort", "LIMIT", max(cut.Offset, 0), cut.Limit,
			"GET", "#", "GET", p.document(cut.Documents.Of)+"*", order) // each member itself, and its document
		_ = pipe.Process(ctx, sorted) // a pipeline takes every command
	})
	if err != nil {
		return page, err
	}
	found := sorted.Val()
	page.Total, page.Members, page.Values = int(total.Val()), make([]string, len(found)/2), make([][]byte, len(found)/2)
	for i := range page.Members {
		page.Members[i], _ = found[2*i].(string)
		page.Values[i] = bytesOf(found[2*i+1])
	}
	return page, nil
}

// page reads the members alone.
func (s *Store) page(ctx context.Context, index string, cut projections.Cut) (page projections.Page, err error) {
	p := s.keys.parts[s.keys.place(index)]
	first, last := ranks(cut.Offset, cut.Limit)
	var total *redis.IntCmd
	var members *redis.StringSliceCmd
	add := func(pipe redis.Pipeliner) {
		total = pipe.ZCard(ctx, p.index(index))
		members = pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: p.index(index), Start: first, Stop: last, Rev: cut.NewestFirst})
	}
	if s.keys.split() {
		page.At, err = s.atOnce(ctx, p, add)
	} else {
		page.At, err = s.around(ctx, p, add)
	}
	if err != nil {
		return page, err
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
	// It goes on a connection of its own: a stretch may be long, and others would wait behind it.
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

// around reads from the one server and gives the checkpoint that the answer is true at: it is the same before and after.
func (s *Store) around(ctx context.Context, p part, read func(redis.Pipeliner)) (eventstore.Position, error) {
	return s.agreed(ctx, func() ([]eventstore.Position, error) {
		var before, after *redis.StringCmd
		var commands []redis.Cmder
		err := s.ask(ctx, func(pipe redis.Pipeliner) {
			before = pipe.Get(ctx, p.checkpoint())
			first := pipe.Len()
			read(pipe)
			commands = pipe.Cmds()[first:]
			after = pipe.Get(ctx, p.checkpoint())
		})
		for i := 0; err == nil && i < len(commands); i++ {
			err = commands[i].Err()
		}
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		return s.positionsOf(ctx, before, after)
	})
}

// atOnce reads from a part and gives its checkpoint, in one step of its server.
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
