package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

// TestCheckpointIsAPrefix copies a log while 64 writers append to it, and compares the copy event by event.
func TestCheckpointIsAPrefix(t *testing.T) {
	const writers, appends, before = 64, 50, 20
	dir := t.TempDir()
	store, err := Open(filepath.Join(dir, "log"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var warm, all sync.WaitGroup
	warm.Add(writers)
	for w := range writers {
		all.Go(func() {
			stream := fmt.Sprintf("order-%d", w)
			for n := range appends {
				if n == before {
					warm.Done()
				}
				event := eventstore.Event{ID: uuid.New(), Type: "Happened", Data: []byte("{}")}
				if _, err := store.Append(t.Context(), stream, eventstore.Revision(n-1), []eventstore.Event{event}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	warm.Wait()
	at, err := store.Checkpoint(t.Context(), filepath.Join(dir, "copy"))
	if err != nil {
		t.Error(err)
	}
	all.Wait()
	backup, err := Open(filepath.Join(dir, "copy"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Close()
	if err := backup.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	end := backup.recent.durable()
	if end < writers*before || end > writers*appends || at != positionOf(end) {
		t.Fatalf("the copy holds %d events, at %s", end, at)
	}
	for at := uint64(0); at < end; {
		got, err := backup.logPage(at, end)
		if err != nil {
			t.Fatal(err)
		}
		want, err := store.logPage(at, at+uint64(len(got)))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("the events after %d differ, %v", at, err)
		}
		at += uint64(len(got))
	}
}

// TestCheckOfACopyIsGood: a copy has nothing that a stopped server's folder would not have.
func TestCheckOfACopyIsGood(t *testing.T) {
	dir := t.TempDir()
	store, err := Open(filepath.Join(dir, "log"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for n := range 100 {
		event := eventstore.Event{ID: uuid.New(), Type: "Happened", Data: []byte("{}")}
		if _, err := store.Append(t.Context(), "order-1", eventstore.Revision(n-1), []eventstore.Event{event}); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(dir, "copy")
	if at, err := store.Checkpoint(t.Context(), copied); err != nil || at != positionOf(100) {
		t.Fatalf("at %s, %v", at, err)
	}
	if err := Check(t.Context(), copied, Options{}); err != nil {
		t.Error(err)
	}
	settings, err := filepath.Glob(filepath.Join(copied, "OPTIONS-*"))
	if err != nil || len(settings) != 1 {
		t.Fatal(settings, err)
	}
	text, err := os.ReadFile(settings[0])
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(string(text), "max_open_files=", "max_open_files=1", 1)
	if err := os.WriteFile(settings[0], []byte(later), 0o600); err != nil || later == string(text) {
		t.Fatal(err)
	}
	if err := Check(t.Context(), copied, Options{}); err == nil {
		t.Error("settings that are not this program's are taken")
	}
	if err := Check(t.Context(), copied, Options{OtherVersions: true}); err != nil {
		t.Errorf("settings of another version: %v", err)
	}
	if _, err := store.Checkpoint(t.Context(), copied); err == nil {
		t.Error("a copy was made over another")
	}
}
