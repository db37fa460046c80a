package e2e

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
)

// slowReads is a store whose readers stop, once they have read all, until they are let go.
type slowReads struct {
	decider.Store
	ends chan chan struct{} // of each read; closing it lets the reader go
}

func (s slowReads) ReadStream(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for e, err := range s.Store.ReadStream(ctx, stream, from) {
			if !yield(e, err) {
				return
			}
		}
		end := make(chan struct{})
		s.ends <- end
		<-end
	}
}

// TestASlowReaderDoesNotBringBackThePast has a read that is under way while a command runs: what is known
// afterwards is what the command left, not what the read had found.
func TestASlowReaderDoesNotBringBackThePast(t *testing.T) {
	t.Parallel()
	model := decider.Model[int, int, int]{
		Category: "count",
		Decide:   func(_, c int) ([]int, error) { return []int{c}, nil },
		Evolve:   func(s, e int) int { return s + e },
		Encode:   func(e int) (string, int, []byte, error) { return "Counted", 1, []byte{byte(e)}, nil },
		Decode:   func(_ string, _ int, data []byte) (int, error) { return int(data[0]), nil },
	}
	log := memory.New()
	count := func(d *decider.Decider[int, int, int], n int) {
		if _, err := d.Execute(t.Context(), "x", decider.Call{ID: uuid.New()}, n); err != nil {
			t.Error(err)
		}
	}
	count(decider.New(log, model, decider.Options{}), 1)
	store := slowReads{log, make(chan chan struct{})}
	d := decider.New(store, model, decider.Options{})
	load := func() int {
		got, err := d.Load(t.Context(), "x")
		if err != nil {
			t.Error(err)
		}
		return got.State
	}
	loaded, executed := make(chan struct{}), make(chan struct{})
	go func() { defer close(loaded); load() }()
	first := <-store.ends // it has found 1
	go func() { defer close(executed); count(d, 2) }()
	select {
	case second := <-store.ends: // the command reads too, and ends before the load
		close(second)
		<-executed
		close(first)
	case <-time.After(100 * time.Millisecond): // it waits for the load
		close(first)
		<-executed
	}
	<-loaded
	if got := load(); got != 3 {
		t.Errorf("the count is %d, want 3", got)
	}
}
