package sequence_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/sequence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func clock() time.Time { return time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC) }

func open(s sequence.Store) *sequence.Sequence { return sequence.New(s, "order", clock) }

func next(t testing.TB, s *sequence.Sequence) int64 {
	t.Helper()
	n, err := s.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestADeletedSequenceDoesNotBeginAgain: what it has given would be given twice.
func TestADeletedSequenceDoesNotBeginAgain(t *testing.T) {
	s := memory.New()
	next(t, open(s))
	tombstone := eventstore.Event{ID: uuid.New(), Type: "$streamDeleted", Data: []byte("{}"), Metadata: []byte("{}")}
	if _, err := s.Append(t.Context(), "sequence-order", 0, []eventstore.Event{tombstone}); err != nil {
		t.Fatal(err)
	}
	if n, err := open(s).Next(t.Context()); err == nil {
		t.Errorf("it gives %d", n)
	}
}

func take(t testing.TB, s *sequence.Sequence, n int) (numbers []int64) {
	t.Helper()
	for range n {
		numbers = append(numbers, next(t, s))
	}
	return numbers
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNumbersComeInOrderFromOne(t *testing.T) {
	s := open(memory.New())
	for want := int64(1); want <= 200; want++ {
		if n := next(t, s); n != want {
			t.Fatalf("number %d, want %d", n, want)
		}
	}
}

func TestSequencesAreApart(t *testing.T) {
	store := memory.New()
	a, b := sequence.New(store, "a", clock), sequence.New(store, "b", clock)
	if x, y, z := next(t, a), next(t, b), next(t, a); x != 1 || y != 1 || z != 2 {
		t.Errorf("numbers %d %d %d", x, y, z)
	}
}

func TestCloseGivesBackAndACrashDoesNot(t *testing.T) {
	store := memory.New()
	s := open(store)
	take(t, s, 5)
	do(t, s.Close(t.Context()))
	s = open(store)
	if n := next(t, s); n != 6 {
		t.Errorf("after a close: %d, want 6", n)
	}
	s = open(store) // the former is never closed
	if n := next(t, s); n != 70 {
		t.Errorf("after a crash: %d, want 70, the first of the next block", n)
	}
	do(t, s.Close(t.Context()))
	do(t, s.Close(t.Context()))
	if n := next(t, s); n != 71 {
		t.Errorf("after its own close: %d, want 71", n)
	}
}

func TestCloseOfWhatWasNeverUsedWritesNothing(t *testing.T) {
	store := memory.New()
	do(t, open(store).Close(t.Context()))
	s := open(store)
	take(t, s, 64) // a whole block: nothing is left
	head, err := store.Head(t.Context())
	do(t, err)
	do(t, s.Close(t.Context()))
	if after, err := store.Head(t.Context()); err != nil || after != head {
		t.Errorf("the log moved from %v to %v, %v", head, after, err)
	}
}

func TestCloseKeepsWhatOthersTookSince(t *testing.T) {
	store := memory.New()
	a, b := open(store), open(store)
	take(t, a, 3)
	if n := next(t, b); n != 65 {
		t.Fatalf("the other's first is %d, want 65", n)
	}
	do(t, a.Close(t.Context())) // its block is not the last
	if n := next(t, b); n != 66 {
		t.Errorf("the other's next is %d, want 66", n)
	}
	if n := next(t, open(store)); n != 129 {
		t.Errorf("a third's first is %d, want 129", n)
	}
}

func TestSkip(t *testing.T) {
	for _, c := range []struct {
		name       string
		taken      int
		skip, want int64
	}{
		{"at the start", 0, 6, 7}, {"nothing", 0, 0, 1}, {"what is past", 5, 3, 6}, {"the last one", 5, 5, 6}, {"the next one", 5, 6, 7},
		{"in the block", 5, 40, 41}, {"the block's last", 5, 64, 65}, {"past the block", 5, 1000, 1001}, {"past a used block", 64, 70, 71},
		{"the last of a used block", 64, 64, 65},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := memory.New()
			s := open(store)
			take(t, s, c.taken)
			do(t, s.Skip(t.Context(), c.skip))
			if n := next(t, s); n != c.want {
				t.Errorf("next is %d, want %d", n, c.want)
			}
			if n := next(t, open(store)); n <= c.skip {
				t.Errorf("another server gives %d, skipped were all to %d", n, c.skip)
			}
		})
	}
}

