// Package storetest is the one suite that every event store passes. A store's own test calls [Run] with
// a function that opens one; what only some stores can do is an optional field of [Harness] or an
// optional method of the store, and the tests of it are skipped elsewhere.
//
// The tests never assume that positions are dense, nor that the log is empty at the start, nor (where
// [Harness.Shared] is set) that they are alone: each uses streams of its own and follows from the head
// it found.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

// patience bounds every wait of the suite.
const patience = 30 * time.Second

// Harness is one opened store and what the suite may do with it. A Store that also has Close() error is
// closed at the end of a test, and one that has Verify(context.Context) error is verified before.
type Harness struct {
	Store eventstore.Store
	// Reopen closes the store and opens it again on the same data; nil where that is not possible.
	Reopen func(t *testing.T) eventstore.Store
	// Shared says that others may append to the same log meanwhile.
	Shared bool
}

// Run runs the suite; open is called once for each test, with that test's own t.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"NewStream", testNewStream},
		{"ExpectedRevision", testExpectedRevision},
		{"Conflict", testConflict},
		{"Repeat", testRepeat},
		{"RepeatThatDiffers", testRepeatThatDiffers},
		{"SameIDsInAnotherStream", testSameIDsInAnotherStream},
		{"SameIDsFurtherOn", testSameIDsFurtherOn},
		{"Batch", testBatch},
		{"Bytes", testBytes},
		{"StreamNames", testStreamNames},
		{"Time", testTime},
		{"InvalidAppend", testInvalidAppend},
		{"CancelledAppend", testCancelledAppend},
		{"ReadStream", testReadStream},
		{"ReadLongStream", testReadLongStream},
		{"CancelledRead", testCancelledRead},
		{"Head", testHead},
		{"RacersOnOneStream", testRacersOnOneStream},
		{"RepeatsThatRace", testRepeatsThatRace},
		{"Follow", testFollow},
		{"FollowEnds", testFollowEnds},
		{"FollowLive", testFollowLive},
		{"Reopen", testReopen},
		{"Close", testClose},
		{"Model", testModel},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := open(t)
			s := &suite{Harness: h, name: uuid.NewString()}
			t.Cleanup(func() { s.finish(t) })
			test.run(t, s)
		})
	}
}

// suite is one test's store and what it needs to name its own streams.
type suite struct {
	Harness
	name string
}

// stream names a stream that only this test uses.
func (s *suite) stream(name string) string { return "storetest-" + s.name + "-" + name }

// finish verifies and closes the store, as a storage test ends.
func (s *suite) finish(t *testing.T) {
	if v, ok := s.Store.(interface{ Verify(context.Context) error }); ok {
		if err := v.Verify(context.Background()); err != nil && !errors.Is(err, eventstore.ErrClosed) {
			t.Errorf("verify: %v", err)
		}
	}
	if c, ok := s.Store.(io.Closer); ok {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func (s *suite) reopen(t *testing.T) {
	t.Helper()
	if s.Reopen == nil {
		t.Skip("this store cannot be reopened")
	}
	s.Store = s.Reopen(t)
}

// event makes an event with an id of its own.
func event(text string) eventstore.Event {
	return eventstore.Event{
		ID:       uuid.New(),
		Type:     "Tested",
		Data:     fmt.Appendf(nil, `{"text":%q}`, text),
		Metadata: []byte(`{"actor":"storetest"}`),
	}
}

func events(n int) []eventstore.Event {
	made := make([]eventstore.Event, n)
	for i := range made {
		made[i] = event(fmt.Sprint(i))
	}
	return made
}

// append must succeed.
func (s *suite) append(t *testing.T, stream string, expected eventstore.Revision, events ...eventstore.Event) eventstore.Receipt {
	t.Helper()
	receipt, err := s.Store.Append(t.Context(), stream, expected, events)
	if err != nil {
		t.Fatalf("append of %d to %s after %d: %v", len(events), stream, expected, err)
	}
	if want := expected + eventstore.Revision(len(events)); receipt.Revision != want {
		t.Fatalf("append of %d to %s after %d: revision %d, want %d", len(events), stream, expected, receipt.Revision, want)
	}
	return receipt
}

// conflicts checks that an append fails with the conflict it should.
func (s *suite) conflicts(t *testing.T, stream string, expected, actual eventstore.Revision, events ...eventstore.Event) {
	t.Helper()
	_, err := s.Store.Append(t.Context(), stream, expected, events)
	var conflict *eventstore.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("append to %s after %d: %v, want a conflict", stream, expected, err)
	}
	if want := (eventstore.ConflictError{Stream: stream, Expected: expected, Actual: actual}); *conflict != want {
		t.Fatalf("conflict %+v, want %+v", *conflict, want)
	}
}

func (s *suite) read(t *testing.T, stream string, from eventstore.Revision) []eventstore.Recorded {
	t.Helper()
	var got []eventstore.Recorded
	for e, err := range s.Store.ReadStream(t.Context(), stream, from) {
		if err != nil {
			t.Fatalf("read of %s from %d: %v", stream, from, err)
		}
		got = append(got, e)
	}
	return got
}

func (s *suite) head(t *testing.T) eventstore.Position {
	t.Helper()
	head, err := s.Store.Head(t.Context())
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	return head
}

// follow takes the next n events of this test's streams after a position.
func (s *suite) follow(t *testing.T, after eventstore.Position, n int) []eventstore.Recorded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := s.collect(ctx, after, n)
	if err != nil {
		t.Fatalf("follow after %v: %v, with %d of %d events", after, err, len(got), n)
	}
	return got
}

