package redisview

import (
	"context"
	"errors"
	"math"
	"strings"
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
	reads := s.spreadKeys(keys)
	values = make([][]byte, len(keys))
	for i, command := range s.readParts(ctx, reads) {
		found, err := command.Result()
		if err != nil {
			return nil, nil, s.explain(ctx, err)
		}
		checkpoint, _ := found[0].(string) // nil where there is none
		position, err := parseCheckpoint(checkpoint)
		if err != nil {
			return nil, nil, err
		}
		at = append(at, position)
		for n, key := range reads[i].keys {
			values[key] = bytesOf(found[1+n])
		}
	}
	return values, at, nil
}

// partRead is what is read of one part: its checkpoint, and the documents with some of the keys.
type partRead struct {
	names []string
	keys  []int
}

// spreadKeys gives each part that has one of the keys its own.
func (s *Store) spreadKeys(keys []string) []partRead {
	var reads []partRead
	of := make([]int, len(s.keys.parts)) // one more than where a part's stands in reads
	for i, key := range keys {
		place := s.keys.place(key)
		p := s.keys.parts[place]
		if of[place] == 0 {
			reads = append(reads, partRead{names: append(make([]string, 0, 1+len(keys)), p.checkpoint())})
			of[place] = len(reads)
		}
		r := &reads[of[place]-1]
		r.names, r.keys = append(r.names, p.document(key)), append(r.keys, i)
	}
	return reads
}

func (s *Store) readParts(ctx context.Context, reads []partRead) []*redis.SliceCmd {
	if len(reads) == 1 {
		return []*redis.SliceCmd{s.together.MGet(ctx, reads[0].names...)}
	}
	pipe := s.client.Pipeline()
	found := make([]*redis.SliceCmd, len(reads))
	for i, r := range reads {
		found[i] = pipe.MGet(ctx, r.names...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	return found
}

// Page implements [projections.Reader]. Its cost grows with the logarithm of the index's size.
func (s *Store) Page(ctx context.Context, index string, cut projections.Cut) (page projections.Page, err error) {
	p := s.keys.parts[s.keys.place(index)]
	documents := s.joins(cut)
	page.At, err = s.around(ctx, p, func() (answer func() error) {
		total := s.together.ZCard(ctx, p.index(index))
		members := s.askMembers(ctx, p, index, cut, documents)
		return func() (err error) {
			page.Members, page.Values, err = members()
			page.Total = int(total.Val())
			return errors.Join(total.Err(), err)
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

// joins says that the server gives the documents with the members. It can if their keys end in the whole members, are on
// the same server, and its user may read all keys (see [denied]).
func (s *Store) joins(cut projections.Cut) bool {
	d := cut.Documents
	return d.Of != "" && d.Skip == 0 && cut.Limit > 0 && !strings.ContainsAny(d.Of, "*\x00") && !s.keys.split() && !s.apart.Load()
}

// denied says that the server would not join: for SORT with GET it wants its user to be allowed to read every key.
func denied(err error) bool {
	return err != nil && strings.Contains(err.Error(), "GET option of SORT denied")
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
	p := s.keys.parts[s.keys.place(index)]
	stretch.At, err = s.around(ctx, p, func() (answer func() error) {
		if r.Limit <= 0 {
			return func() error { return nil }
		}
		members := s.together.ZRangeArgs(ctx, redis.ZRangeArgs{Key: p.index(index), Start: first, Stop: end, ByLex: true, Count: int64(r.Limit)})
		return func() (err error) {
			stretch.Members, err = members.Result()
			return err
		}
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

// bytesOf is nil where the answer is, and not nil where it is empty.
func bytesOf(answer any) []byte {
	value, ok := answer.(string)
	if !ok {
		return nil
	}
	return append(make([]byte, 0, len(value)), value...)
}

// agreed reads until the parts that were read are at one checkpoint, and then waits until no other part is
// behind it: between two parts' steps of a commit, an answer from one would be ahead of the next answer, from
// another. Parts that do not come together are being mended.
func (s *Store) agreed(ctx context.Context, read func() ([]eventstore.Position, error)) (at eventstore.Position, err error) {
	if err := ctx.Err(); err != nil {
		return at, s.explain(ctx, err) // what is sent together with others' is not given up when its caller goes
	}
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