func TestManyGoroutinesAndServersNeverRepeat(t *testing.T) {
	const servers, goroutines, each = 4, 64, 30
	store := memory.New()
	var mu sync.Mutex
	seen := map[int64]bool{}
	var work sync.WaitGroup
	all := make([]*sequence.Sequence, servers)
	for i := range all {
		all[i] = open(store)
	}
	for g := range goroutines {
		work.Go(func() {
			numbers := take(t, all[g%servers], each)
			if !slices.IsSorted(numbers) {
				t.Errorf("one caller's numbers fall: %v", numbers)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, n := range numbers {
				if seen[n] || n < 1 {
					t.Errorf("number %d was given twice", n)
				}
				seen[n] = true
			}
		})
	}
	work.Wait()
	if len(seen) != goroutines*each {
		t.Errorf("%d numbers, want %d", len(seen), goroutines*each)
	}
}

func TestOneServersNumbersAreDense(t *testing.T) {
	s := open(memory.New())
	var mu sync.Mutex
	var numbers []int64
	var work sync.WaitGroup
	for range 64 {
		work.Go(func() {
			mine := take(t, s, 10)
			mu.Lock()
			defer mu.Unlock()
			numbers = append(numbers, mine...)
		})
	}
	work.Wait()
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != int64(i+1) {
			t.Fatalf("number %d at place %d", n, i+1)
		}
	}
}

// flaky fails an append that its hook names, before or after it is written.
type flaky struct {
	*memory.Store
	before, after error
}

func (f *flaky) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	if f.before != nil {
		return eventstore.Receipt{}, f.before
	}
	receipt, err := f.Store.Append(ctx, stream, expected, events)
	if f.after != nil {
		return eventstore.Receipt{}, f.after
	}
	return receipt, err
}

// TestWhateverHappensNoNumberComesTwice has servers take, skip, close, crash and fail in any order.
func TestWhateverHappensNoNumberComesTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		stores := []*flaky{{Store: store}, {Store: store}, {Store: store}}
		servers := make([]*sequence.Sequence, len(stores))
		for i, s := range stores {
			servers[i] = open(s)
		}
		given := map[int64]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, len(servers)-1).Draw(t, "server")
			s, f := servers[i], stores[i]
			f.before, f.after = nil, nil
			switch rapid.SampledFrom([]string{"", "", "", "before", "after"}).Draw(t, "fails") {
			case "before":
				f.before = eventstore.ErrUnknownOutcome
			case "after":
				f.after = eventstore.ErrUnknownOutcome
			}
			var err error
			switch rapid.SampledFrom([]string{"next", "next", "next", "skip", "close", "crash"}).Draw(t, "do") {
			case "next":
				for range rapid.IntRange(1, 70).Draw(t, "n") {
					var n int64
					if n, err = s.Next(context.Background()); err != nil {
						break
					}
					if given[n] || n < 1 {
						t.Fatalf("server %d gives %d again", i, n)
					}
					given[n] = true
				}
			case "skip":
				n := rapid.Int64Range(0, 500).Draw(t, "skip")
				if err = s.Skip(context.Background(), n); err == nil {
					f.before, f.after = nil, nil
					var got int64
					if got, err = s.Next(context.Background()); err == nil && (got <= n || given[got]) {
						t.Fatalf("server %d gives %d after skipping to %d", i, got, n)
					}
					given[got] = true
				}
			case "close":
				err = s.Close(context.Background())
			case "crash":
				servers[i] = open(f)
			}
			if err != nil && !errors.Is(err, eventstore.ErrUnknownOutcome) {
				t.Fatal(err)
			}
		}
	})
}

func TestEndlessConflictsEnd(t *testing.T) {
	f := &flaky{Store: memory.New(), before: &eventstore.ConflictError{Stream: "sequence-order"}}
	if n, err := open(f).Next(t.Context()); err == nil || n != 0 {
		t.Errorf("number %d, %v; want an error", n, err)
	}
}

func TestErrorsAreTheStores(t *testing.T) {
	store := memory.New()
	s := open(store)
	next(t, s)
	do(t, store.Close())
	if n := next(t, s); n != 2 {
		t.Errorf("number %d, want 2: the block was taken before", n)
	}
	if err := s.Close(t.Context()); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("close: %v, want %v", err, eventstore.ErrClosed)
	}
	if _, err := open(store).Next(t.Context()); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("next: %v, want %v", err, eventstore.ErrClosed)
	}
}
