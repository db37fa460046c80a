package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderengine/eventstore"
)

func testReadStream(t *testing.T, s *suite) {
	stream, want := s.stream("a"), events(5)
	if got := s.read(t, stream, 0); len(got) != 0 {
		t.Fatalf("%d events in a stream that does not exist", len(got))
	}
	for i, e := range want {
		s.append(t, stream, eventstore.Revision(i)-1, e)
		s.append(t, s.stream("ab"), eventstore.Revision(i)-1, event("neighbour"))
	}
	for from := range eventstore.Revision(len(want)) {
		wantEvents(t, s.read(t, stream, from), stream, from, want[from:])
	}
	wantEvents(t, s.read(t, stream, eventstore.NoStream), stream, 0, want)
	for _, from := range []eventstore.Revision{5, 6, 1 << 40} {
		if got := s.read(t, stream, from); len(got) != 0 {
			t.Errorf("%d events from revision %d of 5", len(got), from)
		}
	}
	for e, err := range s.Store.ReadStream(t.Context(), stream, 0) {
		if err != nil || e.Revision != 0 {
			t.Errorf("first of a read that stops: revision %d, %v", e.Revision, err)
		}
		break
	}
}

func testReadLongStream(t *testing.T, s *suite) {
	const batches = 4
	stream := s.stream("a")
	var want []eventstore.Event
	for range batches {
		more := events(eventstore.MaxEvents)
		s.append(t, stream, eventstore.Revision(len(want))-1, more...)
		want = append(want, more...)
	}
	wantEvents(t, s.read(t, stream, 0), stream, 0, want)
	wantEvents(t, s.read(t, stream, 1500), stream, 1500, want[1500:])
}

func testCancelledRead(t *testing.T, s *suite) {
	stream := s.stream("a")
	s.append(t, stream, eventstore.NoStream, events(3)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	yielded := 0
	for _, err := range s.Store.ReadStream(ctx, stream, 0) {
		yielded++
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
	}
	if yielded != 1 {
		t.Errorf("%d answers after the context was done, want the error alone", yielded)
	}
}

func testHead(t *testing.T, s *suite) {
	if s.Shared {
		t.Skip("others move the head too")
	}
	if head := s.head(t); head != (eventstore.Position{}) {
		t.Errorf("head %v of an empty log", head)
	}
	for i := range 4 {
		receipt := s.append(t, s.stream("a"), eventstore.Revision(i*3)-1, events(3)...)
		if head := s.head(t); head != receipt.Position {
			t.Errorf("head %v, want %v of the last append", head, receipt.Position)
		}
	}
}

func testFollow(t *testing.T, s *suite) {
	start := s.head(t)
	var want []eventstore.Event
	a, b := s.stream("a"), s.stream("b")
	for i := range 50 {
		pair := events(2)
		s.append(t, a, eventstore.Revision(i)-1, pair[0])
		s.append(t, b, eventstore.Revision(i)-1, pair[1])
		want = append(want, pair...)
	}
	all := s.follow(t, eventstore.Position{}, len(want))
	for i, e := range all {
		stream := []string{a, b}[i%2]
		if err := sameEvent(e.Event, want[i]); err != nil || e.Stream != stream || e.Revision != eventstore.Revision(i/2) {
			t.Fatalf("event %d is %s@%d (%v), want %s@%d", i, e.Stream, e.Revision, err, stream, i/2)
		}
	}
	wantSame(t, s.follow(t, start, len(want)), all)
	for _, middle := range []int{0, 1, 49, 98} {
		wantSame(t, s.follow(t, all[middle].Position, len(want)-middle-1), all[middle+1:])
	}
	wantSame(t, s.read(t, a, 0)[:1], all[:1])
}

func wantSame(t *testing.T, got, want []eventstore.Recorded) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range got {
		if err := sameRecorded(got[i], want[i]); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
}

func testFollowEnds(t *testing.T, s *suite) {
	receipt := s.append(t, s.stream("a"), eventstore.NoStream, events(1)...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.collect(ctx, receipt.Position, 1)
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("follow ended before its context: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
	case <-time.After(patience):
		t.Fatal("follow did not end with its context")
	}
	if _, err := s.collect(ctx, eventstore.Position{}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("follow with a context that is done: %v, want context.Canceled", err)
	}
}

func testReopen(t *testing.T, s *suite) {
	if s.Reopen == nil {
		t.Skip("this store cannot be reopened")
	}
	stream, want := s.stream("a"), events(6)
	first := s.append(t, stream, eventstore.NoStream, want[:4]...)
	s.append(t, stream, 3, want[4])
	before := s.read(t, stream, 0)
	head := s.head(t)
	for range 2 {
		s.reopen(t)
		if got := s.head(t); got != head {
			t.Fatalf("head %v after reopening, want %v", got, head)
		}
		wantSame(t, s.read(t, stream, 0), before)
		wantSame(t, s.follow(t, eventstore.Position{}, len(before)), before)
		if again := s.append(t, stream, eventstore.NoStream, want[:4]...); again != first {
			t.Fatalf("repeat after reopening: %+v, want %+v", again, first)
		}
		s.conflicts(t, stream, 3, 4, event("behind"))
	}
	if receipt := s.append(t, stream, 4, want[5]); !head.Before(receipt.Position) {
		t.Fatalf("position %v after reopening is not after %v", receipt.Position, head)
	}
	s.reopen(t)
	wantEvents(t, s.read(t, stream, 0), stream, 0, want)
}
