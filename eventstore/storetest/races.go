package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

// testRacersOnOneStream lets 64 goroutines append to one stream, each at the revision it believes in.
func testRacersOnOneStream(t *testing.T, s *suite) {
	const racers, rounds = 64, 10
	stream := s.stream("a")
	winners := make([][]uuid.UUID, rounds)
	for round := range winners {
		expected := eventstore.Revision(round) - 1
		var mu sync.Mutex
		together(racers, func(racer int) {
			e := event(fmt.Sprint(racer))
			receipt, err := s.Store.Append(t.Context(), stream, expected, []eventstore.Event{e})
			var conflict *eventstore.ConflictError
			switch {
			case err == nil && receipt.Revision == expected+1:
				mu.Lock()
				defer mu.Unlock()
				winners[round] = append(winners[round], e.ID)
			case !errors.As(err, &conflict):
				t.Errorf("round %d: %+v, %v", round, receipt, err)
			case *conflict != (eventstore.ConflictError{Stream: stream, Expected: expected, Actual: expected + 1}):
				t.Errorf("round %d: %+v", round, *conflict)
			}
		})
	}
	got := s.read(t, stream, 0)
	if len(got) != rounds {
		t.Fatalf("%d events, want %d", len(got), rounds)
	}
	for round, won := range winners {
		if len(won) != 1 || won[0] != got[round].ID {
			t.Errorf("round %d: winners %v, the stream has %v", round, won, got[round].ID)
		}
	}
}

// testRepeatsThatRace sends each of a stream's appends by many goroutines at once.
func testRepeatsThatRace(t *testing.T, s *suite) {
	const senders, rounds, size = 32, 10, 3
	stream, start := s.stream("a"), s.head(t)
	var want []eventstore.Event
	for range rounds {
		expected, same := eventstore.Revision(len(want))-1, events(size)
		receipts := make([]eventstore.Receipt, senders)
		together(senders, func(sender int) {
			receipt, err := s.Store.Append(t.Context(), stream, expected, same)
			if err != nil {
				t.Errorf("after %d: %v", expected, err)
			}
			receipts[sender] = receipt
		})
		for _, receipt := range receipts {
			if receipt != receipts[0] || receipt.Revision != expected+size {
				t.Fatalf("after %d: receipts %+v and %+v", expected, receipts[0], receipt)
			}
		}
		want = append(want, same...)
	}
	wantEvents(t, s.read(t, stream, 0), stream, 0, want)
	wantEvents(t, s.follow(t, start, len(want)), stream, 0, want)
}

// testFollowLive has followers that started early, late and in the middle of 16 writers' work.
func testFollowLive(t *testing.T, s *suite) {
	const writers, appends, size = 16, 40, 2
	const total = writers * appends * size
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	start := s.head(t)
	middle := make(chan eventstore.Position, writers)
	early := make(chan followed, 3)
	for range cap(early) {
		go func() { early <- s.followAll(ctx, start, total) }()
	}
	together(writers, func(writer int) {
		stream := s.stream(fmt.Sprint(writer))
		for i := range appends {
			receipt, err := s.Store.Append(ctx, stream, eventstore.Revision(i*size)-1, events(size))
			if err != nil {
				t.Errorf("%s: %v", stream, err)
				return
			}
			if i == appends/2 {
				middle <- receipt.Position
			}
		}
	})
	if t.Failed() {
		return
	}
	late := s.followAll(ctx, start, total)
	if late.err != nil {
		t.Fatalf("late follower: %v", late.err)
	}
	for range cap(early) {
		live := <-early
		if live.err != nil {
			t.Fatalf("live follower: %v, with %d of %d events", live.err, len(live.events), total)
		}
		wantSame(t, live.events, late.events)
	}
	s.wantWhole(t, late.events, total)
	from := <-middle
	for i, e := range late.events {
		if e.Position == from {
			wantSame(t, s.follow(t, from, total-i-1), late.events[i+1:])
			return
		}
	}
	t.Errorf("no event at the position %v of a receipt", from)
}

type followed struct {
	events []eventstore.Recorded
	err    error
}

func (s *suite) followAll(ctx context.Context, after eventstore.Position, n int) followed {
	events, err := s.collect(ctx, after, n)
	return followed{events, err}
}

// wantWhole checks that a follower saw each revision of each stream once, in order.
func (s *suite) wantWhole(t *testing.T, got []eventstore.Recorded, total int) {
	t.Helper()
	if len(got) != total {
		t.Fatalf("%d events, want %d", len(got), total)
	}
	next := make(map[string]eventstore.Revision)
	for _, e := range got {
		if e.Revision != next[e.Stream] {
			t.Fatalf("%s: revision %d, want %d", e.Stream, e.Revision, next[e.Stream])
		}
		next[e.Stream]++
	}
	for stream := range next {
		wantSame(t, s.read(t, stream, 0), ofStream(got, stream))
	}
}

func ofStream(events []eventstore.Recorded, stream string) []eventstore.Recorded {
	var of []eventstore.Recorded
	for _, e := range events {
		if e.Stream == stream {
			of = append(of, e)
		}
	}
	return of
}

// together runs n goroutines that start at once, and waits for them.
func together(n int, run func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			run(i)
		})
	}
	close(start)
	wg.Wait()
}
