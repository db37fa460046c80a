package decider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The lifecycle of a jar: Put adds to it, and is refused when the jar would hold more than Limit.
type (
	put   struct{ N, Limit, Events int }
	added struct{ N int }
)

var errFull = errors.New("full")

var jars = decider.Model[int, put, added]{
	Category: "jar",
	Decide: func(sum int, c put) ([]added, error) {
		if sum+c.N > c.Limit {
			return nil, errFull
		}
		if c.N == 0 {
			return nil, nil
		}
		events := []added{{c.N}}
		for range c.Events - 1 {
			events = append(events, added{0})
		}
		return events, nil
	},
	Evolve: func(sum int, e added) int { return sum + e.N },
	Encode: func(e added) (string, int, []byte, error) {
		if e.N == 666 {
			return "", 0, nil, errors.New("no stored form")
		}
		data, err := json.Marshal(e)
		return "Added", 1, data, err
	},
	Decode: func(name string, schema int, data []byte) (e added, err error) {
		if name != "Added" || schema != 1 {
			return e, fmt.Errorf("%s of schema %d is not known", name, schema)
		}
		return e, json.Unmarshal(data, &e)
	},
}

// store wraps a memory store: hooks run around appends, and reads are counted.
type store struct {
	*memory.Store
	before func(stream string) error // its error is the append's, which is not made
	after  func(stream string) error // its error is the append's, which was made
	reads  atomic.Int64
	broken error // of every read
}

func newStore() *store { return &store{Store: memory.New()} }

func (s *store) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	if s.before != nil {
		if err := s.before(stream); err != nil {
			return eventstore.Receipt{}, err
		}
	}
	receipt, err := s.Store.Append(ctx, stream, expected, events)
	if err == nil && s.after != nil {
		if err := s.after(stream); err != nil {
			return eventstore.Receipt{}, err
		}
	}
	return receipt, err
}

func (s *store) ReadStream(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	s.reads.Add(1)
	if s.broken != nil {
		return func(yield func(eventstore.Recorded, error) bool) { yield(eventstore.Recorded{}, s.broken) }
	}
	return s.Store.ReadStream(ctx, stream, from)
}

func newCall() decider.Call {
	return decider.Call{ID: uuid.New(), Actor: "patient1", Correlation: "request-1", Causation: "cause", At: time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)}
}

