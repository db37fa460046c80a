package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"orderengine/eventstore"
)

// heldDisk is a disk whose journal syncs wait, or fail, as a test says.
type heldDisk struct {
	vfs.FS
	held atomic.Pointer[chan error] // what a sync answers is received here; nil: syncs go through
}

func newHeldDisk() *heldDisk {
	d := new(heldDisk)
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		if held := d.held.Load(); held != nil && isSync && strings.HasSuffix(op.Path, ".log") {
			return <-*held
		}
		return nil
	}))
	return d
}

// hold makes syncs wait for what is sent to the channel; to close it lets all go through.
func (d *heldDisk) hold() chan error {
	held := make(chan error)
	d.held.Store(&held)
	return held
}

func openOn(t *testing.T, fs vfs.FS, o Options) *Store {
	t.Helper()
	o.FS, o.Logger = fs, quiet
	s, err := Open("log", o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someEvents(n int) []eventstore.Event {
	made := make([]eventstore.Event, n)
	for i := range made {
		made[i] = eventstore.Event{ID: uuid.New(), Type: "Tested", Data: []byte("{}")}
	}
	return made
}

// appendLater sends one append and answers when it is done.
func appendLater(ctx context.Context, s *Store, stream string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := s.Append(ctx, stream, eventstore.NoStream, someEvents(1))
		done <- err
	}()
	return done
}

// until polls until it holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

func TestFailedSyncIsForGood(t *testing.T) {
	disk := newHeldDisk()
	s := openOn(t, disk, Options{})
	before, err := s.Append(t.Context(), "kept-1", eventstore.NoStream, someEvents(2))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is broken")
	held := disk.hold()
	done := appendLater(t.Context(), s, "lost-1")
	held <- broken
	if err := <-done; !errors.Is(err, eventstore.ErrUnknownOutcome) || !errors.Is(err, broken) {
		t.Errorf("append whose sync failed: %v, want ErrUnknownOutcome and the disk's error", err)
	}
	close(held) // the disk works again, but nobody knows what it holds
	for range 3 {
		_, err := s.Append(t.Context(), "late-1", eventstore.NoStream, someEvents(1))
		if !errors.Is(err, eventstore.ErrUnavailable) || !errors.Is(err, broken) {
			t.Errorf("append after a failed commit: %v, want ErrUnavailable and the disk's error", err)
		}
	}
	if head, err := s.Head(t.Context()); err != nil || head != before.Position {
		t.Errorf("head %v, %v, want %v", head, err, before.Position)
	}
	for e, err := range s.ReadStream(t.Context(), "lost-1", 0) {
		t.Errorf("an event that may not be durable was shown: %v, %v", e.Position, err)
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	_ = s.Close() // may tell of the broken journal
}

func TestNothingIsShownBeforeItsSync(t *testing.T) {
	disk := newHeldDisk()
	s := openOn(t, disk, Options{})
	held := disk.hold()
	done := appendLater(t.Context(), s, "slow-1")
	until(t, "pebble has the batch", func() bool {
		_, err := positionAt(s.db, "slow-1", 0)
		return err == nil
	})
	for e := range s.ReadStream(t.Context(), "slow-1", 0) {
		t.Errorf("shown before its sync: %v", e.Position)
	}
	if head, err := s.Head(t.Context()); err != nil || head != (eventstore.Position{}) {
		t.Errorf("head %v, %v before the first sync", head, err)
	}
	close(held)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	n := 0
	for range s.ReadStream(t.Context(), "slow-1", 0) {
		n++
	}
	if n != 1 {
		t.Errorf("%d events after the sync, want 1", n)
	}
	closeVerified(t, s)
}

func closeVerified(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Verify(context.Background()); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestOverload(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		taken   int
	}{
		"appends": {Options{QueueAppends: 5}, 5},
		"bytes":   {Options{QueueBytes: 9}, 4}, // of two bytes each
	} {
		t.Run(name, func(t *testing.T) {
			disk := newHeldDisk()
			s := openOn(t, disk, c.options)
			held := disk.hold()
			first := appendLater(t.Context(), s, "first-1")
			until(t, "the writer waits for the disk", func() bool {
				_, err := positionAt(s.db, "first-1", 0)
				return err == nil
			})
			var queued []<-chan error
			for i := range c.taken {
				queued = append(queued, appendLater(t.Context(), s, fmt.Sprintf("queued-%d", i)))
				until(t, "it is queued", func() bool { return len(s.queue) == i+1 })
			}
			_, err := s.Append(t.Context(), "late-1", eventstore.NoStream, someEvents(1))
			if !errors.Is(err, eventstore.ErrOverloaded) {
				t.Errorf("append to a full queue: %v, want ErrOverloaded", err)
			}
			close(held)
			for _, done := range append(queued, first) {
				if err := <-done; err != nil {
					t.Errorf("append that was queued: %v", err)
				}
			}
			if _, err := s.Append(t.Context(), "late-1", eventstore.NoStream, someEvents(1)); err != nil {
				t.Errorf("append after the overload: %v", err)
			}
			closeVerified(t, s)
		})
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	disk := newHeldDisk()
	s := openOn(t, disk, Options{})
	held := disk.hold()
	ctx, cancel := context.WithCancel(t.Context())
	done := appendLater(ctx, s, "gone-1")
	until(t, "the writer waits for the disk", func() bool {
		_, err := positionAt(s.db, "gone-1", 0)
		return err == nil
	})
	cancel()
	if err := <-done; !errors.Is(err, eventstore.ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want ErrUnknownOutcome and context.Canceled", err)
	}
	close(held)
	closeVerified(t, s)
}

func TestCloseFinishesWhatIsQueued(t *testing.T) {
	disk := newHeldDisk()
	s := openOn(t, disk, Options{})
	held := disk.hold()
	queued := []<-chan error{appendLater(t.Context(), s, "queued-0")}
	until(t, "the writer waits for the disk", func() bool {
		_, err := positionAt(s.db, "queued-0", 0)
		return err == nil
	})
	for i := 1; i < 10; i++ {
		queued = append(queued, appendLater(t.Context(), s, fmt.Sprintf("queued-%d", i)))
	}
	until(t, "the rest is queued", func() bool { return len(s.queue) == 9 })
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	until(t, "closing began", func() bool { return s.mayFollow(t.Context()) != nil })
	close(held)
	if err := <-closed; err != nil {
		t.Fatalf("close: %v", err)
	}
	for _, done := range queued {
		if err := <-done; err != nil {
			t.Errorf("append that was queued: %v", err)
		}
	}
	disk.held.Store(nil)
	s = openOn(t, disk, Options{})
	if head, err := s.Head(t.Context()); err != nil || head != positionOf(10) {
		t.Errorf("head %v, %v after reopening, want 10", head, err)
	}
	closeVerified(t, s)
}

const lockedFolderVariable = "EVENTSTORE_TEST_LOCKED_FOLDER"

func TestLocked(t *testing.T) {
	if dir, ok := os.LookupEnv(lockedFolderVariable); ok {
		wantLocked(t, dir) // as the second process
		return
	}
	dir := t.TempDir()
	s, err := Open(dir, Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	wantLocked(t, dir)
	other := exec.Command(os.Args[0], "-test.run=^TestLocked$")
	other.Env = append(os.Environ(), lockedFolderVariable+"="+dir)
	if out, err := other.CombinedOutput(); err != nil {
		t.Errorf("in a second process: %v\n%s", err, out)
	}
	closeVerified(t, s)
	if s, err = Open(dir, Options{Logger: quiet}); err != nil {
		t.Fatalf("open after close: %v", err)
	}
	closeVerified(t, s)
}

func wantLocked(t *testing.T, dir string) {
	t.Helper()
	_, err := Open(dir, Options{Logger: quiet})
	if !errors.Is(err, eventstore.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second open: %v, want ErrLocked with %s", err, dir)
	}
}

func TestUnknownFormat(t *testing.T) {
	for name, write := range map[string]func(*pebble.DB) error{
		"later":     func(db *pebble.DB) error { return db.Set(formatKey, []byte("orderengine log 2"), pebble.Sync) },
		"a foreign": func(db *pebble.DB) error { return db.Set([]byte("key"), []byte("value"), pebble.Sync) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			tamper(t, fs, write)
			_, err := Open("log", Options{FS: fs, Logger: quiet})
			if err == nil || !strings.Contains(err.Error(), "format") {
				t.Errorf("%v, want an error that tells of the format", err)
			}
		})
	}
}

// tamper changes the files below a store that is closed.
func tamper(t *testing.T, fs vfs.FS, write func(*pebble.DB) error) {
	t.Helper()
	db, err := pebble.Open("log", Options{FS: fs, Logger: quiet}.withDefaults().pebbleOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyNamesTheFirstBadPosition(t *testing.T) {
	damages := map[string]struct {
		write func(*pebble.DB) error
		want  string
	}{
		"flipped byte": {func(db *pebble.DB) error {
			value, closer, err := db.Get(recordKey(7))
			if err != nil {
				return err
			}
			damaged := append([]byte(nil), value...)
			damaged[len(damaged)-1] ^= 1
			return errors.Join(closer.Close(), db.Set(recordKey(7), damaged, pebble.Sync))
		}, "position 7:"},
		"missing record":    {func(db *pebble.DB) error { return db.Delete(recordKey(5), pebble.Sync) }, "position 5:"},
		"missing first":     {func(db *pebble.DB) error { return db.Delete(recordKey(1), pebble.Sync) }, "position 1:"},
		"missing index":     {func(db *pebble.DB) error { return db.Delete(indexKey("b-1", 2), pebble.Sync) }, "position 6:"},
		"index elsewhere":   {func(db *pebble.DB) error { return db.Set(indexKey("b-1", 2), recordKey(3)[1:], pebble.Sync) }, "position 6:"},
		"index too far":     {func(db *pebble.DB) error { return db.Set(indexKey("b-1", 5), recordKey(8)[1:], pebble.Sync) }, "position 8:"},
		"index of no event": {func(db *pebble.DB) error { return db.Set(indexKey("b-2", 0), recordKey(8)[1:], pebble.Sync) }, "9 entries for 8"},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := openOn(t, fs, Options{})
			for i := range eventstore.Revision(4) {
				for _, stream := range []string{"a-1", "b-1"} {
					if _, err := s.Append(t.Context(), stream, i-1, someEvents(1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			closeVerified(t, s)
			tamper(t, fs, damage.write)
			s = openOn(t, fs, Options{})
			err := s.Verify(t.Context())
			if !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), damage.want) {
				t.Errorf("verify: %v, want ErrCorrupt with %q", err, damage.want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReadersReportDamage(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs, Options{})
	if _, err := s.Append(t.Context(), "a-1", eventstore.NoStream, someEvents(3)); err != nil {
		t.Fatal(err)
	}
	closeVerified(t, s)
	tamper(t, fs, func(db *pebble.DB) error { return db.Set(recordKey(2), []byte("rubbish"), pebble.Sync) })
	s = openOn(t, fs, Options{})
	var err error
	for _, err = range s.ReadStream(t.Context(), "a-1", 0) {
	}
	if !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), "position 2:") {
		t.Errorf("read: %v, want ErrCorrupt at position 2", err)
	}
	for _, err = range s.Follow(t.Context(), eventstore.Position{}) {
	}
	if !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), "position 2:") {
		t.Errorf("follow: %v, want ErrCorrupt at position 2", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	tamper(t, fs, func(db *pebble.DB) error { return db.Set(recordKey(3), []byte("rubbish"), pebble.Sync) })
	if _, err := Open("log", Options{FS: fs, Logger: quiet}); !errors.Is(err, eventstore.ErrCorrupt) {
		t.Errorf("open: %v, want ErrCorrupt of the last event", err)
	}
}

func TestFollowAfterTheHeadIsRefused(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{})
	for _, after := range []eventstore.Position{positionOf(1), {Commit: 0, Prepare: 1}} {
		for _, err := range s.Follow(t.Context(), after) {
			if !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("follow after %v: %v, want ErrInvalid", after, err)
			}
		}
	}
	closeVerified(t, s)
}
