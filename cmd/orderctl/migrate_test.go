package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/proof"
	"orderengine/eventstore/wire"
)

// serving serves a store and gives its connection string.
func serving(t *testing.T, store wire.Store) string {
	t.Helper()
	return servingWith(t, store, wire.Options{Writable: true})
}

func servingWith(t *testing.T, store wire.Store, options wire.Options) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, ended := wire.New(store, options), make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "esdb://" + listener.Addr().String() + "?tls=false"
}

// filled makes a data folder with a log of some events.
func filled(t *testing.T, appends int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	store, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	same := event()
	for i := range appends {
		batch := []eventstore.Event{event(), event()}
		if i < 4 {
			batch[1] = same // an id may come again further on
		}
		if _, err := store.Append(t.Context(), fmt.Sprintf("order-%d", i%2), eventstore.Revision(i/2*2)-1, batch); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func event() eventstore.Event {
	return eventstore.Event{ID: uuid.New(), Type: "Tested", Data: []byte{0, 0xff}, Metadata: []byte(`{"a": 1 }`)}
}

// filesOf is what the files below a folder hold.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestMigrate(t *testing.T) {
	dir, target := filled(t, 50), memory.New()
	before, to := filesOf(t, dir), serving(t, target)
	stdout, err := run("", "migrate", "--from", dir, "--to", to)
	found, unread := proof.Audit{Log: target}.Run(t.Context())
	want := fmt.Sprintf("the copy is the source: 100 events, tree head %x\n", found.Head.Root)
	if err != nil || unread != nil || !strings.HasSuffix(stdout, want) {
		t.Fatalf("%s, %v; want %s (%v)", stdout, err, want, unread)
	}
	if !maps.Equal(filesOf(t, dir), before) {
		t.Error("the source was changed")
	}
	again, err := run("", "migrate", "--from", dir, "--to", to)
	if err != nil || !strings.Contains(again, "100 events, of which 100 were there already") {
		t.Errorf("again: %s, %v", again, err)
	}
	onwards := serving(t, memory.New())
	if stdout, err := run("", "migrate", "--from", to, "--to", onwards); err != nil || !strings.Contains(stdout, "the copy is the source: 100 events") {
		t.Errorf("from a server: %s, %v", stdout, err)
	}
}

// TestMigrateGoesOn begins with every part of the log in the target.
func TestMigrateGoesOn(t *testing.T) {
	dir := filled(t, 4)
	for present := range 9 {
		target := memory.New()
		copied := copyOf(t, dir, target, present)
		stdout, err := run("", "migrate", "--from", dir, "--to", serving(t, target))
		if err != nil || !strings.Contains(stdout, fmt.Sprintf("8 events, of which %d were there already", copied)) {
			t.Errorf("with %d: %s, %v", present, stdout, err)
		}
	}
}

// copyOf puts the first events of a log into a store.
func copyOf(t *testing.T, dir string, to eventstore.Appender, n int) int {
	t.Helper()
	source, err := openSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	head, err := source.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copied := 0
	for e, err := range upTo(context.Background(), source, head) {
		if copied == n {
			break
		}
		if err == nil {
			_, err = to.Append(t.Context(), e.Stream, e.Revision-1, []eventstore.Event{e.Event})
		}
		if err != nil {
			t.Fatal(err)
		}
		copied++
	}
	return copied
}

func TestMigrateRefuses(t *testing.T) {
	dir := filled(t, 3)
	other, more := memory.New(), memory.New()
	if _, err := other.Append(t.Context(), "order-0", eventstore.NoStream, []eventstore.Event{event()}); err != nil {
		t.Fatal(err)
	}
	copyOf(t, dir, more, 6)
	if _, err := more.Append(t.Context(), "order-9", eventstore.NoStream, []eventstore.Event{event()}); err != nil {
		t.Fatal(err)
	}
	open, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	busy := serving(t, memory.New())
	if _, err := run("", "migrate", "--from", dir, "--to", busy); err == nil || !strings.Contains(err.Error(), "stop the server") {
		t.Errorf("a folder in use: %v", err)
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ from, to, says string }{
		"a target that is only read": {dir, servingWith(t, memory.New(), wire.Options{}), "--to: event store is unavailable: the store does not let us"},
		"no source":                  {t.TempDir(), busy, "holds no log"},
		"no cluster":                 {dir, "http://x", "--to"},
		"another log":                {dir, serving(t, other), "another log: its event 1"},
		"a longer log":               {dir, serving(t, more), "more than the 6 events"},
	} {
		if _, err := run("", "migrate", "--from", c.from, "--to", c.to); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
}

// TestMigrateSaysWhichSideIsAway does not wait for a cluster that is not there.
func TestMigrateSaysWhichSideIsAway(t *testing.T) {
	denied := fmt.Errorf("%w: %w: no password", eventstore.ErrUnavailable, eventstore.ErrDenied)
	if err := source.failed(denied); !errors.Is(err, eventstore.ErrDenied) || !strings.HasSuffix(err.Error(), "name a user there who may read, esdb://user:password@…") {
		t.Error(err)
	}
	err := target.failed(fmt.Errorf("%w: not connected yet", eventstore.ErrUnavailable))
	if want := "--to: event store is unavailable: not connected yet; is a server running there? Run it again, and it goes on where it was"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
