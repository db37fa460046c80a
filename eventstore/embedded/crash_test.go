package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderengine/eventstore"
)

const (
	crashSeedVariable = "EVENTSTORE_CRASH_SEED"

	crashMachines  = 4 // run side by side
	crashRuns      = 50
	crashesPerRun  = 10 // so 2,000 crash points in all
	crashWriters   = 4
	crashMaxEvents = 4
)

// TestCrash stops the machine at 2,000 random moments while several writers append. What was not synced
// survives by chance, block by block. After each crash the log is opened again: all that was answered or
// shown is there, nothing is there in part, and the log goes on.
func TestCrash(t *testing.T) {
	seed := crashSeed(t)
	t.Logf("%s=%d", crashSeedVariable, seed)
	for machine := range crashMachines {
		t.Run(strconv.Itoa(machine), func(t *testing.T) {
			t.Parallel()
			crashMachine(t, rand.New(rand.NewPCG(seed, uint64(machine))))
		})
	}
}

func crashMachine(t *testing.T, rng *rand.Rand) {
	fs := vfs.NewCrashableMem()
	for run := range crashRuns {
		if run%2 == 0 {
			fs = vfs.NewCrashableMem() // or else the log, and the test, would only grow
		}
		if fs = crashRun(t, rng, fs); t.Failed() {
			t.Fatalf("in run %d", run)
		}
	}
}

func crashSeed(t *testing.T) uint64 {
	text, ok := os.LookupEnv(crashSeedVariable)
	if !ok {
		return uint64(time.Now().UnixNano())
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", crashSeedVariable, err)
	}
	return seed
}

func openCrashable(t *testing.T, fs *vfs.MemFS) *Store {
	t.Helper()
	s, err := Open("log", Options{
		FS: fs, Logger: quiet, MemTableBytes: 32 << 10, CacheBytes: 1 << 20, RecentEvents: 64, StreamHeads: 8, QueueAppends: 64,
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// crashRun lets writers append, crashes again and again below them, and returns the last crash's disk.
func crashRun(t *testing.T, rng *rand.Rand, fs *vfs.MemFS) *vfs.MemFS {
	s := openCrashable(t, fs)
	w := &witness{
		permits:  make(chan struct{}, 4*crashWriters),
		attempts: make(map[string]attempt), answered: make(map[string]eventstore.Receipt),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range crashWriters {
		seed := rng.Uint64()
		wg.Go(func() { w.write(t, ctx, s, fmt.Sprintf("crash-%d", i), rand.New(rand.NewPCG(seed, 1))) })
	}
	wg.Go(func() { w.follow(t, ctx, s) })
	defer func() {
		cancel()
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var crashed *vfs.MemFS
	for range crashesPerRun {
		w.let(t, 2*crashWriters, rng.Int64N(2*crashWriters))
		seen := w.look(t, s)
		crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(100), RNG: rng})
		seen.check(t, openCrashable(t, crashed))
		if rng.IntN(4) == 0 {
			// What was answered after the recovery must outlive the next crash, with nothing else kept.
			crashed = crashed.CrashClone(vfs.CrashCloneCfg{})
			seen.check(t, openCrashable(t, crashed))
		}
	}
	return crashed
}

// witness knows what the store promised before a crash.
type witness struct {
	permits  chan struct{} // one for each append: a check must not let the log grow without bound
	permit   int64         // how many were given
	appends  atomic.Int64  // how many were answered
	followed atomic.Uint64 // the last position that a follower saw

	mu       sync.Mutex
	attempts map[string]attempt // of each stream, the last append begun
	answered map[string]eventstore.Receipt
}

type attempt struct {
	expected eventstore.Revision
	events   []eventstore.Event
}

// write appends to one stream until ctx is done.
func (w *witness) write(t *testing.T, ctx context.Context, s *Store, stream string, rng *rand.Rand) {
	last, err := lastRevision(s.db, stream)
	for err == nil {
		select {
		case <-w.permits:
		case <-ctx.Done():
			return
		}
		a := attempt{last, crashEvents(rng, stream, last+1)}
		w.mu.Lock()
		w.attempts[stream] = a
		w.mu.Unlock()
		var receipt eventstore.Receipt
		if receipt, err = s.Append(ctx, stream, last, a.events); err != nil {
			break
		}
		w.mu.Lock()
		w.answered[stream] = receipt
		w.mu.Unlock()
		w.appends.Add(1)
		last = receipt.Revision
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("writer of %s: %v", stream, err)
	}
}

// crashEvents makes an append whose events say what they are a part of.
func crashEvents(rng *rand.Rand, stream string, first eventstore.Revision) []eventstore.Event {
	events := make([]eventstore.Event, 1+rng.IntN(crashMaxEvents))
	for i := range events {
		events[i] = eventstore.Event{
			ID:       uuid.New(),
			Type:     "Crashed",
			Data:     fmt.Appendf(nil, "%s@%0*d", stream, 1+rng.IntN(250), first+eventstore.Revision(i)),
			Metadata: fmt.Appendf(nil, "%d of %d", i, len(events)),
		}
	}
	return events
}

func (w *witness) follow(t *testing.T, ctx context.Context, s *Store) {
	for batch, err := range s.Follow(ctx, eventstore.Position{}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("follower: %v", err)
			}
			return
		}
		w.followed.Store(batch[len(batch)-1].Position.Commit)
	}
}

// let gives the writers some more appends to do, and returns while they may still be doing the last of them.
func (w *witness) let(t *testing.T, appends, answered int64) {
	want := w.permit + answered
	for range appends {
		w.permits <- struct{}{}
	}
	w.permit += appends
	for deadline := time.Now().Add(time.Minute); w.appends.Load() < want; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the writers do not get on")
		}
	}
}

