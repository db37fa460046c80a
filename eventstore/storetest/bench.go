package storetest

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

// BenchStream is the present stream of one caller of a benchmark: like an order's, it ends after eight events.
type BenchStream struct {
	Name string
	Next eventstore.Revision
}

// NewBenchStreams gives each of n callers a stream.
func NewBenchStreams(n int) []BenchStream {
	streams := make([]BenchStream, n)
	for i := range streams {
		streams[i].Name = "order-" + uuid.NewString()
	}
	return streams
}

// Advance goes on after one event was appended.
func (b *BenchStream) Advance() {
	if b.Next++; b.Next == 8 {
		*b = BenchStream{Name: "order-" + uuid.NewString()}
	}
}

// Spread shares n calls among callers and says how long they took. A call that fails ends the benchmark.
func Spread(callers, n int, call func(caller int) error) time.Duration {
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

// AwaitIdle lets a store finish sorting what was written in a rush, which is not what is measured after it; it gives up
// after a minute.
func AwaitIdle() {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		before := ProcessorTime()
		time.Sleep(time.Second) // the interval that is looked at
		if ProcessorTime()-before < 50*time.Millisecond {
			return
		}
	}
}

// ProcessorTime is what this process has used of the processors, user and system.
func ProcessorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
