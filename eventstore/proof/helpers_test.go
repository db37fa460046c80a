package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func newKey(t testing.TB) Key {
	t.Helper()
	key, _, err := NewKey("test")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// event is the nth event of a test's log, the same every time.
func event(n int) eventstore.Event {
	return eventstore.Event{
		ID: eventstore.EventID(uuid.NameSpaceOID, n), Type: "Happened",
		Data: fmt.Appendf(nil, `{"n":%d}`, n), Metadata: fmt.Appendf(nil, `{"schema":1,"actor":"<%d>"}`, n),
	}
}

func streamOf(n int) string { return fmt.Sprintf("order-%d", n%3) }

// fill adds events from..to-1 to three streams in turn.
func fill(t testing.TB, s eventstore.Appender, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if _, err := s.Append(context.Background(), streamOf(n), eventstore.Revision(n/3-1), []eventstore.Event{event(n)}); err != nil {
			t.Fatal(err)
		}
	}
}

func filled(t testing.TB, n int) *memory.Store {
	t.Helper()
	s := memory.New()
	t.Cleanup(func() { s.Close() })
	fill(t, s, 0, n)
	return s
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// running is a tree that follows a log.
type running struct {
	*Tree
	stop func()
}

// start opens a tree in a folder and runs it; stop closes it.
func start(t testing.TB, dir string, log eventstore.Log, key Key, o Options) running {
	t.Helper()
	o.Logger = quiet()
	tree, err := Open(dir, log, key, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tree.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the tree ended with %v", err)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return running{tree, stop}
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (r running) reaches(t testing.TB, size uint64) {
	t.Helper()
	until(t, fmt.Sprintf("%d events in the tree", size), func() bool { n, _, _, _ := r.Status(); return n == size })
}

// built is a tree of n events that has caught up, with rare checkpoints.
func built(t testing.TB, n int) (running, *memory.Store, Key) {
	t.Helper()
	s, key := filled(t, n), newKey(t)
	tree := start(t, filepath.Join(t.TempDir(), "tree"), s, key, Options{CheckpointEvery: time.Hour, CheckpointEvents: 1 << 40})
	tree.reaches(t, uint64(n))
	return tree, s, key
}

func opened(t testing.TB, signed []byte, key note.Verifier) Checkpoint {
	t.Helper()
	c, err := OpenCheckpoint(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