// sight is what the store had promised at one moment.
type sight struct {
	shown    uint64 // the last position that any reader was shown
	attempts map[string]attempt
	answered map[string]eventstore.Receipt
}

func (w *witness) look(t *testing.T, s *Store) *sight {
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := &sight{
		shown:    max(head.Commit, w.followed.Load()),
		attempts: make(map[string]attempt),
		answered: make(map[string]eventstore.Receipt),
	}
	for stream, a := range w.attempts {
		seen.attempts[stream] = a
	}
	for stream, receipt := range w.answered {
		seen.answered[stream] = receipt
	}
	return seen
}

// check holds the store after a crash against what was seen before, goes on appending, and closes it.
func (seen *sight) check(t *testing.T, s *Store) {
	t.Helper()
	head := s.recent.durable()
	if head < seen.shown {
		t.Errorf("the log ends at %d, readers were shown %d", head, seen.shown)
	}
	for stream, receipt := range seen.answered {
		e, err := recordedAt(s.db, stream, receipt.Revision)
		if err != nil || e.Position != receipt.Position {
			t.Errorf("%s@%d was answered at %v; now %v, %v", stream, receipt.Revision, receipt.Position, e.Position, err)
		}
	}
	seen.checkWhole(t, s, head)
	for stream, a := range seen.attempts {
		seen.goOn(t, s, stream, a)
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// checkWhole reads the log: each stream without gaps, each event as written, each append complete.
func (seen *sight) checkWhole(t *testing.T, s *Store, head uint64) {
	t.Helper()
	next := make(map[string]eventstore.Revision)
	var due string // the metadata that the next event must have, if an append is not yet complete
	for at := uint64(0); at < head; {
		page, err := s.logPage(at, head)
		if err != nil {
			t.Errorf("read: %v", err)
			return
		}
		for _, e := range page {
			if e.Revision != next[e.Stream] {
				t.Errorf("position %v: %s@%d, want revision %d", e.Position, e.Stream, e.Revision, next[e.Stream])
			}
			next[e.Stream]++
			due = checkCrashEvent(t, e, due)
		}
		at += uint64(len(page))
	}
	if due != "" {
		t.Errorf("the last append is not complete: %q is missing", due)
	}
}

func checkCrashEvent(t *testing.T, e eventstore.Recorded, due string) (nextDue string) {
	t.Helper()
	left, right, _ := strings.Cut(string(e.Metadata), " of ")
	i, n := number(left), number(right)
	if due == "" && i != 0 || due != "" && string(e.Metadata) != due {
		t.Errorf("position %v: event %q of an append, want %q", e.Position, e.Metadata, due)
	}
	if stream, revision, _ := strings.Cut(string(e.Data), "@"); stream != e.Stream || number(revision) != int(e.Revision) {
		t.Errorf("position %v: %s@%d has data %q", e.Position, e.Stream, e.Revision, e.Data)
	}
	if i+1 == n {
		return ""
	}
	return fmt.Sprintf("%d of %d", i+1, n)
}

// number is -1 for what is none.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// goOn repeats the append that may have been cut off, which must end up in the log once, and appends on.
func (seen *sight) goOn(t *testing.T, s *Store, stream string, a attempt) {
	t.Helper()
	receipt, err := s.Append(t.Context(), stream, a.expected, a.events)
	if want := a.expected + eventstore.Revision(len(a.events)); err != nil || receipt.Revision != want {
		t.Errorf("repeat on %s after %d: %+v, %v", stream, a.expected, receipt, err)
		return
	}
	seen.answered[stream] = receipt
	last, err := lastRevision(s.db, stream)
	if err != nil {
		t.Errorf("end of %s: %v", stream, err)
	}
	again := attempt{last, crashEvents(rand.New(rand.NewPCG(1, uint64(last))), stream, last+1)}
	if receipt, err = s.Append(t.Context(), stream, last, again.events); err != nil {
		t.Errorf("append to %s after %d: %v", stream, last, err)
		return
	}
	seen.attempts[stream], seen.answered[stream] = again, receipt
	seen.shown = max(seen.shown, receipt.Position.Commit)
}
