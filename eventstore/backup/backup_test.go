package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/proof"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a log of two files.
type source struct{ failure error }

var root = bytes.Repeat([]byte{7}, proof.HashSize)

func (s source) Checkpoint(_ context.Context, dir string) (eventstore.Position, error) {
	return eventstore.Position{Commit: 3, Prepare: 3}, errors.Join(os.Mkdir(dir, 0o700), put(dir, "000001.log", "journal"), put(dir, "MANIFEST-000002", "tables"))
}

func (s source) CheckpointAt(_ context.Context, at eventstore.Position) ([]byte, proof.Checkpoint, error) {
	return []byte("head at " + at.String()), proof.Checkpoint{Size: 3, Root: root}, s.failure
}

func put(dir, name, text string) error {
	file := filepath.Join(dir, name)
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600))
}

func newBackups(t *testing.T, data string, s source) *Backups {
	t.Helper()
	b, err := New(data, s, s, func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// streamOf is a backup of data with keys that belong into it and keys that do not; one has a second name, as a crash leaves it.
func streamOf(t *testing.T) []byte {
	t.Helper()
	data := t.TempDir()
	if err := errors.Join(put(data, "keys/patients/ab/1.key", "wrapped"), put(data, "keys/patients/ab/.new-1", "wrapped"), put(data, "keys/audit.key", "secret"), put(data, "keys/master.key", "secret")); err != nil {
		t.Fatal(err)
	}
	taken, err := newBackups(t, data, source{}).Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	if err := errors.Join(taken.Write(t.Context(), &stream), taken.Close()); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path) // it is below
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var restored = map[string]string{"log/000001.log": "journal", "log/MANIFEST-000002": "tables", "keys/patients/ab/1.key": "wrapped"}

func TestFromOneFolderToAnother(t *testing.T) {
	dir, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
	if err := Receive(bytes.NewReader(streamOf(t)), dir); err != nil {
		t.Fatal(err)
	}
	m, err := Verify(dir)
	if err != nil || m.Position != "3" || m.Events != 3 || !bytes.Equal(m.Root, root) || m.Bytes() != 29 || len(m.Files) != 4 {
		t.Errorf("%+v, %v", m, err)
	}
	if text := content(t, dir)["manifest.json"]; text != wantManifest {
		t.Errorf("the manifest is\n%s\nwant\n%s", text, wantManifest)
	}
	if _, err := Restore(dir, data); err != nil || !maps.Equal(content(t, data), restored) {
		t.Errorf("restored %q, %v", content(t, data), err)
	}
	if err := Receive(bytes.NewReader(streamOf(t)), dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another: %v", err)
	}
}

// wantManifest is read by programs that are not written yet.
const wantManifest = `{
 "format": 1,
 "time": "2026-01-02T03:04:05Z",
 "position": "3",
 "events": 3,
 "root": "0707070707070707070707070707070707070707070707070707070707070707",
 "files": [
  {
   "name": "checkpoint",
   "size": 9,
   "sha256": "942692136d9ec9da5288690b576965ce87869fe7e825408864c07ce00cd17a03"
  },
  {
   "name": "log/000001.log",
   "size": 7,
   "sha256": "81dd6b775afcccb6dbb8a25a58ea844271bbefaeea7cb1d91c1687d7450f850c"
  },
  {
   "name": "log/MANIFEST-000002",
   "size": 6,
   "sha256": "d98a034f5cb8a0e3f07d5d8b5dc3c43723ea8d8b95199e18a82c52e072eca4dd"
  },
  {
   "name": "keys/patients/ab/1.key",
   "size": 7,
   "sha256": "adbf45b08ad6468aa147e5b2a23758ef56ab631a2b70ad52501ca358441a34f3"
  }
 ]
}
`

// TestEveryCutAndEveryChangeIsFound: a stream that ends early is refused, and one of which a byte is another is too, or gives
// the same files all the same.
func TestEveryCutAndEveryChangeIsFound(t *testing.T) {
	whole := streamOf(t)
	dir := filepath.Join(t.TempDir(), "backup")
	take := func(stream []byte) (map[string]string, error) {
		defer os.RemoveAll(dir)
		if err := Receive(bytes.NewReader(stream), dir); err != nil {
			return nil, err
		}
		if _, err := Verify(dir); err != nil {
			return nil, err
		}
		files := content(t, dir)
		delete(files, ManifestName) // the time in it may be any
		return files, nil
	}
	want, err := take(whole)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndexByte(whole, '}') // of the manifest: the zeros after it say nothing
	for n := 0; n < end; n += 41 {
		if _, err := take(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut after %d of %d bytes: %v", n, len(whole), err)
		}
		changed := slices.Clone(whole)
		changed[n] ^= 0x10
		if got, err := take(changed); err == nil && !maps.Equal(got, want) {
			t.Errorf("byte %d is another, and nobody says so", n)
		}
	}
}

func TestOnlyFilesOfABackupAreReceived(t *testing.T) {
	for _, h := range []tar.Header{
		{Name: "../x"}, {Name: "/x"}, {Name: "log/../../x"}, {Name: "log/./x"}, {Name: "x"}, {Name: "keys/audit.key"}, {Name: "log"},
		{Name: "log/x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "log/", Typeflag: tar.TypeDir},
	} {
		var stream bytes.Buffer
		w := tar.NewWriter(&stream)
		if err := errors.Join(w.WriteHeader(&h), w.Close()); err != nil {
			t.Fatal(err)
		}
		if err := Receive(&stream, filepath.Join(t.TempDir(), "b")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", h.Name, err)
		}
	}
}

func TestOneAtATime(t *testing.T) {
	data := t.TempDir()
	if err := put(data, "backup/log/old", "of a killed server"); err != nil {
		t.Fatal(err)
	}
	b := newBackups(t, data, source{})
	if got := content(t, data); len(got) > 0 {
		t.Errorf("a killed server's copy is left: %q", got)
	}
	first, err := b.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Take(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Write(ended, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("written after its end: %v", err)
	}
	if err := first.Close(); err != nil || len(content(t, data)) > 0 {
		t.Errorf("%v; left is %q", err, content(t, data))
	}
	b.heads = source{proof.ErrBehind}
	for range 2 {
		if _, err := b.Take(t.Context()); !errors.Is(err, proof.ErrBehind) || len(content(t, data)) > 0 {
			t.Errorf("without a head: %v; left is %q", err, content(t, data))
		}
	}
}
