package esdb

import (
	"context"
	"fmt"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderengine/eventstore"
	"orderengine/eventstore/storetest"
)

// BenchmarkAppend compares appends of one 600-byte event, each with its expected revision, through the store and
// through the bare client, in turns on the same server of an embedded log: events/s are the store's, bare/s the
// client's, and x-bare is their ratio.
func BenchmarkAppend(b *testing.B) {
	const callers = 64
	b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
		c := serve(b, backings["embedded"](b))
		s := open(b, c.addr)
		bare := openBare(b, c.addr)
		ours, theirs := storetest.NewBenchStreams(callers), storetest.NewBenchStreams(callers)
		var took, tookBare time.Duration
		b.ResetTimer()
		for done := 0; done < b.N; {
			n := min(b.N-done, 20*callers) // turns are short, so that both meet the same neighbours
			tookBare += storetest.Spread(callers, n, func(i int) error { return appendBare(bare, &theirs[i]) })
			took += storetest.Spread(callers, n, func(i int) error { return appendTo(s, &ours[i]) })
			done += n
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/took.Seconds(), "events/s")
		b.ReportMetric(float64(b.N)/tookBare.Seconds(), "bare/s")
		b.ReportMetric(tookBare.Seconds()/took.Seconds(), "x-bare")
		b.ReportMetric(0, "ns/op")
	})
}

func openBare(b *testing.B, addr string) *client.Client {
	config, err := client.ParseConnectionString(connectionString(addr))
	if err != nil {
		b.Fatal(err)
	}
	config.Logger = client.NoopLogging()
	bare, err := client.NewClient(config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = bare.Close() })
	return bare
}

var benchData = fmt.Appendf(nil, `{"text":"%0589d"}`, 7)

func appendTo(s *Store, b *storetest.BenchStream) error {
	e := eventstore.Event{ID: uuid.New(), Type: "OrderPlaced", Data: benchData}
	_, err := s.Append(context.Background(), b.Name, b.Next-1, []eventstore.Event{e})
	b.Advance()
	return err
}

func appendBare(bare *client.Client, b *storetest.BenchStream) error {
	options := client.AppendToStreamOptions{ExpectedRevision: expectedRevision(b.Next - 1)}
	_, err := bare.AppendToStream(context.Background(), b.Name, options,
		client.EventData{EventID: uuid.New(), EventType: "OrderPlaced", ContentType: client.ContentTypeJson, Data: benchData})
	b.Advance()
	return err
}

// BenchmarkFollow measures a follower that reads the log from its beginning through the server.
func BenchmarkFollow(b *testing.B) {
	const events = 50_000
	c := serve(b, backings["embedded"](b))
	s := open(b, c.addr)
	batch := make([]eventstore.Event, eventstore.MaxEvents)
	for i := range events / len(batch) {
		for j := range batch {
			batch[j] = eventstore.Event{ID: uuid.New(), Type: "OrderPlaced", Data: benchData}
		}
		if _, err := c.backing.Append(b.Context(), fmt.Sprintf("order-%d", i), eventstore.NoStream, batch); err != nil {
			b.Fatal(err)
		}
	}
	read := 0
	for b.Loop() {
		n := 0
		for page, err := range s.Follow(b.Context(), eventstore.Position{}) {
			if err != nil {
				b.Fatal(err)
			}
			if n += len(page); n == events {
				break
			}
		}
		read += n
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}
