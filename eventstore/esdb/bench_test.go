package esdb

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderengine/eventstore"
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
		ours, theirs := newBenchStreams(callers), newBenchStreams(callers)
		var took, tookBare time.Duration
		b.ResetTimer()
		for done := 0; done < b.N; {
			n := min(b.N-done, 20*callers) // turns are short, so that both meet the same neighbours
			tookBare += spread(callers, n, func(i int) error { return theirs[i].appendBare(bare) })
			took += spread(callers, n, func(i int) error { return ours[i].append(s) })
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

// benchStream is one caller's present stream: like an order's, it ends after eight events.
type benchStream struct {
	name string
	next eventstore.Revision
}

func newBenchStreams(n int) []benchStream {
	streams := make([]benchStream, n)
	for i := range streams {
		streams[i].name = "order-" + uuid.NewString()
	}
	return streams
}

func (b *benchStream) advance() {
	if b.next++; b.next == 8 {
		*b = benchStream{name: "order-" + uuid.NewString()}
	}
}

var benchData = fmt.Appendf(nil, `{"text":"%0589d"}`, 7)

func (b *benchStream) append(s *Store) error {
	e := eventstore.Event{ID: uuid.New(), Type: "OrderPlaced", Data: benchData}
	_, err := s.Append(context.Background(), b.name, b.next-1, []eventstore.Event{e})
	b.advance()
	return err
}

func (b *benchStream) appendBare(bare *client.Client) error {
	options := client.AppendToStreamOptions{ExpectedRevision: expectedRevision(b.next - 1)}
	_, err := bare.AppendToStream(context.Background(), b.name, options,
		client.EventData{EventID: uuid.New(), EventType: "OrderPlaced", ContentType: client.ContentTypeJson, Data: benchData})
	b.advance()
	return err
}

// spread shares n calls among callers and says how long they took.
func spread(callers, n int, call func(caller int) error) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	began := time.Now()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(caller); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
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
