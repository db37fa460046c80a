package embedded

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderengine/eventstore"
)

// tiny is a store that is opened quickly. Pebble looks for the bit that a wrong checksum is due to, which takes a time
// that grows with the square of a block.
func tiny(fs vfs.FS) Options {
	return Options{FS: fs, Logger: quiet, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, RecentEvents: 16, StreamHeads: 16, QueueAppends: 16, blockBytes: 1 << 10}
}

// thousand is a closed log of 1,000 small events: some in tables, the last ones only in the journal.
func thousand(t testing.TB) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	n := 0
	for _, until := range []int{400, 800, 1000} {
		s, err := Open("log", tiny(fs))
		if err != nil {
			t.Fatal(err)
		}
		for ; n < until; n++ {
			e := eventstore.Event{ID: eventstore.EventID(uuid.NameSpaceOID, n), Type: "E", Data: fmt.Appendf(nil, "%d", n), Metadata: []byte("{}")}
			if _, err := s.Append(t.Context(), fmt.Sprintf("s-%d", n%50), eventstore.Revision(n/50-1), []eventstore.Event{e}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

// flipped is a file system in which one byte of one file is another. Nothing below it is written.
type flipped struct {
	vfs.FS
	name   string
	offset int64
	mask   byte
}

func (f flipped) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f flipped) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, o...)
	if err != nil || path.Base(name) != f.name {
		return file, err
	}
	return &flippedFile{File: file, flip: f}, nil
}

type flippedFile struct {
	vfs.File
	flip flipped
	at   int64
}

func (f *flippedFile) change(b []byte, at int64) {
	if i := f.flip.offset - at; i >= 0 && i < int64(len(b)) {
		b[i] ^= f.flip.mask
	}
}

func (f *flippedFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	f.change(b[:n], f.at)
	f.at += int64(n)
	return n, err
}

func (f *flippedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	f.change(b[:n], at)
	return n, err
}

// contents is what stands in the folder.
func contents(t testing.TB, fs vfs.FS) map[string]string {
	t.Helper()
	names, err := fs.List("log")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin("log", name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

var namesAPlace = regexp.MustCompile(`first bad position [1-9][0-9]*\b|no bad position, all events up to 1000 can be read`)

// position is the one that an error names.
func position(t *testing.T, err error) (n uint64) {
	if _, scan := fmt.Sscanf(namesAPlace.FindString(err.Error()), "first bad position %d", &n); scan != nil {
		t.Error(scan)
	}
	return n
}

// readable is how many events a server that opened the log so would give before an error or the end.
func readable(t *testing.T, f flipped) (n uint64) {
	o := tiny(f)
	o.ReadOnly = true
	s, err := openChecked("log", o)
	if err != nil {
		return 0
	}
	defer s.Close()
	for end := s.recent.durable(); n < end; {
		page, err := s.logPage(n, end)
		if err != nil {
			break
		}
		n += uint64(len(page))
	}
	return n
}

// TestEveryFlippedByteIsFound flips bytes of a log of 1,000 events: some thousands that are drawn, or with FLIP=all each
// byte of each file (minutes). Not one may go unseen; there is no exception.
func TestEveryFlippedByteIsFound(t *testing.T) {
	fs := thousand(t)
	before := contents(t, fs)
	if err := Check(t.Context(), "log", tiny(fs)); err != nil {
		t.Fatalf("of a log that is right: %v", err)
	}
	seed := uint64(time.Now().UnixNano())
	random, share := rand.New(rand.NewPCG(seed, 0)), 0.02
	if os.Getenv("FLIP") == "all" {
		share = 1
	}
	t.Logf("seed %d", seed)
	flips := make(chan flipped)
	var found, harmless, unseen atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for f := range flips {
				err := Check(t.Context(), "log", tiny(f))
				switch {
				case err == nil:
					unseen.Add(1)
					t.Errorf("%s: byte %d changed by %02x goes unseen", f.name, f.offset, f.mask)
				case !errors.Is(err, eventstore.ErrCorrupt) || !namesAPlace.MatchString(err.Error()):
					t.Errorf("%s: byte %d changed by %02x: %v", f.name, f.offset, f.mask, err)
				default:
					good := readable(t, f)
					if strings.Contains(err.Error(), "no bad position") {
						harmless.Add(1)
						if good != 1000 {
							t.Errorf("%s: byte %d changed by %02x: only %d events can be read: %v", f.name, f.offset, f.mask, good, err)
						}
					} else if named := position(t, err); named > good+1 {
						t.Errorf("%s: byte %d changed by %02x: position %d cannot be read: %v", f.name, f.offset, f.mask, good+1, err)
					}
				}
				found.Add(1)
			}
		})
	}
	for name, text := range before {
		for offset := range len(text) {
			if random.Float64() < share {
				flips <- flipped{fs, name, int64(offset), 1 << random.IntN(8)}
			}
		}
		t.Logf("%s: %d bytes", name, len(text))
	}
	close(flips)
	workers.Wait()
	t.Logf("%d flips found, %d unseen; with %d of them every event can still be read", found.Load()-unseen.Load(), unseen.Load(), harmless.Load())
	for name, text := range contents(t, fs) {
		if before[name] != text {
			t.Errorf("checking changed %s", name)
		}
		delete(before, name)
	}
	if len(before) > 0 {
		t.Errorf("checking removed %v", before)
	}
}

