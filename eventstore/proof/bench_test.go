package proof

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"orderengine/eventstore"
	"orderengine/eventstore/storetest"
)

// at is where in the log of the benchmarks event k of order o stands: a thousand orders live at a time.
func at(o, k int) int { return o/1000*10_000 + k*1000 + o%1000 }

// recordedEvents are n events of about 600 bytes, as orders have them, ten to a stream.
func recordedEvents(from, n int) []eventstore.Recorded {
	data := make([]byte, 380)
	for i := range data {
		data[i] = 'a' + byte(i%26)
	}
	events := make([]eventstore.Recorded, n)
	for i := range events {
		at := from + i
		order, k := at/10_000*1000+at%1000, at%10_000/1000
		e := event(at)
		e.Data = fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, at, data)
		e.Metadata = fmt.Appendf(nil, `{"schema":1,"occurred":"2024-02-29T01:02:03.000004Z","actor":"patient1","correlation":"c","command":"6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11","x":%d}`, at)
		events[i] = eventstore.Recorded{Event: e, Stream: fmt.Sprintf("qaorder-%d", order), Revision: eventstore.Revision(k), Position: eventstore.Position{Commit: uint64(at + 1), Prepare: uint64(at + 1)}}
	}
	return events
}

// reader gives ten events of a stream out of the numbered ones.
type reader struct{}

func (reader) ReadStream(_ context.Context, stream string, _ eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	var n int
	_, _ = fmt.Sscanf(stream, "qaorder-%d", &n) // zero events of any other
	return func(yield func(eventstore.Recorded, error) bool) {
		if eventstore.Category(stream) != "qaorder" {
			return
		}
		for k := range 10 {
			if !yield(recordedEvents(at(n, k), 1)[0], nil) {
				return
			}
		}
	}
}

func benchTree(b *testing.B) *Tree {
	b.Helper()
	tree, err := Open(filepath.Join(b.TempDir(), "tree"), nil, newKey(b), Options{Logger: quiet(), CheckpointEvery: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	tree.checked = true // there is no log
	b.Cleanup(func() { tree.Close() })
	return tree
}

// BenchmarkTreeAdd is what an event costs the tree, in processor time with all that pebble does for it: in batches of 16, as
// they come under load, and of 1024, as when it is made again. An iteration is one event.
func BenchmarkTreeAdd(b *testing.B) {
	for _, batch := range []int{1, 16, 1024} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			tree := benchTree(b)
			events := recordedEvents(0, b.N)
			before, done := storetest.ProcessorTime(), 0
			b.ResetTimer()
			for done < b.N {
				n := min(batch, b.N-done)
				if err := tree.add(events[done : done+n]); err != nil {
					b.Fatal(err)
				}
				done += n
			}
			b.StopTimer()
			b.ReportMetric(float64((storetest.ProcessorTime()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/event")
		})
	}
}

// BenchmarkBundle is the proof of one order of ten events, another each time, in a log of 1,000,000; and verifying it.
func BenchmarkBundle(b *testing.B) {
	const all = 1_000_000
	tree := benchTree(b)
	for done := 0; done < all; done += 1000 {
		if err := tree.add(recordedEvents(done, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	storetest.AwaitIdle()
	order := func(i int) []byte {
		stream := fmt.Sprintf("qaorder-%d", (i*7919)%(all/10))
		bundle, err := tree.Bundle(context.Background(), reader{}, stream, []string{stream, "refusal-" + stream})
		if err != nil {
			b.Fatal(err)
		}
		return encoded(b, bundle)
	}
	b.Run("make", func(b *testing.B) {
		for i := range b.N {
			order(i)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e6/float64(b.N), "ms/order")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("verify", func(b *testing.B) {
		file := order(1)
		b.ResetTimer()
		for range b.N {
			if _, err := Verify(file, tree.key.Verifier()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
