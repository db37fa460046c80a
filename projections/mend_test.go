package projections

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

// partedViews are views in parts, each of which has its own checkpoint. Reads come from wherever a part is.
type partedViews struct{ parts []*memViews }

func newParted(n int) *partedViews {
	v := new(partedViews)
	for range n {
		v.parts = append(v.parts, newViews())
	}
	return v
}

func (v *partedViews) of(name string) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32()) % len(v.parts)
}

func (v *partedViews) Checkpoints(ctx context.Context) (all []eventstore.Position, err error) {
	for _, p := range v.parts {
		at, err := p.Checkpoint(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, at)
	}
	slices.SortFunc(all, eventstore.Position.Compare)
	return slices.Compact(all), nil
}

func (v *partedViews) Checkpoint(ctx context.Context) (eventstore.Position, error) {
	all, err := v.Checkpoints(ctx)
	return all[0], err
}

func (v *partedViews) Commit(ctx context.Context, b Batch) error {
	for i, p := range v.parts {
		if at, err := p.Checkpoint(ctx); err != nil || !at.Before(b.To) {
			continue
		}
		mine := Batch{From: b.From, To: b.To}
		for _, op := range b.Ops {
			if v.of(op.Key) == i {
				mine.Ops = append(mine.Ops, op)
			}
		}
		if err := p.Commit(ctx, mine); err != nil {
			return err
		}
	}
	return nil
}

func (v *partedViews) Wipe(ctx context.Context) (err error) {
	for _, p := range v.parts {
		err = errors.Join(err, p.Wipe(ctx))
	}
	return err
}

func (v *partedViews) Get(ctx context.Context, keys ...string) (docs Docs, err error) {
	for _, key := range keys {
		found, err := v.parts[v.of(key)].Get(ctx, key)
		if err != nil {
			return Docs{}, err
		}
		docs.Values, docs.At = append(docs.Values, found.Values...), found.At
	}
	return docs, nil
}

func (v *partedViews) Page(ctx context.Context, index string, cut Cut) (Page, error) {
	documents := cut.Documents
	cut.Documents = Documents{}
	page, err := v.parts[v.of(index)].Page(ctx, index, cut)
	if err == nil && documents.Of != "" {
		var docs Docs
		docs, err = v.Get(ctx, documents.Keys(page.Members)...)
		page = page.With(docs)
	}
	return page, err
}

func (v *partedViews) Range(ctx context.Context, index string, r Range) (Stretch, error) {
	return v.parts[v.of(index)].Range(ctx, index, r)
}

// put sets a part to what whole views hold of it.
func (v *partedViews) put(i int, whole *memViews) {
	p := newViews()
	p.at = whole.at
	for key, doc := range whole.docs {
		if v.of(key) == i {
			p.docs[key] = doc
		}
	}
	for index, members := range whole.indexes {
		if v.of(index) == i {
			p.indexes[index] = members
		}
	}
	v.parts[i] = p
}

// TestMendedPartsAreThoseOfTheLog takes each part of the views back to some earlier moment and has them mended.
func TestMendedPartsAreThoseOfTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		randomHistory(t, store)
		all := wholeLog(t, store)
		if len(all) == 0 {
			return
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "sizes"), 0))
		views := newParted(4)
		furthest := 0
		for i := range views.parts {
			end := rapid.IntRange(1, len(all)).Draw(t, "end")
			furthest = max(furthest, end)
			views.put(i, viewsOf(t, all[:end]))
		}
		f := NewFollower(piecewise{all, random}, views, All(periods), quiet, time.Now)
		if err := f.mend(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := newParted(len(views.parts))
		for i := range want.parts {
			want.put(i, viewsOf(t, all[:furthest]))
			if got, want := views.parts[i].dump(), want.parts[i].dump(); got != want {
				t.Fatalf("part %d is\n%s\nwant\n%s", i, got, want)
			}
		}
	})
}

// viewsOf are the views of a log.
func viewsOf(t *rapid.T, all []eventstore.Recorded) *memViews {
	views := newViews()
	step(t, all, views)
	return views
}

func TestPartsThatCannotBeMendedAreMadeAgain(t *testing.T) {
	for what, positions := range map[string][]uint64{"a part is empty": {0, 3}, "a part is after the log's end": {2, 9}, "a part is between the log's events": {2, 3}} {
		t.Run(what, func(t *testing.T) {
			store := memory.New()
			for n := range 5 {
				recordOrder(t, store, n+1, placed(n+1, "p", "d"))
			}
			views := newParted(2)
			for i, commit := range positions {
				views.parts[i].at = eventstore.Position{Commit: commit, Prepare: commit}
			}
			if strings.Contains(what, "between") {
				views.parts[1].at.Prepare-- // 3-2
			}
			f := NewFollower(store, views, All(periods), quiet, time.Now)
			f.Leadership, _ = campaign(t, new(memLease), "me")
			runFollower(t, f)
			head, err := store.Head(t.Context())
			must(t, err)
			eventually(t, "they are made again", func() bool { return f.Await(t.Context(), head) == nil && f.ready.Load() })
			want := newParted(2)
			for i := range want.parts {
				want.put(i, built(t, store))
				if got, want := views.parts[i].dump(), want.parts[i].dump(); got != want {
					t.Errorf("part %d is\n%s\nwant\n%s", i, got, want)
				}
			}
		})
	}
}

// cutLog is a log of which somebody has changed what reads of a stream give, and not what has happened.
type cutLog struct {
	*memory.Store
	stream string
	first  eventstore.Revision // that is left
	fail   error
}

func (l cutLog) ReadStream(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	if stream != l.stream {
		return l.Store.ReadStream(ctx, stream, from)
	}
	if l.fail != nil {
		return func(yield func(eventstore.Recorded, error) bool) { yield(eventstore.Recorded{}, l.fail) }
	}
	return l.Store.ReadStream(ctx, stream, max(from, l.first))
}

// TestPartsAreMendedThoughAStreamWasDeleted: what its reads do not give any more, all of the log still has.
func TestPartsAreMendedThoughAStreamWasDeleted(t *testing.T) {
	stream := qa.Category + "-" + orderNumber(1)
	for what, log := range map[string]cutLog{
		"with a tombstone that is read": {},
		"with a tombstone that is told": {stream: stream, fail: fmt.Errorf("%w: stream deleted", eventstore.ErrInvalid)},
		"for as long as nobody writes":  {stream: stream, first: 9},
		"but for its end":               {stream: stream, first: 1},
	} {
		t.Run(what, func(t *testing.T) {
			log.Store = memory.New()
			recordOrder(t, log.Store, 1, placed(1, "p", "d"))
			bury(t, log.Store, stream, 0)
			before := built(t, log.Store)
			recordOrder(t, log.Store, 1, qa.OrderCancelled{By: "p", At: t0})
			head := recordOrder(t, log.Store, 2, placed(2, "p", "d"))
			views, want := newParted(2), newParted(2)
			views.put(0, before)
			views.put(1, built(t, log.Store))
			f := NewFollower(log, views, All(periods), quiet, time.Now)
			f.Leadership, _ = campaign(t, new(memLease), "me")
			runFollower(t, f)
			eventually(t, "they are mended or made again", func() bool { return f.Await(t.Context(), head) == nil && f.ready.Load() })
			for i := range want.parts {
				want.put(i, built(t, log.Store))
				if got, want := views.parts[i].dump(), want.parts[i].dump(); got != want {
					t.Errorf("part %d is\n%s\nwant\n%s", i, got, want)
				}
			}
		})
	}
}