// TestCheckOfAKilledServer: what was answered is all there, and what a crash leaves is no damage.
func TestCheckOfAKilledServer(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := Open("log", tiny(fs))
	if err != nil {
		t.Fatal(err)
	}
	doubtful := 0
	for n := range 3000 { // of many journals, whose files are used again
		events := someEvents(10)
		for i := range events {
			events[i].Data = make([]byte, n*37%101)
		}
		if _, err := s.Append(t.Context(), "s-1", eventstore.Revision(10*n-1), events); err != nil {
			t.Fatal(err)
		}
		if n%100 == 0 {
			crashed := fs.CrashClone(vfs.CrashCloneCfg{})
			err := Check(t.Context(), "log", tiny(crashed))
			if err != nil && strings.Contains(err.Error(), fmt.Sprintf("first bad position %d; damaged files: 0", 10*(n+1)+1)) && doubtful < 3 {
				doubtful++ // the file ends within a record of its earlier use: none that was answered is called bad
			} else if err != nil {
				t.Fatalf("after %d events: %v", 10*(n+1), err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), "log", tiny(fs)); err != nil {
		t.Error(err)
	}
}

func TestCheckNeedsTheFolderForItself(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs, Options{})
	if err := Check(t.Context(), "log", Options{FS: fs, Logger: quiet}); !errors.Is(err, eventstore.ErrLocked) {
		t.Errorf("of an open log: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), "elsewhere", Options{FS: fs, Logger: quiet}); err == nil {
		t.Error("a log that is not there is right")
	}
}

// TestCheckNamesFiles that are cut, that are missing, and that are not the log's.
func TestCheckNamesFiles(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(fs *vfs.MemFS, name string) error
		file *regexp.Regexp
		says string
	}{
		"journal cut":  {cut, regexp.MustCompile(`\.log$`), "first bad position"},
		"table cut":    {cut, regexp.MustCompile(`\.sst$`), "first bad position"},
		"no table":     {func(fs *vfs.MemFS, name string) error { return fs.Remove(name) }, regexp.MustCompile(`\.sst$`), "first bad position"},
		"settings cut": {cut, regexp.MustCompile(`^OPTIONS`), "no bad position, all events up to 1000"},
		"something else": {func(fs *vfs.MemFS, _ string) error {
			return errors.Join(fs.MkdirAll("log", 0o700), write(fs, "log/notes.txt", "x"))
		}, regexp.MustCompile(`^LOCK$`), "notes.txt: it is no file of the log"},
		"a full marker": {func(fs *vfs.MemFS, name string) error { return write(fs, name, "x") }, regexp.MustCompile(`^marker\.manifest`), "where nothing is written"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := thousand(t)
			for file := range contents(t, fs) {
				if c.file.MatchString(file) {
					if err := c.do(fs, fs.PathJoin("log", file)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := Check(t.Context(), "log", tiny(fs)); !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// cut takes the last third of a file away.
func cut(fs *vfs.MemFS, name string) error {
	f, err := fs.Open(name)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	return errors.Join(err, f.Close(), write(fs, name, string(text[:len(text)*2/3])))
}

func write(fs *vfs.MemFS, name, text string) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

func TestReadOnlyTakesNothing(t *testing.T) {
	fs := thousand(t)
	before := contents(t, fs)
	o := tiny(fs)
	o.ReadOnly = true
	s, err := Open("log", o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "s-1", eventstore.NoStream, someEvents(1)); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("append: %v", err)
	}
	if head, err := s.Head(t.Context()); err != nil || head != positionOf(1000) {
		t.Errorf("head %v %v", head, err)
	}
	closeVerified(t, s)
	for name, text := range contents(t, fs) {
		if before[name] != text {
			t.Errorf("%s was changed", name)
		}
	}
}
