package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

func testNewStream(t *testing.T, s *suite) {
	stream, e := s.stream("a"), event("first")
	before := s.head(t)
	receipt := s.append(t, stream, eventstore.NoStream, e)
	if !before.Before(receipt.Position) {
		t.Errorf("position %v is not after the head %v", receipt.Position, before)
	}
	got := s.read(t, stream, 0)
	wantEvents(t, got, stream, 0, []eventstore.Event{e})
	if got[0].Position != receipt.Position {
		t.Errorf("read at %v, receipt says %v", got[0].Position, receipt.Position)
	}
}

func testExpectedRevision(t *testing.T, s *suite) {
	stream, want := s.stream("a"), events(7)
	first := s.append(t, stream, eventstore.NoStream, want[:3]...)
	second := s.append(t, stream, 2, want[3])
	third := s.append(t, stream, 3, want[4:]...)
	if !first.Position.Before(second.Position) || !second.Position.Before(third.Position) {
		t.Errorf("positions %v, %v, %v do not rise", first.Position, second.Position, third.Position)
	}
	wantEvents(t, s.read(t, stream, 0), stream, 0, want)
}

func testConflict(t *testing.T, s *suite) {
	stream, want := s.stream("a"), events(3)
	s.conflicts(t, stream, 0, eventstore.NoStream, event("no stream yet"))
	s.append(t, stream, eventstore.NoStream, want...)
	head := s.head(t)
	s.conflicts(t, stream, eventstore.NoStream, 2, event("stream is there"))
	s.conflicts(t, stream, 1, 2, event("behind"))
	s.conflicts(t, stream, 3, 2, event("ahead"))
	s.conflicts(t, stream, 900, 2, event("far ahead"))
	wantEvents(t, s.read(t, stream, 0), stream, 0, want)
	if after := s.head(t); after != head && !s.Shared {
		t.Errorf("conflicts moved the head from %v to %v", head, after)
	}
}

func testRepeat(t *testing.T, s *suite) {
	stream, first, more := s.stream("a"), events(3), events(5)
	receipt := s.append(t, stream, eventstore.NoStream, first...)
	second := s.append(t, stream, 2, more[:2]...)
	s.append(t, s.stream("b"), eventstore.NoStream, event("elsewhere"))
	s.append(t, stream, 4, more[2:]...)
	head := s.head(t)
	for range 3 {
		if again := s.append(t, stream, eventstore.NoStream, first...); again != receipt {
			t.Errorf("the first append again: %+v, want %+v", again, receipt)
		}
		if again := s.append(t, stream, 2, more[:2]...); again != second {
			t.Errorf("the second append again: %+v, want %+v", again, second)
		}
	}
	wantEvents(t, s.read(t, stream, 0), stream, 0, append(first, more...))
	if after := s.head(t); after != head && !s.Shared {
		t.Errorf("repeats moved the head from %v to %v", head, after)
	}
}

func testRepeatThatDiffers(t *testing.T, s *suite) {
	stream, first := s.stream("a"), events(3)
	s.append(t, stream, eventstore.NoStream, first...)
	s.conflicts(t, stream, eventstore.NoStream, 2, first[0], first[1], event("other end"))
	s.conflicts(t, stream, eventstore.NoStream, 2, event("other start"), first[1], first[2])
	s.conflicts(t, stream, eventstore.NoStream, 2, first[0], first[1], first[2], event("one more"))
	s.conflicts(t, stream, eventstore.NoStream, 2, first[1], first[0])
	s.conflicts(t, stream, 0, 2, first[0], first[1])
	s.conflicts(t, stream, 1, 2, first[2], event("one more"))
	wantEvents(t, s.read(t, stream, 0), stream, 0, first)
}

func testSameIDsInAnotherStream(t *testing.T, s *suite) {
	same := events(2)
	a := s.append(t, s.stream("a"), eventstore.NoStream, same...)
	b := s.append(t, s.stream("b"), eventstore.NoStream, same...)
	if !a.Position.Before(b.Position) {
		t.Errorf("position %v of the second stream is not after %v of the first", b.Position, a.Position)
	}
	wantEvents(t, s.read(t, s.stream("b"), 0), s.stream("b"), 0, same)
}

func testSameIDsFurtherOn(t *testing.T, s *suite) {
	stream, same := s.stream("a"), events(2)
	s.append(t, stream, eventstore.NoStream, same...)
	s.append(t, stream, 1, same...)
	wantEvents(t, s.read(t, stream, 0), stream, 0, append(same, same...))
}

func testBatch(t *testing.T, s *suite) {
	before := s.head(t)
	for i, n := range []int{1, 2, 10, 333, eventstore.MaxEvents} {
		stream, want := s.stream(fmt.Sprint(i)), events(n)
		receipt := s.append(t, stream, eventstore.NoStream, want...)
		wantEvents(t, s.read(t, stream, 0), stream, 0, want)
		got := s.follow(t, before, n)
		wantEvents(t, got, stream, 0, want)
		if last := got[n-1].Position; last != receipt.Position {
			t.Errorf("last of %d events at %v, receipt says %v", n, last, receipt.Position)
		}
		before = receipt.Position
	}
}

