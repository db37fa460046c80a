//go:build linux

package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"orderengine/eventstore"
	"orderengine/eventstore/storetest"
)

// benchData is 600 bytes of JSON that compresses as little as ids and amounts do.
func benchData(i int) []byte {
	at := i * 104729 % (len(benchText) - 600)
	return benchText[at : at+600]
}

var benchText = func() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for len(text) < 4<<20 {
		text = fmt.Appendf(text, `{"id":"%016x%016x","fen":%d,"state":"paid"},`, rng.Uint64(), rng.Uint64(), rng.IntN(1e6))
	}
	return text
}()

// BenchmarkAppend compares durable appends of one 600-byte event, each with its expected revision, with
// the same bytes put in a raw file. Both are measured in turns on one file system: events/s are the
// store's, raw/s the file's, and x-raw is their ratio.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			raw := openRaw(b)
			defer raw.close()
			var ours, theirs time.Duration
			streams := storetest.NewBenchStreams(callers)
			b.ResetTimer()
			// Turns are short, so that both meet the same neighbours on the machine.
			for done := 0; done < b.N; {
				n := min(b.N-done, 50*callers)
				theirs += storetest.Spread(callers, n, func(i int) error { return raw.append(benchData(i)) })
				ours += storetest.Spread(callers, n, func(caller int) error { return appendTo(s, &streams[caller]) })
				done += n
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/ours.Seconds(), "events/s")
			b.ReportMetric(float64(b.N)/theirs.Seconds(), "raw/s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-raw")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func appendTo(s *Store, b *storetest.BenchStream) error {
	e := eventstore.Event{ID: uuid.New(), Type: "OrderPlaced", Data: benchData(int(rand.Uint32N(1 << 24)))}
	_, err := s.Append(context.Background(), b.Name, b.Next-1, []eventstore.Event{e})
	b.Advance()
	return err
}

// rawFile is the most that a log could do: one goroutine writes what callers queued, and one fdatasync
// makes it durable.
type rawFile struct {
	file  *os.File
	queue chan rawAppend
	done  chan struct{}
}

type rawAppend struct {
	data    []byte
	durable chan error
}

func openRaw(b *testing.B) *rawFile {
	file, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	r := &rawFile{file: file, queue: make(chan rawAppend, 8192), done: make(chan struct{})}
	go r.run()
	return r
}

func (r *rawFile) append(data []byte) error {
	a := rawAppend{data, make(chan error, 1)}
	r.queue <- a
	return <-a.durable
}

func (r *rawFile) run() {
	defer close(r.done)
	var buf []byte
	var waiting []rawAppend
	for first := range r.queue {
		buf, waiting = append(buf[:0], first.data...), append(waiting[:0], first)
		for n := len(r.queue); n > 0; n-- {
			a := <-r.queue
			buf, waiting = append(buf, a.data...), append(waiting, a)
		}
		_, err := r.file.Write(buf)
		if err == nil {
			err = unix.Fdatasync(int(r.file.Fd()))
		}
		for _, a := range waiting {
			a.durable <- err
		}
	}
}

func (r *rawFile) close() {
	close(r.queue)
	<-r.done
	r.file.Close()
}

// BenchmarkFollow measures a follower that reads the log from the disk.
func BenchmarkFollow(b *testing.B) {
	const events, batch = 200_000, 1000
	s, err := Open(b.TempDir(), Options{Logger: quiet, RecentEvents: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	many := make([]eventstore.Event, batch)
	for i := range events / batch {
		for j := range many {
			many[j] = eventstore.Event{ID: uuid.New(), Type: "OrderPlaced", Data: benchData(i*batch + j)}
		}
		if _, err := s.Append(b.Context(), fmt.Sprintf("order-%d", i), eventstore.NoStream, many); err != nil {
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