func events(t testing.TB, s eventstore.StreamReader, stream string) []eventstore.Recorded {
	t.Helper()
	var all []eventstore.Recorded
	for e, err := range s.ReadStream(context.Background(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

type jarDecider = decider.Decider[int, put, added]

func mustPut(t testing.TB, d *jarDecider, id string, n int) decider.Result[int] {
	t.Helper()
	r, err := d.Execute(t.Context(), id, newCall(), put{N: n, Limit: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommandBecomesEvents(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{})
	call := newCall()
	r, err := d.Execute(t.Context(), "1", call, put{N: 5, Limit: 9, Events: 3})
	if err != nil || r.State != 5 || r.Revision != 2 || r.Repeated {
		t.Fatalf("%+v, %v", r, err)
	}
	stored := events(t, s, "jar-1")
	if len(stored) != 3 || stored[2].Position != r.Position {
		t.Fatalf("%d events, the last at %v; the result is at %v", len(stored), stored[len(stored)-1].Position, r.Position)
	}
	for i, e := range stored {
		m, err := eventstore.DecodeMetadata(e.Metadata)
		want := eventstore.Metadata{Schema: 1, Occurred: call.At, Actor: "patient1", Correlation: "request-1", Causation: "cause", Command: call.ID}
		if err != nil || m != want || e.ID != eventstore.EventID(call.ID, i) || e.Type != "Added" {
			t.Errorf("event %d: %+v, metadata %+v, %v", i, e, m, err)
		}
	}
	if loaded, err := d.Load(t.Context(), "1"); err != nil || loaded != r {
		t.Errorf("loaded %+v, %v; want %+v", loaded, err, r)
	}
}

func TestRefusalAndNothingChangeNothing(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{})
	if r, err := d.Execute(t.Context(), "1", newCall(), put{N: 5, Limit: 4}); !errors.Is(err, errFull) || r.State != 0 || r.Revision != eventstore.NoStream {
		t.Errorf("refused: %+v, %v", r, err)
	}
	if r, err := d.Execute(t.Context(), "1", newCall(), put{}); err != nil || r.Revision != eventstore.NoStream || r.Position != (eventstore.Position{}) {
		t.Errorf("nothing: %+v, %v", r, err)
	}
	if n := len(events(t, s, "jar-1")); n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestSameCallIsOneCommand(t *testing.T) {
	s := newStore()
	call := newCall()
	for name, d := range map[string]*jarDecider{"same server": decider.New(s, jars, decider.Options{}), "another server": decider.New(s, jars, decider.Options{Shared: true})} {
		for range 3 {
			r, err := d.Execute(t.Context(), "1", call, put{N: 5, Limit: 5, Events: 2})
			if err != nil || r.State != 5 {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
		}
		r, err := d.Execute(t.Context(), "1", call, put{N: 1, Limit: 99}) // even with other content
		if err != nil || !r.Repeated || r.State != 5 {
			t.Fatalf("%s: %+v, %v; want the first command repeated", name, r, err)
		}
	}
	if n := len(events(t, s, "jar-1")); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func TestRepeatedCommandIsKnownAfterLaterOnes(t *testing.T) {
	d := decider.New(newStore(), jars, decider.Options{})
	call := newCall()
	if _, err := d.Execute(t.Context(), "1", call, put{N: 1, Limit: 9}); err != nil {
		t.Fatal(err)
	}
	mustPut(t, d, "1", 2)
	if r, err := d.Execute(t.Context(), "1", call, put{N: 1, Limit: 9}); err != nil || !r.Repeated || r.State != 3 || r.Revision != 1 {
		t.Errorf("%+v, %v; want the present state, repeated", r, err)
	}
}

// TestConflictIsDecidedAgain lets another server in between every load and append, n times.
func TestConflictIsDecidedAgain(t *testing.T) {
	for _, c := range []struct {
		conflicts, limit int
		want             error
		sum              int
	}{
		{1, 100, nil, 1 + 10}, {5, 100, nil, 5 + 10}, {15, 100, nil, 15 + 10},
		{2, 11, errFull, 2},                    // decided on what the others made of it
		{16, 100, decider.ErrContended, 16},    // as often as it is tried
		{1000, 1000, decider.ErrContended, 16}, // and no more
	} {
		t.Run(fmt.Sprintf("%d conflicts, limit %d", c.conflicts, c.limit), func(t *testing.T) {
			s := newStore()
			other := decider.New(s.Store, jars, decider.Options{Shared: true})
			left := c.conflicts
			s.before = func(string) error {
				if left--; left >= 0 {
					mustPut(t, other, "1", 1)
				}
				return nil
			}
			_, err := decider.New(s, jars, decider.Options{}).Execute(t.Context(), "1", newCall(), put{N: 10, Limit: c.limit})
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if r, err := decider.New(s, jars, decider.Options{}).Load(t.Context(), "1"); err != nil || r.State != c.sum {
				t.Errorf("the jar holds %d, %v; want %d", r.State, err, c.sum)
			}
		})
	}
}

// TestSameCallDecidedOtherwiseElsewhere: what another process stored under the call counts, not what was decided here.
func TestSameCallDecidedOtherwiseElsewhere(t *testing.T) {
	s := newStore()
	d, other := decider.New(s, jars, decider.Options{Shared: true}), decider.New(s.Store, jars, decider.Options{Shared: true})
	call := newCall()
	s.before = func(string) error {
		s.before = nil
		_, err := other.Execute(t.Context(), "a", call, put{N: 5, Limit: 10, Events: 1})
		return err
	}
	r, err := d.Execute(t.Context(), "a", call, put{N: 7, Limit: 10, Events: 1})
	if err != nil || r.State != 5 {
		t.Errorf("%d in the jar, %v; want the 5 that are stored", r.State, err)
	}
	if r, err = d.Load(t.Context(), "a"); err != nil || r.State != 5 {
		t.Errorf("%d in the jar later, %v; want 5", r.State, err)
	}
}

func TestSharedRefusalIsGivenOnTheLatestState(t *testing.T) {
	for _, shared := range []bool{false, true} {
		s := newStore()
		d, other := decider.New(s, jars, decider.Options{Shared: shared}), decider.New(s, jars, decider.Options{Shared: true})
		mustPut(t, d, "1", 5)
		mustPut(t, other, "1", -5) // which makes room that d does not know of
		r, err := d.Execute(t.Context(), "1", newCall(), put{N: 5, Limit: 5})
		if shared && (err != nil || r.State != 5) || !shared && !errors.Is(err, errFull) {
			t.Errorf("shared %v: %+v, %v", shared, r, err)
		}
		if !shared {
			continue
		}
		mustPut(t, other, "1", 7)
		if r, err := d.Execute(t.Context(), "1", newCall(), put{Limit: 99}); err != nil || r.State != 12 || r.Revision != 3 {
			t.Errorf("nothing to do on a stale state: %+v, %v; want the latest state", r, err)
		}
		if _, err := d.Execute(t.Context(), "1", newCall(), put{N: 1, Limit: 12}); !errors.Is(err, errFull) {
			t.Errorf("on the latest state: %v, want %v", err, errFull)
		}
	}
}

// TestSharedRefusalIsNotGivenOnAStateThatCannotBeReadAgain: what another server did meanwhile may have allowed it.
func TestSharedRefusalIsNotGivenOnAStateThatCannotBeReadAgain(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{Shared: true})
	if _, err := d.Execute(t.Context(), "a", newCall(), put{1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	s.broken = eventstore.ErrUnavailable
	for what, command := range map[string]put{"a refusal": {1, 1, 1}, "nothing to do": {0, 9, 1}} {
		if _, err := d.Execute(t.Context(), "a", newCall(), command); !errors.Is(err, eventstore.ErrUnavailable) {
			t.Errorf("%s while the log cannot be read: %v, want %v", what, err, eventstore.ErrUnavailable)
		}
	}
}

func TestSharedLoadSeesWhatOthersWrote(t *testing.T) {
	s := newStore()
	now := time.Unix(1000, 0)
	d := decider.New(s, jars, decider.Options{Shared: true, MaxAge: time.Minute, Now: func() time.Time { return now }})
	other := decider.New(s, jars, decider.Options{Shared: true})
	mustPut(t, d, "1", 1)
	mustPut(t, other, "1", 1)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Minute, 1}, {time.Nanosecond, 2}} {
		now = now.Add(c.after)
		if r, err := d.Recent(t.Context(), "1"); err != nil || r.State != c.want {
			t.Errorf("recent, after %s: %+v, %v; want %d", c.after, r, err, c.want)
		}
	}
	reads := s.reads.Load()
	if _, err := d.Recent(t.Context(), "1"); err != nil || s.reads.Load() != reads {
		t.Errorf("read again at once: %v", err)
	}
	mustPut(t, other, "1", 1)
	if r, err := d.Load(t.Context(), "1"); err != nil || r.State != 3 {
		t.Errorf("at once: %+v, %v; want 3", r, err)
	}
}

// TestFind: a command that was run is known, by whomever, and by no other id.
func TestFind(t *testing.T) {
	s := newStore()
	d, other := decider.New(s, jars, decider.Options{Shared: true}), decider.New(s, jars, decider.Options{Shared: true})
	call := newCall()
	if r, run, err := d.Find(t.Context(), "1", call.ID); err != nil || run || r.Revision != eventstore.NoStream {
		t.Errorf("before: %+v, %v, %v", r, run, err)
	}
	if _, err := other.Execute(t.Context(), "1", call, put{N: 2, Limit: 9}); err != nil {
		t.Fatal(err)
	}
	mustPut(t, other, "1", 1)
	if r, run, err := d.Find(t.Context(), "1", call.ID); err != nil || !run || !r.Repeated || r.State != 3 {
		t.Errorf("after: %+v, %v, %v", r, run, err)
	}
	if r, run, err := d.Find(t.Context(), "1", newCall().ID); err != nil || run || r.Repeated || r.State != 3 {
		t.Errorf("another: %+v, %v, %v", r, run, err)
	}
}

func TestCacheServesAndIsBounded(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{CacheSize: 2})
	for _, id := range []string{"1", "2", "3"} {
		mustPut(t, d, id, 1)
	}
	s.reads.Store(0)
	for id, want := range map[string]int64{"3": 0, "2": 0, "1": 1} {
		before := s.reads.Load()
		if id == "1" {
			continue // last, for it drives another one out
		}
		if r, err := d.Load(t.Context(), id); err != nil || r.State != 1 || s.reads.Load()-before != want {
			t.Errorf("jar %s: %+v, %v, %d reads; want %d", id, r, err, s.reads.Load()-before, want)
		}
	}
	if r, err := d.Load(t.Context(), "1"); err != nil || r.State != 1 || s.reads.Load() != 1 {
		t.Errorf("jar 1: %+v, %v, %d reads; want 1", r, err, s.reads.Load())
	}
}

func TestStreamsThatAreNotThereAreNotCached(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{CacheSize: 1})
	mustPut(t, d, "1", 1)
	if _, err := d.Load(t.Context(), "none"); err != nil {
		t.Fatal(err)
	}
	s.reads.Store(0)
	if _, err := d.Load(t.Context(), "1"); err != nil || s.reads.Load() != 0 {
		t.Errorf("strangers drive streams out of the cache: %d reads, %v", s.reads.Load(), err)
	}
}

// TestUnknownOutcomeRepeated: the append fails before or after it was written; the same call again makes it one.
func TestUnknownOutcomeRepeated(t *testing.T) {
	for _, written := range []bool{false, true} {
		t.Run(fmt.Sprintf("written %v", written), func(t *testing.T) {
			s := newStore()
			d := decider.New(s, jars, decider.Options{})
			mustPut(t, d, "1", 1)
			fail := func(string) error { return eventstore.ErrUnknownOutcome }
			if written {
				s.after = fail
			} else {
				s.before = fail
			}
			call := newCall()
			if _, err := d.Execute(t.Context(), "1", call, put{N: 5, Limit: 9}); !errors.Is(err, eventstore.ErrUnknownOutcome) {
				t.Fatalf("error %v, want the store's", err)
			}
			s.before, s.after = nil, nil
			s.reads.Store(0)
			if r, err := d.Load(t.Context(), "1"); err != nil || (r.State == 6) != written || s.reads.Load() != 1 {
				t.Errorf("%+v, %v, %d reads: the stream must be read again", r, err, s.reads.Load())
			}
			r, err := d.Execute(t.Context(), "1", call, put{N: 5, Limit: 9})
			if err != nil || r.State != 6 || r.Repeated != written {
				t.Errorf("again: %+v, %v", r, err)
			}
			if n := len(events(t, s, "jar-1")); n != 2 {
				t.Errorf("%d events, want 2", n)
			}
		})
	}
}

// TestWhatIsWrittenAfterItsCallerHasGone: a state that was read meanwhile must not be held for the newest.
func TestWhatIsWrittenAfterItsCallerHasGone(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{})
	mustPut(t, d, "1", 1)
	s.before = func(string) error { return eventstore.ErrUnknownOutcome }
	late := newCall()
	if _, err := d.Execute(t.Context(), "1", late, put{N: 5, Limit: 9}); !errors.Is(err, eventstore.ErrUnknownOutcome) {
		t.Fatalf("error %v, want the store's", err)
	}
	s.before = nil
	state := func(want, reads int64) {
		t.Helper()
		s.reads.Store(0)
		if r, err := d.Load(t.Context(), "1"); err != nil || int64(r.State) != want || s.reads.Load() != reads {
			t.Errorf("%+v, %v, %d reads; want %d and %d", r, err, s.reads.Load(), want, reads)
		}
	}
	state(1, 1)
	if _, err := decider.New(s.Store, jars, decider.Options{}).Execute(t.Context(), "1", late, put{N: 5, Limit: 9}); err != nil {
		t.Fatal(err) // the store gets round to it
	}
	state(6, 1)
	mustPut(t, d, "1", 1)
	state(7, 0)
}

func TestManyGoroutinesOnOneStream(t *testing.T) {
	s := newStore()
	servers := []*jarDecider{decider.New(s, jars, decider.Options{}), decider.New(s, jars, decider.Options{Shared: true})}
	for _, d := range servers { // one after the other: two servers at once may contend for ever
		var work sync.WaitGroup
		for range 64 {
			work.Go(func() {
				call := newCall()
				for range 2 {
					if _, err := d.Execute(t.Context(), "1", call, put{N: 1, Limit: 1 << 20}); err != nil {
						t.Error(err)
					}
				}
				for range 4 {
					mustPut(t, d, "1", 1)
				}
			})
		}
		work.Wait()
	}
	const want = 2 * 64 * 5
	r, err := decider.New(s, jars, decider.Options{}).Load(t.Context(), "1")
	if err != nil || r.State != want || r.Revision != want-1 {
		t.Errorf("%+v, %v; want %d", r, err, want)
	}
}

func TestStatesOfDifferentStreamsStayApart(t *testing.T) {
	d := decider.New(newStore(), jars, decider.Options{CacheSize: 8})
	var work sync.WaitGroup
	for n := range 32 {
		work.Go(func() {
			for range 10 {
				mustPut(t, d, fmt.Sprint(n), n)
			}
		})
	}
	work.Wait()
	for n := range 32 {
		if r, err := d.Load(t.Context(), fmt.Sprint(n)); err != nil || r.State != 10*n {
			t.Errorf("jar %d: %+v, %v", n, r, err)
		}
	}
}

func TestWaitingForTheStreamEndsWithTheContext(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{})
	inside, release := make(chan struct{}), make(chan struct{})
	s.before = func(string) error { close(inside); <-release; return nil }
	var work sync.WaitGroup
	work.Go(func() { mustPut(t, d, "1", 1) })
	<-inside
	s.before = nil // read only by who holds the stream
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error)
	go func() {
		_, err := d.Execute(ctx, "1", newCall(), put{N: 1, Limit: 9})
		waited <- err
	}()
	select {
	case err := <-waited:
		t.Errorf("did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
		cancel()
		if err := <-waited; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	}
	cancel()
	close(release)
	work.Wait()
	if r := mustPut(t, d, "1", 1); r.State != 2 {
		t.Errorf("the jar holds %d, want 2: the one that gave up put nothing in", r.State)
	}
}

func TestErrorsNameTheEvent(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{})
	mustPut(t, d, "1", 1)
	foreign := eventstore.Event{ID: uuid.New(), Type: "Broken", Data: []byte("{}"), Metadata: eventstore.Metadata{Schema: 1}.Encode()}
	if _, err := s.Store.Append(t.Context(), "jar-1", 0, []eventstore.Event{foreign}); err != nil {
		t.Fatal(err)
	}
	_, err := decider.New(s, jars, decider.Options{}).Load(t.Context(), "1")
	if want := "stream jar-1 revision 1: Broken of schema 1 is not known"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := d.Execute(t.Context(), "2", newCall(), put{N: 666, Limit: 1000}); err == nil || len(events(t, s, "jar-2")) != 0 {
		t.Errorf("an event without a stored form: %v", err)
	}
}

func TestClosedStoreIsToldAsItIs(t *testing.T) {
	s := newStore()
	d := decider.New(s, jars, decider.Options{})
	mustPut(t, d, "1", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Execute(t.Context(), "1", newCall(), put{N: 1, Limit: 9}); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("error %v, want %v", err, eventstore.ErrClosed)
	}
	if _, err := d.Load(t.Context(), "2"); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("load: %v, want %v", err, eventstore.ErrClosed)
	}
}

