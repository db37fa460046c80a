package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderengine/eventstore"
)

// testModel drives the store and a naive model with the same random calls. All runs share one store, so
// each has streams of its own and follows from the head it found.
func testModel(t *testing.T, s *suite) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: t, suite: s, run: uuid.NewString(), start: s.head(t), streams: map[string][]eventstore.Recorded{}}
		actions := map[string]func(*rapid.T){
			"append":   m.append,
			"mistaken": m.mistaken,
			"repeat":   m.repeat,
			"read":     m.read,
			"follow":   m.follow,
		}
		if s.Reopen != nil {
			actions["reopen"] = m.reopen
		}
		rt.Repeat(actions)
		m.follow(rt)
	})
}

// model is what the log must hold: the events of one run, in order, and those of each stream.
type model struct {
	t       *testing.T
	suite   *suite
	run     string
	start   eventstore.Position
	log     []eventstore.Recorded
	streams map[string][]eventstore.Recorded
	appends []accepted
}

// accepted is an append that the store took, to be sent again.
type accepted struct {
	stream   string
	expected eventstore.Revision
	events   []eventstore.Event
	receipt  eventstore.Receipt
}

func (m *model) stream(rt *rapid.T) string {
	return m.suite.stream(m.run + "-" + rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(rt, "stream"))
}

func (m *model) events(rt *rapid.T) []eventstore.Event {
	drawn := make([]eventstore.Event, rapid.IntRange(1, 5).Draw(rt, "events"))
	for i := range drawn {
		drawn[i] = eventstore.Event{
			ID:       uuid.New(),
			Type:     rapid.SampledFrom([]string{"Placed", "支付"}).Draw(rt, "type"),
			Data:     rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "data"),
			Metadata: rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(rt, "metadata"),
		}
	}
	return drawn
}

func (m *model) last(stream string) eventstore.Revision {
	return eventstore.Revision(len(m.streams[stream])) - 1
}

func (m *model) append(rt *rapid.T) {
	stream, drawn := m.stream(rt), m.events(rt)
	expected := m.last(stream)
	receipt, err := m.suite.Store.Append(context.Background(), stream, expected, drawn)
	if err != nil || receipt.Revision != expected+eventstore.Revision(len(drawn)) {
		rt.Fatalf("append of %d after %d: %+v, %v", len(drawn), expected, receipt, err)
	}
	m.appends = append(m.appends, accepted{stream, expected, drawn, receipt})
	m.learn(rt, stream, drawn, receipt)
}

// learn adds an append to the model. Positions and times are the store's own: they are taken from its
// first answer and must stay so.
func (m *model) learn(rt *rapid.T, stream string, drawn []eventstore.Event, receipt eventstore.Receipt) {
	from := m.last(stream) + 1
	got := m.recorded(rt, stream, from)
	if len(got) != len(drawn) {
		rt.Fatalf("%d events after an append of %d", len(got), len(drawn))
	}
	for i, e := range got {
		if err := sameEvent(e.Event, drawn[i]); err != nil || e.Stream != stream || e.Revision != from+eventstore.Revision(i) {
			rt.Fatalf("event %d of an append is %s@%d: %v", i, e.Stream, e.Revision, err)
		}
	}
	if last := got[len(got)-1].Position; last != receipt.Position {
		rt.Fatalf("last event at %v, receipt says %v", last, receipt.Position)
	}
	m.log = append(m.log, got...)
	m.streams[stream] = append(m.streams[stream], got...)
}

func (m *model) mistaken(rt *rapid.T) {
	stream := m.stream(rt)
	expected := eventstore.Revision(rapid.IntRange(-1, 40).Draw(rt, "expected"))
	if expected == m.last(stream) {
		rt.Skip("that would be right")
	}
	_, err := m.suite.Store.Append(context.Background(), stream, expected, m.events(rt))
	var conflict *eventstore.ConflictError
	if !errors.As(err, &conflict) || *conflict != (eventstore.ConflictError{Stream: stream, Expected: expected, Actual: m.last(stream)}) {
		rt.Fatalf("append after %d of %d: %v", expected, m.last(stream), err)
	}
}

func (m *model) repeat(rt *rapid.T) {
	if len(m.appends) == 0 {
		rt.Skip("nothing to repeat")
	}
	a := rapid.SampledFrom(m.appends).Draw(rt, "append")
	receipt, err := m.suite.Store.Append(context.Background(), a.stream, a.expected, a.events)
	if err != nil || receipt != a.receipt {
		rt.Fatalf("repeat: %+v, %v, want %+v", receipt, err, a.receipt)
	}
}

func (m *model) read(rt *rapid.T) {
	stream := m.stream(rt)
	want := m.streams[stream]
	from := rapid.IntRange(0, len(want)+1).Draw(rt, "from")
	m.same(rt, m.recorded(rt, stream, eventstore.Revision(from)), want[min(from, len(want)):])
}

func (m *model) recorded(rt *rapid.T, stream string, from eventstore.Revision) []eventstore.Recorded {
	var got []eventstore.Recorded
	for e, err := range m.suite.Store.ReadStream(context.Background(), stream, from) {
		if err != nil {
			rt.Fatalf("read from %d: %v", from, err)
		}
		got = append(got, e)
	}
	return got
}

func (m *model) follow(rt *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	skip := rapid.IntRange(0, len(m.log)).Draw(rt, "skip")
	after := m.start
	if skip > 0 {
		after = m.log[skip-1].Position
	}
	got, err := m.suite.collect(ctx, after, len(m.log)-skip)
	if err != nil {
		rt.Fatalf("follow after %v: %v", after, err)
	}
	m.same(rt, got, m.log[skip:])
}

func (m *model) reopen(*rapid.T) { m.suite.reopen(m.t) }

func (m *model) same(rt *rapid.T, got, want []eventstore.Recorded) {
	if len(got) != len(want) {
		rt.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range got {
		if err := sameRecorded(got[i], want[i]); err != nil {
			rt.Fatalf("event %d: %v", i, fmt.Errorf("%s@%d: %w", want[i].Stream, want[i].Revision, err))
		}
	}
}
