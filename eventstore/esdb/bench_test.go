package esdb

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderengine/eventstore"
	"orderengine/eventstore/storetest"
)

// held runs a benchmark through the protocol on an embedded log that holds so many events already: as many as EVENTS
// says, separated by commas, or 100,000. The last of them stand behind tail.
func held(b *testing.B, run func(b *testing.B, c *cluster, tail eventstore.Position)) {
	for _, count := range strings.Split(cmp.Or(os.Getenv("EVENTS"), "100000"), ",") {
		events, err := strconv.Atoi(count)
		if err != nil || events < followed {
			b.Fatalf("EVENTS=%s: numbers of at least %d events are needed", os.Getenv("EVENTS"), followed)
		}
		c, tail := fill(b, events)
		b.Run("held="+count, func(b *testing.B) { run(b, c, tail) })
	}
}

// fill serves a log of so many events.
func fill(b *testing.B, events int) (c *cluster, tail eventstore.Position) {
	c = serve(b, backings["embedded"](b))
	for written := 0; written < events; written += eventstore.MaxEvents {
		batch := make([]eventstore.Event, min(eventstore.MaxEvents, events-written))
		for i := range batch {
			batch[i] = eventstore.Event{ID: uuid.New(), Type: "OrderPlaced", Data: benchData}
		}
		receipt, err := c.backing.Append(b.Context(), fmt.Sprintf("order-%d", written), eventstore.NoStream, batch)
		if err != nil {
			b.Fatal(err)
		}
		if written+len(batch) <= events-followed {
			tail = receipt.Position
		}
	}
	storetest.AwaitIdle()
	return c, tail
}

// followed is how many events BenchmarkFollow reads at least.
const followed = 50_000

// BenchmarkAppend compares appends of one 600-byte event, each with its expected revision, through the store and
// through the bare client, in turns on the same server of an embedded log: events/s are the store's, bare/s the
// client's, and x-bare is their ratio.
func BenchmarkAppend(b *testing.B) {
	const callers = 64
	held(b, func(b *testing.B, c *cluster, _ eventstore.Position) {
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

// BenchmarkFollow measures a follower that reads the last events of the log through the server.
func BenchmarkFollow(b *testing.B) {
	held(b, func(b *testing.B, c *cluster, tail eventstore.Position) {
		s := open(b, c.addr)
		head, err := c.backing.Head(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		read := 0
		for b.Loop() {
			for page, err := range s.Follow(b.Context(), tail) {
				if err != nil {
					b.Fatal(err)
				}
				read += len(page)
				if len(page) > 0 && page[len(page)-1].Position == head {
					break
				}
			}
		}
		b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(0, "ns/op")
	})
}
