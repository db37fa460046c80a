package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a server before a store, and the official client of it.
type served struct {
	t      *testing.T
	store  wire.Store
	client *esdb.Client
}

func serve(t *testing.T, store wire.Store, options wire.Options) *served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, ended := wire.New(store, options), make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	config, err := esdb.ParseConnectionString("esdb://" + listener.Addr().String() + "?tls=false")
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range []error{client.Close(), server.Close(), <-ended} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return &served{t, store, client}
}

// onEach runs a test before each store.
func onEach(t *testing.T, options wire.Options, run func(t *testing.T, s *served)) {
	t.Run("memory", func(t *testing.T) { run(t, serve(t, memory.New(), options)) })
	t.Run("embedded", func(t *testing.T) {
		store, err := embedded.Open(t.TempDir(), embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		t.Run("", func(t *testing.T) { run(t, serve(t, store, options)) })
	})
}

func (s *served) append(stream string, types ...string) *esdb.WriteResult {
	s.t.Helper()
	var events []esdb.EventData
	for _, name := range types {
		events = append(events, esdb.EventData{EventID: uuid.New(), EventType: name, ContentType: esdb.ContentTypeJson, Data: []byte("{}")})
	}
	result, err := s.client.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, events...)
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// told is what a read brings, "stream@revision:type" each.
func told(read *esdb.ReadStream, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer read.Close()
	var all []string
	for {
		e, err := read.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return strings.Join(all, " "), err
		}
		o := e.OriginalEvent()
		all = append(all, fmt.Sprintf("%s@%d:%s", o.StreamID, o.EventNumber, o.EventType))
	}
}

func (s *served) stream(name string, from esdb.StreamPosition, direction esdb.Direction, count uint64) (string, error) {
	return told(s.client.ReadStream(context.Background(), name, esdb.ReadStreamOptions{From: from, Direction: direction}, count))
}

func (s *served) all(from esdb.AllPosition, direction esdb.Direction, count uint64) (string, error) {
	return told(s.client.ReadAll(context.Background(), esdb.ReadAllOptions{From: from, Direction: direction}, count))
}

func want(t *testing.T, what, want string) func(got string, err error) {
	return func(got string, err error) {
		t.Helper()
		if got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", what, got, err, want)
		}
	}
}

func codeOf(err error) esdb.ErrorCode {
	var known *esdb.Error
	if errors.As(err, &known) {
		return known.Code()
	}
	return -1
}

func TestReads(t *testing.T) {
	onEach(t, wire.Options{Writable: true}, func(t *testing.T, s *served) {
		s.append("a-1", "A", "B")
		middle := s.append("b-1", "C")
		s.append("a-1", "D")
		at := esdb.Position{Commit: middle.CommitPosition, Prepare: middle.PreparePosition}
		const all = math.MaxInt64
		want(t, "forwards", "a-1@0:A a-1@1:B a-1@2:D")(s.stream("a-1", esdb.Start{}, esdb.Forwards, all))
		want(t, "from a revision", "a-1@1:B")(s.stream("a-1", esdb.Revision(1), esdb.Forwards, 1))
		want(t, "from the end", "")(s.stream("a-1", esdb.End{}, esdb.Forwards, all))
		want(t, "beyond the end", "")(s.stream("a-1", esdb.Revision(9), esdb.Forwards, all))
		want(t, "backwards", "a-1@2:D a-1@1:B a-1@0:A")(s.stream("a-1", esdb.End{}, esdb.Backwards, all))
		want(t, "backwards from a revision", "a-1@1:B a-1@0:A")(s.stream("a-1", esdb.Revision(1), esdb.Backwards, all))
		want(t, "backwards from beyond", "a-1@2:D")(s.stream("a-1", esdb.Revision(9), esdb.Backwards, 1))
		want(t, "$all", "a-1@0:A a-1@1:B b-1@0:C a-1@2:D")(s.all(esdb.Start{}, esdb.Forwards, all))
		want(t, "$all from a position", "b-1@0:C a-1@2:D")(s.all(at, esdb.Forwards, all))
		want(t, "$all from the end", "")(s.all(esdb.End{}, esdb.Forwards, all))
		want(t, "$all backwards", "a-1@2:D b-1@0:C a-1@1:B a-1@0:A")(s.all(esdb.End{}, esdb.Backwards, all))
		want(t, "$all backwards from a position", "a-1@1:B a-1@0:A")(s.all(at, esdb.Backwards, all))
		want(t, "$all backwards from the start", "")(s.all(esdb.Start{}, esdb.Backwards, all))
		if _, err := s.stream("c-1", esdb.Start{}, esdb.Forwards, 1); codeOf(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("no stream: %v", err)
		}
	})
}

