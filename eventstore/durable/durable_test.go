package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCreateLeavesWhatIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := Create(file, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := Create(file, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	wantAlone(t, file, "first")
}

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for _, content := range []string{"first", "second"} {
		if err := Replace(file, []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantAlone(t, file, content)
	}
}

// TestOthersMayRemoveWhatIsUnfinished: servers that share a folder start while others make files there.
func TestOthersMayRemoveWhatIsUnfinished(t *testing.T) {
	dir, removed := t.TempDir(), false
	link := func(from, to string) error {
		if !removed {
			removed = true
			if err := RemoveUnfinished(dir); err != nil {
				t.Error(err)
			}
		}
		return os.Link(from, to)
	}
	file := filepath.Join(dir, "key")
	if err := place(file, []byte("first"), link); err != nil {
		t.Fatal(err)
	}
	wantAlone(t, file, "first")
	if err := RemoveUnfinished(dir); err != nil {
		t.Fatal(err)
	}
	wantAlone(t, file, "first")
}

// wantAlone wants a file with a content, for its owner alone, and no other in its folder.
func wantAlone(t *testing.T, file, content string) {
	t.Helper()
	is, err := os.ReadFile(file)
	if err != nil || string(is) != content {
		t.Errorf("holds %q, %v, want %q", is, err, content)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder has %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none", "key")
	for name, err := range map[string]error{"create": Create(file, nil), "replace": Replace(file, nil), "sync": SyncDir(filepath.Dir(file)), "remove": RemoveUnfinished(filepath.Dir(file))} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
}
