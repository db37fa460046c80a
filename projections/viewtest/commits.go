package viewtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"orderengine/eventstore"
	"orderengine/projections"
)

func testStale(t *testing.T, h Harness) {
	commit(t, h.Views, step(1, put("a", "1"), list("i", "a")))
	commit(t, h.Views, step(2, put("b", "1")))
	before := dump(t, h.Views)
	for _, from := range []eventstore.Position{{}, at(1), at(3), {Commit: 2}, {Commit: 2, Prepare: 1}} {
		wantStale(t, h.Views.Commit(t.Context(), projections.Batch{From: from, To: at(9), Ops: []projections.Op{
			put("a", "stale"), put("c", "stale"), remove("b"), list("i", "stale"), unlist("i", "a")}}))
		wantDump(t, h.Views, before)
	}
	if p := checkpoint(t, h.Views); p != at(2) {
		t.Errorf("checkpoint after stale commits is %s, want 2", p)
	}
}

func testTwice(t *testing.T, h Harness) {
	b := step(1, put("a", "1"), list("i", "a"), unlist("i", "b"))
	commit(t, h.Views, b)
	once := dump(t, h.Views)
	wantStale(t, h.Views.Commit(t.Context(), b))
	wantDump(t, h.Views, once)
	// The same ops on the next checkpoint, as after a rebuild of what was there, add nothing either.
	commit(t, h.Views, step(2, b.Ops...))
	wantDump(t, h.Views, "at 2"+once[len("at 1"):])
}

// testFollowersRace has two followers commit to the same checkpoint. In parts each may win some of them; there
// they lead one after the other, see testLeaders.
func testFollowersRace(t *testing.T, h Harness) {
	if h.Parted {
		return
	}
	m := NewModel()
	for n := uint64(1); n <= 40; n++ {
		var batches [2]projections.Batch
		var errs [2]error
		var followers sync.WaitGroup
		for i := range batches {
			batches[i] = step(n, put("winner", fmt.Sprintf("%d-%d", n, i)), list("i", fmt.Sprintf("%03d-%d", n, i)))
			batches[i].To.Prepare = uint64(i) // where they end is not the same place
			batches[i].From = m.at
			followers.Go(func() { errs[i] = h.Views.Commit(t.Context(), batches[i]) })
		}
		followers.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil {
			t.Fatalf("neither follower wins round %d: %v, %v", n, errs[0], errs[1])
		}
		wantStale(t, errs[1-winner])
		m.Commit(batches[winner])
	}
	wantDump(t, h.Views, m.Dump())
}

func testReopen(t *testing.T, h Harness) {
	views, from := h.Views, eventstore.Position{}
	for i, to := range []eventstore.Position{{Commit: 1}, {Commit: 7, Prepare: 3}, {Commit: math.MaxUint64, Prepare: math.MaxUint64}} {
		commit(t, views, projections.Batch{From: from, To: to, Ops: []projections.Op{put("n", fmt.Sprint(i)), list("i", fmt.Sprint(i))}})
		before := dump(t, views)
		views = h.Reopen(t)
		if p := checkpoint(t, views); p != to {
			t.Errorf("checkpoint after reopening is %s, want %s", p, to)
		}
		wantDump(t, views, before)
		from = to
	}
	if p := page(t, views, "i", projections.Cut{Limit: 9, NewestFirst: true}); p.Total != 3 || p.Members[0] != "2" || p.At != from {
		t.Errorf("page after reopening is %+v", p)
	}
}

// testInterrupted kills a follower around its commits; it goes on from the checkpoint that it then reads.
func testInterrupted(t *testing.T, h Harness) {
	const seed, last = 20240611, 120
	random := rand.New(rand.NewPCG(seed, 0))
	m := NewModel()
	batches := make([]projections.Batch, last)
	for i := range batches {
		batches[i] = randomStep(random, uint64(i+1))
		m.Commit(batches[i])
	}
	views := h.Views
	for done := checkpoint(t, views).Commit; done < last; done = checkpoint(t, views).Commit {
		views = interruptedCommit(t, h, views, batches[done], random)
	}
	t.Logf("seed %d", seed)
	wantDump(t, views, m.Dump())
}

func interruptedCommit(t *testing.T, h Harness, views projections.Views, b projections.Batch, random *rand.Rand) projections.Views {
	switch random.IntN(8) {
	case 0: // killed before the commit
		return h.Reopen(t)
	case 1: // killed after the commit, before its answer was heard
		_ = views.Commit(t.Context(), b)
		return h.Reopen(t)
	case 2, 3, 4: // given up in the middle: whether it was done is not known
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(300))*time.Microsecond)
		defer cancel()
		_ = views.Commit(ctx, b)
	default:
		// One that was given up may still be done, after its follower read the checkpoint.
		if err := views.Commit(t.Context(), b); err != nil && !errors.Is(err, projections.ErrStale) {
			t.Fatalf("commit from %s: %v", b.From, err)
		}
	}
	return views
}

// randomStep has ops that meet each other often.
func randomStep(random *rand.Rand, n uint64) projections.Batch {
	ops := make([]projections.Op, random.IntN(12))
	for i := range ops {
		key, member := fmt.Sprint("k", random.IntN(4)), fmt.Sprint("m", random.IntN(10))
		ops[i] = []projections.Op{put(key, fmt.Sprint(n)), remove(key), list(key, member), unlist(key, member)}[random.IntN(4)]
	}
	return step(n, ops...)
}

func testWipe(t *testing.T, h Harness) {
	random := rand.New(rand.NewPCG(7, 7))
	batches := make([]projections.Batch, 50)
	for i := range batches {
		batches[i] = randomStep(random, uint64(i+1))
	}
	rebuild := func(v projections.Views) string {
		for _, b := range batches {
			commit(t, v, b)
		}
		return dump(t, v)
	}
	first := rebuild(h.Views)
	for range 2 { // the second finds the views empty
		if err := h.Views.Wipe(t.Context()); err != nil {
			t.Fatalf("wipe: %v", err)
		}
		wantDump(t, h.Views, "at 0\n")
		wantStale(t, h.Views.Commit(t.Context(), step(51)))
	}
	if p := page(t, h.Views, "k0", projections.Cut{Limit: 10}); len(p.Members) != 0 || p.Total != 0 {
		t.Errorf("a wiped index answers %+v", p)
	}
	wantValue(t, "a wiped document", get(t, h.Views, "k0").Values[0], nil)
	views := h.Reopen(t)
	wantDump(t, views, "at 0\n")
	if second := rebuild(views); second != first {
		t.Errorf("rebuilt views hold\n%s\nwant\n%s", second, first)
	}
}

func testCancelled(t *testing.T, h Harness) {
	commit(t, h.Views, step(1, put("a", "1")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errGet := h.Views.Get(ctx, "a")
	_, errPage := h.Views.Page(ctx, "i", projections.Cut{Limit: 1})
	_, errCheckpoint := h.Views.Checkpoint(ctx)
	for call, err := range map[string]error{
		"Get": errGet, "Page": errPage, "Checkpoint": errCheckpoint,
		"Commit": h.Views.Commit(ctx, step(2, put("a", "2"))), "Wipe": h.Views.Wipe(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s of a cancelled caller: %v, want %v", call, err, context.Canceled)
		}
	}
	wantDump(t, h.Views, "at 1\ndoc \"a\" \"1\"\n")
}