func TestDeletedStreams(t *testing.T) {
	onEach(t, wire.Options{Writable: true}, func(t *testing.T, s *served) {
		ctx := context.Background()
		s.append("a-1", "A", "B")
		if _, err := s.client.DeleteStream(ctx, "a-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(0)}); err == nil {
			t.Error("deleted at a revision where it is not")
		}
		if _, err := s.client.DeleteStream(ctx, "a-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.stream("a-1", esdb.Start{}, esdb.Forwards, 9); codeOf(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("read of a deleted stream: %v", err)
		}
		again := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
		if _, err := s.client.AppendToStream(ctx, "a-1", again, esdb.EventData{EventType: "C"}); err != nil {
			t.Errorf("a deleted stream does not begin again: %v", err)
		}
		want(t, "after a deletion", "a-1@2:C")(s.stream("a-1", esdb.Start{}, esdb.Forwards, 9))
		want(t, "after a deletion, backwards", "a-1@2:C")(s.stream("a-1", esdb.End{}, esdb.Backwards, 9))
		if _, err := s.client.TombstoneStream(ctx, "a-1", esdb.TombstoneStreamOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, expected := range []esdb.ExpectedRevision{esdb.Any{}, esdb.NoStream{}, esdb.StreamExists{}, esdb.Revision(3)} {
			_, err := s.client.AppendToStream(ctx, "a-1", esdb.AppendToStreamOptions{ExpectedRevision: expected}, esdb.EventData{EventType: "D"})
			if codeOf(err) != esdb.ErrorCodeStreamDeleted {
				t.Errorf("append (%T) to a stream with a tombstone: %v", expected, err)
			}
		}
		if _, err := s.stream("a-1", esdb.Start{}, esdb.Forwards, 9); codeOf(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("read of a stream with a tombstone: %v", err)
		}
	})
}

func TestStreamMetadata(t *testing.T) {
	now := time.Now()
	onEach(t, wire.Options{Writable: true, Now: func() time.Time { return now }}, func(t *testing.T, s *served) {
		defer func(then time.Time) { now = then }(now)
		ctx := context.Background()
		s.append("a-1", "A", "B", "C")
		set := func(change func(*esdb.StreamMetadata)) {
			t.Helper()
			m := esdb.StreamMetadata{}
			change(&m)
			if _, err := s.client.SetStreamMetadata(ctx, "a-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, m); err != nil {
				t.Fatal(err)
			}
		}
		set(func(m *esdb.StreamMetadata) { m.SetMaxCount(2) })
		want(t, "$maxCount", "a-1@1:B a-1@2:C")(s.stream("a-1", esdb.Start{}, esdb.Forwards, 9))
		set(func(m *esdb.StreamMetadata) { m.SetTruncateBefore(2) })
		want(t, "$tb", "a-1@2:C")(s.stream("a-1", esdb.End{}, esdb.Backwards, 9))
		set(func(m *esdb.StreamMetadata) { m.SetMaxAge(time.Hour) })
		want(t, "$maxAge of the young", "a-1@0:A a-1@1:B a-1@2:C")(s.stream("a-1", esdb.Start{}, esdb.Forwards, 9))
		now = now.Add(2 * time.Hour)
		want(t, "$maxAge of the old", "")(s.stream("a-1", esdb.Start{}, esdb.Forwards, 9))
		read, err := s.client.GetStreamMetadata(ctx, "a-1", esdb.ReadStreamOptions{})
		if err != nil || *read.MaxAge() != time.Hour {
			t.Errorf("metadata %+v, %v", read, err)
		}
	})
}

// TestADeletionKeepsTheOtherProperties although one of them is not what it should be.
func TestADeletionKeepsTheOtherProperties(t *testing.T) {
	onEach(t, wire.Options{Writable: true}, func(t *testing.T, s *served) {
		s.append("a-1", "A", "B", "C")
		set := esdb.EventData{EventID: uuid.New(), EventType: "$metadata", ContentType: esdb.ContentTypeJson,
			Data: []byte(`{"$acl":{"$r":"ward"},"$maxAge":"1h","$maxCount":2,"owner":"x"}`)}
		if _, err := s.client.AppendToStream(t.Context(), "$$a-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, set); err != nil {
			t.Fatal(err)
		}
		want(t, "one limit is wrong", "a-1@1:B a-1@2:C")(s.stream("a-1", esdb.Start{}, esdb.Forwards, 9))
		if _, err := s.client.DeleteStream(t.Context(), "a-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.stream("a-1", esdb.Start{}, esdb.Forwards, 9); codeOf(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("read of a deleted stream: %v", err)
		}
		kept := `{"$acl":{"$r":"ward"},"$maxAge":"1h","$maxCount":2,"$tb":3,"owner":"x"}`
		for e, err := range s.store.ReadStream(t.Context(), "esdb-$$a-1", 1) {
			if err != nil || string(e.Data) != kept {
				t.Errorf("%s, %v, want %s", e.Data, err, kept)
			}
		}
	})
}

func TestSubscriptions(t *testing.T) {
	onEach(t, wire.Options{Writable: true}, func(t *testing.T, s *served) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		s.append("a-1", "A", "x")
		s.append("b-1", "A", "B")
		next := func(sub *esdb.Subscription) string {
			switch e := sub.Recv(); {
			case e.EventAppeared != nil:
				o := e.EventAppeared.OriginalEvent()
				return fmt.Sprintf("%s@%d:%s", o.StreamID, o.EventNumber, o.EventType)
			case e.CheckPointReached != nil:
				return "checkpoint"
			case e.CaughtUp != nil:
				return "caught up"
			default:
				return fmt.Sprint(e.SubscriptionDropped.Error)
			}
		}
		wants := func(what string, sub *esdb.Subscription, err error, wanted ...string) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, want := range wanted {
				if got := next(sub); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
		}
		stream, err := s.client.SubscribeToStream(ctx, "a-1", esdb.SubscribeToStreamOptions{From: esdb.Revision(0)})
		wants("stream", stream, err, "a-1@1:x", "caught up")
		late, err := s.client.SubscribeToStream(ctx, "c-1", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
		wants("stream that is not there", late, err, "caught up")
		all, err := s.client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}})
		wants("$all", all, err, "a-1@0:A", "a-1@1:x", "b-1@0:A", "b-1@1:B", "caught up")
		end, err := s.client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{})
		wants("$all from the end", end, err, "caught up")
		prefix, err := s.client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}, MaxSearchWindow: 3, CheckpointInterval: 1,
			Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"z", "b-"}}})
		wants("prefix of the stream", prefix, err, "b-1@0:A", "checkpoint", "b-1@1:B", "caught up")
		pattern, err := s.client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}, MaxSearchWindow: 4, CheckpointInterval: 1,
			Filter: &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^[A-Z]$"}})
		wants("pattern of the type", pattern, err, "a-1@0:A", "b-1@0:A", "b-1@1:B", "checkpoint", "caught up")
		s.append("c-1", "C")
		wants("stream that came", late, nil, "c-1@0:C")
		for what, sub := range map[string]*esdb.Subscription{"$all": all, "$all from the end": end, "pattern": pattern} {
			wants(what, sub, nil, "c-1@0:C")
		}
		s.append("a-1", "D")
		wants("stream", stream, nil, "a-1@2:D")
		if _, err := s.client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{Filter: &esdb.SubscriptionFilter{Regex: "("}}); err == nil {
			t.Error("a pattern that cannot be read was taken")
		}
	})
}

