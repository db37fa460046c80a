package viewtest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"orderengine/eventstore"
	"orderengine/projections"
)

// window is how many members the index "recent" keeps.
const window = 10

// testConsistent commits while others read. Commit k makes what every answer at k must show.
func testConsistent(t *testing.T, h Harness) {
	var readers sync.WaitGroup
	for _, check := range []func(*testing.T, projections.Views) eventstore.Position{checkDocs, checkAll, checkRecent} {
		readers.Go(func() { readOften(t, h.Views, check) })
	}
	read := make(chan struct{})
	go func() {
		readers.Wait()
		close(read)
	}()
	last := commitUntil(t, h.Views, read)
	if p := checkDocs(t, h.Views); p != at(last) || last < 10 {
		t.Errorf("the last answer is at %s after %d commits, want the last of at least 10", p, last)
	}
}

// readOften reads on until there was enough to be seen, however slow the commits are.
func readOften(t *testing.T, v projections.Views, check func(*testing.T, projections.Views) eventstore.Position) {
	var last eventstore.Position
	for n := 0; n < 300 || last.Before(at(window)); n++ {
		if t.Failed() {
			return
		}
		seen := check(t, v)
		if seen.Before(last) {
			t.Errorf("an answer at %s after one at %s", seen, last)
		}
		last = seen
	}
}

// commitUntil commits until the readers are done and says how often.
func commitUntil(t *testing.T, v projections.Views, read <-chan struct{}) (last uint64) {
	for {
		select {
		case <-read:
			return last
		default:
		}
		if err := v.Commit(t.Context(), consistentStep(last+1)); err != nil {
			t.Errorf("commit %d: %v", last+1, err)
			<-read
			return last
		}
		last++
	}
}

func consistentStep(k uint64) projections.Batch {
	b := step(k, put("first", strconv.FormatUint(k, 10)), list("all", ordinal(k)), list("recent", ordinal(k)), put("second", strconv.FormatUint(k, 10)))
	if k > window {
		b.Ops = append(b.Ops, unlist("recent", ordinal(k-window)))
	}
	return b
}

func ordinal(k uint64) string { return fmt.Sprintf("%08d", k) }

func checkDocs(t *testing.T, v projections.Views) eventstore.Position {
	docs, err := v.Get(t.Context(), "first", "missing", "second")
	if err != nil {
		t.Errorf("get: %v", err)
		return docs.At
	}
	want := strconv.FormatUint(docs.At.Commit, 10)
	if docs.At == (eventstore.Position{}) {
		want = ""
	}
	if first, second := string(docs.Values[0]), string(docs.Values[2]); first != want || second != want {
		t.Errorf("documents at %s are %q and %q", docs.At, first, second)
	}
	return docs.At
}

// checkAll reads an index that holds 1 to k at checkpoint k, from either end and across its middle.
func checkAll(t *testing.T, v projections.Views) eventstore.Position {
	var p projections.Page
	for _, offset := range []int{0, 1, 150} {
		for _, newestFirst := range []bool{true, false} {
			var err error
			if p, err = v.Page(t.Context(), "all", projections.Cut{Offset: offset, Limit: 3, NewestFirst: newestFirst}); err != nil {
				t.Errorf("page: %v", err)
				return p.At
			}
			checkRun(t, p, 1, offset, 3, newestFirst)
		}
	}
	return p.At
}

func checkRecent(t *testing.T, v projections.Views) eventstore.Position {
	p, err := v.Page(t.Context(), "recent", projections.Cut{Limit: window})
	if err != nil {
		t.Errorf("page: %v", err)
		return p.At
	}
	checkRun(t, p, p.At.Commit-min(p.At.Commit, window)+1, 0, window, false)
	return p.At
}

// checkRun checks a page of an index that holds the ordinals from first to the checkpoint.
func checkRun(t *testing.T, p projections.Page, first uint64, offset, limit int, newestFirst bool) {
	if want := int(p.At.Commit - first + 1); p.Total != want {
		t.Errorf("%d members at %s, want %d", p.Total, p.At, want)
	}
	for i, member := range p.Members {
		want := ordinal(first + uint64(offset+i))
		if newestFirst {
			want = ordinal(p.At.Commit - uint64(offset+i))
		}
		if member != want {
			t.Errorf("member %d at %s, newest first %t, is %s, want %s", offset+i, p.At, newestFirst, member, want)
		}
	}
	if left := max(p.Total-offset, 0); len(p.Members) != min(left, limit) {
		t.Errorf("page at offset %d of %d has %d members", offset, p.Total, len(p.Members))
	}
}

// testWipedPages wipes and fills the views while pages are read with their documents. A page may be from before a wipe or
// after it, and says which; it never has the members of the one and the documents of the other.
func testWipedPages(t *testing.T, h Harness) {
	const orders = 20
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			var ops []projections.Op
			for n := range orders {
				ops = append(ops, put("order-"+ordinal(uint64(n)), "v"), list("ranked", "rank-"+ordinal(uint64(n))))
			}
			if err := h.Views.Commit(t.Context(), step(1, ops...)); err != nil {
				t.Errorf("commit: %v", err)
				return
			}
			if err := h.Views.Wipe(t.Context()); err != nil {
				t.Errorf("wipe: %v", err)
				return
			}
		}
	}()
	for going := true; going; {
		p, err := h.Views.Page(t.Context(), "ranked", projections.Cut{Limit: orders, Documents: projections.Documents{Of: "order-", Skip: len("rank-")}})
		if err != nil {
			t.Errorf("page: %v", err)
		}
		if whole := p.Total == orders && !slices.ContainsFunc(p.Values, func(v []byte) bool { return v == nil }); p.At != (eventstore.Position{}) && !whole {
			t.Errorf("a page at %s has %d members and the documents %q", p.At, p.Total, p.Values)
		}
		select {
		case <-done:
			going = false
		default:
		}
	}
}