// collect follows until it has n events of this test's streams. It fails on an empty batch, on positions
// that do not rise, and on events of others where there should be none.
func (s *suite) collect(ctx context.Context, after eventstore.Position, n int) ([]eventstore.Recorded, error) {
	var got []eventstore.Recorded
	if n == 0 {
		return nil, nil
	}
	for batch, err := range s.Store.Follow(ctx, after) {
		switch {
		case err != nil:
			return got, err
		case len(batch) == 0:
			return got, errors.New("empty batch")
		}
		for _, e := range batch {
			if !after.Before(e.Position) {
				return got, fmt.Errorf("position %v comes after %v", e.Position, after)
			}
			after = e.Position
			if s.owns(e.Stream) {
				got = append(got, e)
			} else if !s.Shared {
				return got, fmt.Errorf("event of the stream %s, which nobody wrote", e.Stream)
			}
		}
		if len(got) >= n {
			return got, nil
		}
	}
	return got, errors.New("follow ended without an error")
}

func (s *suite) owns(stream string) bool {
	prefix := s.stream("")
	return len(stream) >= len(prefix) && stream[:len(prefix)] == prefix
}

// wantEvents checks that got is what was appended to stream from revision first on.
func wantEvents(t *testing.T, got []eventstore.Recorded, stream string, first eventstore.Revision, want []eventstore.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s from %d: %d events, want %d", stream, first, len(got), len(want))
	}
	for i, e := range got {
		if e.Stream != stream || e.Revision != first+eventstore.Revision(i) {
			t.Fatalf("event %d is %s@%d, want %s@%d", i, e.Stream, e.Revision, stream, first+eventstore.Revision(i))
		}
		if err := sameEvent(e.Event, want[i]); err != nil {
			t.Fatalf("%s@%d: %v", stream, e.Revision, err)
		}
		if i > 0 && !got[i-1].Position.Before(e.Position) {
			t.Fatalf("%s@%d: position %v after %v", stream, e.Revision, e.Position, got[i-1].Position)
		}
	}
}

func sameEvent(got, want eventstore.Event) error {
	switch {
	case got.ID != want.ID:
		return fmt.Errorf("id %v, want %v", got.ID, want.ID)
	case got.Type != want.Type:
		return fmt.Errorf("type %q, want %q", got.Type, want.Type)
	case !bytes.Equal(got.Data, want.Data):
		return fmt.Errorf("data %q, want %q", got.Data, want.Data)
	case !bytes.Equal(got.Metadata, want.Metadata):
		return fmt.Errorf("metadata %q, want %q", got.Metadata, want.Metadata)
	}
	return nil
}

// sameRecorded compares all that a store says of an event.
func sameRecorded(got, want eventstore.Recorded) error {
	if got.Stream != want.Stream || got.Revision != want.Revision || got.Position != want.Position || !got.Time.Equal(want.Time) {
		return fmt.Errorf("%s@%d at %v of %v, want %s@%d at %v of %v", got.Stream, got.Revision, got.Position, got.Time,
			want.Stream, want.Revision, want.Position, want.Time)
	}
	return sameEvent(got.Event, want.Event)
}