func TestNames(t *testing.T) {
	onEach(t, wire.Options{Writable: true}, func(t *testing.T, s *served) {
		s.append("$system", "A")
		want(t, "system stream", "$system@0:A")(s.stream("$system", esdb.Start{}, esdb.Forwards, 9))
		for e, err := range s.store.ReadStream(t.Context(), "esdb-$system", 0) {
			if err != nil || e.Type != "A" {
				t.Errorf("stored as %+v, %v", e, err)
			}
		}
		for _, name := range []string{"", "$all", "esdb-$system", "\xff", strings.Repeat("n", eventstore.MaxStreamName+1)} {
			_, err := s.client.AppendToStream(t.Context(), name, esdb.AppendToStreamOptions{}, esdb.EventData{EventType: "A"})
			if err == nil {
				t.Errorf("name %.20q was taken", name)
			}
		}
		_, err := s.client.AppendToStream(t.Context(), "a-1", esdb.AppendToStreamOptions{}, esdb.EventData{EventType: "$streamDeleted"})
		if err == nil {
			t.Error("a tombstone was appended")
		}
	})
}

func TestReadOnly(t *testing.T) {
	onEach(t, wire.Options{}, func(t *testing.T, s *served) {
		ctx := t.Context()
		if _, err := s.store.Append(ctx, "a-1", eventstore.NoStream, []eventstore.Event{{ID: uuid.New(), Type: "A"}}); err != nil {
			t.Fatal(err)
		}
		_, appended := s.client.AppendToStream(ctx, "a-1", esdb.AppendToStreamOptions{}, esdb.EventData{EventType: "B"})
		_, deleted := s.client.DeleteStream(ctx, "a-1", esdb.DeleteStreamOptions{})
		_, buried := s.client.TombstoneStream(ctx, "a-1", esdb.TombstoneStreamOptions{})
		grouped := s.client.CreatePersistentSubscription(ctx, "a-1", "g", esdb.PersistentStreamSubscriptionOptions{})
		for what, err := range map[string]error{"append": appended, "delete": deleted, "tombstone": buried, "group": grouped} {
			if codeOf(err) != esdb.ErrorCodeAccessDenied {
				t.Errorf("%s: %v, want access denied", what, err)
			}
		}
		want(t, "read", "a-1@0:A")(s.all(esdb.Start{}, esdb.Forwards, 9))
	})
}
