package embeddedview_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/projections"
	"orderengine/projections/embeddedview"
	"orderengine/projections/viewtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ viewtest.Dumper = (*embeddedview.Store)(nil)

func TestViews(t *testing.T) { viewtest.Run(t, harness(mustOpen)) }

// TestViewsOnTheWayIntoTheDatabase has nearly every commit write out what is recent, and so finds it in both.
func TestViewsOnTheWayIntoTheDatabase(t *testing.T) {
	viewtest.Run(t, harness(func(t testing.TB, dir string) *embeddedview.Store {
		store := mustOpen(t, dir)
		store.KeepRecent(3)
		return store
	}))
}

func harness(open func(t testing.TB, dir string) *embeddedview.Store) func(*testing.T) viewtest.Harness {
	return func(t *testing.T) viewtest.Harness {
		dir := t.TempDir()
		store := open(t, dir)
		return viewtest.Harness{Views: store, Reopen: func(t *testing.T) projections.Views {
			if err := store.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			store = open(t, dir)
			return store
		}}
	}
}

func mustOpen(t testing.TB, dir string) *embeddedview.Store {
	t.Helper()
	store, err := embeddedview.Open(dir, embeddedview.Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store
}

func commit(t testing.TB, store *embeddedview.Store, from, to uint64, ops ...projections.Op) {
	t.Helper()
	b := projections.Batch{From: position(from), To: position(to), Ops: ops}
	if err := store.Commit(t.Context(), b); err != nil {
		t.Fatalf("commit to %d: %v", to, err)
	}
}

// TestABatchOfMoreIndexesThanAreCached comes back to an index that was dropped from memory meanwhile.
func TestABatchOfMoreIndexesThanAreCached(t *testing.T) {
	store := mustOpen(t, t.TempDir())
	var ops []projections.Op
	for i := range embeddedview.CachedIndexes + 1 {
		ops = append(ops, projections.Op{Kind: projections.List, Key: strconv.Itoa(i), Member: "a"})
	}
	ops = append(ops, projections.Op{Kind: projections.List, Key: "0", Member: "b"})
	if err := store.Commit(t.Context(), projections.Batch{To: position(1), Ops: ops, Exact: true}); err != nil {
		t.Fatal(err)
	}
	page, err := store.Page(t.Context(), "0", projections.Cut{Limit: 10})
	if err != nil || page.Total != 2 || !slices.Equal(page.Members, []string{"a", "b"}) {
		t.Errorf("the index has %d members, %q, %v; want a and b", page.Total, page.Members, err)
	}
}

func position(n uint64) eventstore.Position { return eventstore.Position{Commit: n, Prepare: n} }

func TestSecondOpenIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	first := mustOpen(t, dir)
	commit(t, first, 0, 1)
	if _, err := embeddedview.Open(dir+"/", embeddedview.Options{}); !errors.Is(err, embeddedview.ErrLocked) {
		t.Errorf("second open: %v, want %v", err, embeddedview.ErrLocked)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if p, err := mustOpen(t, dir).Checkpoint(t.Context()); err != nil || p != position(1) {
		t.Errorf("checkpoint after the first is closed: %s, %v", p, err)
	}
}

func TestOpenSaysWhatTheFileSystemSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embeddedview.Open(filepath.Join(file, "views"), embeddedview.Options{})
	var path *fs.PathError
	if !errors.As(err, &path) || errors.Is(err, embeddedview.ErrDamaged) || errors.Is(err, embeddedview.ErrLocked) {
		t.Errorf("open below a file: %v, want the file system's error", err)
	}
}

// TestDamagedFolderMayBeDeleted damages the file that names the others, which Open finds, and the tables, which reads find.
func TestDamagedFolderMayBeDeleted(t *testing.T) {
	for _, damage := range []string{"MANIFEST-*", "*.sst"} {
		t.Run(damage, func(t *testing.T) {
			dir := t.TempDir()
			fillTables(t, dir)
			scribble(t, filepath.Join(dir, damage))
			err := openAndRead(t, dir)
			if !errors.Is(err, embeddedview.ErrDamaged) || !strings.Contains(err.Error(), "may be deleted") || !strings.Contains(err.Error(), dir) {
				t.Fatalf("reading a damaged folder: %v, want %v with its name", err, embeddedview.ErrDamaged)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			commit(t, mustOpen(t, dir), 0, 1)
		})
	}
}

// fillTables leaves a document in a table, where Close moves what was only logged.
func fillTables(t *testing.T, dir string) {
	t.Helper()
	store := mustOpen(t, dir)
	for n := range uint64(50) {
		commit(t, store, n, n+1, projections.Op{Kind: projections.Put, Key: "a", Value: []byte(strings.Repeat("x", 1000))})
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func openAndRead(t *testing.T, dir string) error {
	store, err := embeddedview.Open(dir, embeddedview.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = store.Get(t.Context(), "a")
	return errors.Join(err, store.Close())
}

// scribble overwrites the middle of the files.
func scribble(t *testing.T, pattern string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(content) / 4; i < len(content)/2; i++ {
			content[i] ^= 0x5A
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	store := mustOpen(t, t.TempDir())
	for range 2 {
		if err := store.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	_, errGet := store.Get(t.Context(), "a")
	_, errPage := store.Page(t.Context(), "i", projections.Cut{Limit: 1})
	_, errCheckpoint := store.Checkpoint(t.Context())
	for call, err := range map[string]error{
		"Get": errGet, "Page": errPage, "Checkpoint": errCheckpoint,
		"Commit": store.Commit(t.Context(), projections.Batch{To: position(1)}), "Wipe": store.Wipe(t.Context()),
	} {
		if !errors.Is(err, projections.ErrUnavailable) {
			t.Errorf("%s after Close: %v, want %v", call, err, projections.ErrUnavailable)
		}
	}
}