func testBytes(t *testing.T, s *suite) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	big := bytes.Repeat([]byte(`{"冒号": 1 }`), eventstore.MaxAppend/14)
	shapes := []struct{ data, metadata []byte }{
		{nil, nil},
		{[]byte{}, []byte("{}")},
		{[]byte(`{ "b":1,  "a":"诊疗 \u0000" }` + "\n"), []byte("null")},
		{all, all},
		{[]byte{0}, []byte{0, 0}},
		{big, nil},
		{nil, big},
	}
	for i, shape := range shapes {
		stream := s.stream(fmt.Sprint(i))
		e := eventstore.Event{ID: uuid.New(), Type: "形状", Data: shape.data, Metadata: shape.metadata}
		before := s.head(t)
		s.append(t, stream, eventstore.NoStream, e)
		wantEvents(t, s.read(t, stream, 0), stream, 0, []eventstore.Event{e})
		wantEvents(t, s.follow(t, before, 1), stream, 0, []eventstore.Event{e})
	}
}

// testStreamNames has names that a careless key would confuse.
func testStreamNames(t *testing.T, s *suite) {
	base := s.stream("")
	names := []string{
		base + "a", base + "a-b", base + "aa", base + "a\x00", base + "a\x00\x00\x00\x00\x00\x00\x00\x00\x01",
		base + "订单", base + "A", base + " ", base + strings.Repeat("z", eventstore.MaxStreamName-len(base)),
	}
	for i, name := range names {
		if i%2 == 0 {
			s.append(t, name, eventstore.NoStream, event(name), event(name))
		}
	}
	for i, name := range names {
		want := eventstore.NoStream
		if i%2 == 0 {
			want = 1
		}
		s.conflicts(t, name, 700, want, event("probe"))
		if got := s.read(t, name, 0); len(got) != int(want)+1 {
			t.Errorf("%q: %d events, want %d", name, len(got), want+1)
		}
	}
}

func testTime(t *testing.T, s *suite) {
	// A store elsewhere keeps its own clock, so only a gross error counts.
	const skew = time.Minute
	began := time.Now().Add(-skew)
	s.append(t, s.stream("a"), eventstore.NoStream, events(2)...)
	for _, e := range s.read(t, s.stream("a"), 0) {
		if e.Time.Before(began) || e.Time.After(time.Now().Add(skew)) {
			t.Errorf("time %v, appended after %v", e.Time, began)
		}
		if e.Time.Location() != time.UTC || e.Time != e.Time.Truncate(time.Microsecond) {
			t.Errorf("time %v: not UTC in whole microseconds", e.Time)
		}
	}
}

func testInvalidAppend(t *testing.T, s *suite) {
	stream, good := s.stream("a"), event("good")
	noType, badType, big := good, good, good
	noType.Type, badType.Type = "", "\xff"
	big.Data = make([]byte, eventstore.MaxAppend+1)
	before := s.head(t)
	invalid := []struct {
		name     string
		stream   string
		expected eventstore.Revision
		events   []eventstore.Event
	}{
		{"no name", "", eventstore.NoStream, []eventstore.Event{good}},
		{"system name", "$all", eventstore.NoStream, []eventstore.Event{good}},
		{"long name", strings.Repeat("n", eventstore.MaxStreamName+1), eventstore.NoStream, []eventstore.Event{good}},
		{"not UTF-8", "a\xff", eventstore.NoStream, []eventstore.Event{good}},
		{"revision -2", stream, -2, []eventstore.Event{good}},
		{"no events", stream, eventstore.NoStream, nil},
		{"too many", stream, eventstore.NoStream, events(eventstore.MaxEvents + 1)},
		{"no type", stream, eventstore.NoStream, []eventstore.Event{good, noType}},
		{"bad type", stream, eventstore.NoStream, []eventstore.Event{good, badType}},
		{"too big", stream, eventstore.NoStream, []eventstore.Event{good, big}},
	}
	for _, c := range invalid {
		if _, err := s.Store.Append(t.Context(), c.stream, c.expected, c.events); !errors.Is(err, eventstore.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", c.name, err)
		}
	}
	if got := s.read(t, stream, 0); len(got) != 0 {
		t.Errorf("%d events of invalid appends", len(got))
	}
	if after := s.head(t); after != before && !s.Shared {
		t.Errorf("invalid appends moved the head from %v to %v", before, after)
	}
}

func testCancelledAppend(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Store.Append(ctx, s.stream("a"), eventstore.NoStream, events(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	s.append(t, s.stream("a"), eventstore.NoStream, event("nothing was written before"))
}

func testClose(t *testing.T, s *suite) {
	c, ok := s.Store.(io.Closer)
	if !ok {
		t.Skip("this store is not closed")
	}
	stream := s.stream("a")
	receipt := s.append(t, stream, eventstore.NoStream, events(2)...)
	ended := make(chan error, 1)
	go func() {
		_, err := s.collect(t.Context(), receipt.Position, 1)
		ended <- err
	}()
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	wantClosed := func(what string, err error) {
		if !errors.Is(err, eventstore.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", what, err)
		}
	}
	select {
	case err := <-ended:
		wantClosed("follower", err)
	case <-time.After(patience):
		t.Error("follower did not end")
	}
	_, err := s.Store.Append(t.Context(), stream, 1, events(1))
	wantClosed("append", err)
	_, err = s.Store.Head(t.Context())
	wantClosed("head", err)
	_, err = s.collect(t.Context(), eventstore.Position{}, 1)
	wantClosed("follow", err)
	err = nil
	for _, err = range s.Store.ReadStream(t.Context(), stream, 0) {
	}
	wantClosed("read", err)
}