// TestNewStreamThatIsThere: the promise that an id was minted is checked by the append, and then forgotten.
func TestNewStreamThatIsThere(t *testing.T) {
	s := newStore()
	mustPut(t, decider.New(s, jars, decider.Options{}), "1", 1)
	d, call := decider.New(s, jars, decider.Options{}), newCall()
	call.New = true
	r, err := d.Execute(t.Context(), "1", call, put{N: 2, Limit: 9})
	if err != nil || r.State != 3 || r.Revision != 1 {
		t.Errorf("%+v, %v; want 3 at revision 1", r, err)
	}
	r, err = d.Execute(t.Context(), "1", call, put{N: 2, Limit: 9})
	if err != nil || !r.Repeated || r.State != 3 {
		t.Errorf("run again: %+v, %v; want the first command repeated", r, err)
	}
}

// TestStepsHaveCallsOfTheirOwn: two parts of one command never make events of one id, and a part that is run again does.
func TestStepsHaveCallsOfTheirOwn(t *testing.T) {
	call := decider.Call{ID: uuid.New(), Actor: "a", Correlation: "r", At: time.Unix(1, 0)}
	first, second := call.Step("first"), call.Step("second")
	if first.ID == call.ID || first.ID == second.ID || first != call.Step("first") {
		t.Errorf("of %v: %v and %v", call, first, second)
	}
	if want := (decider.Call{ID: first.ID, Actor: "a", Correlation: "r", Causation: call.ID.String(), At: call.At}); first != want {
		t.Errorf("the step is %+v, want %+v", first, want)
	}
}
