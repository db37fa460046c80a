// Package embeddedview keeps the views in a folder of this machine, in a pebble database.
//
// What the last commits changed is kept in memory and written, with the checkpoint, as one atomic batch that is
// not synced: a crash may lose the last commits, but never parts of one, and the follower goes on from the
// checkpoint that is left. Every read is of one moment, the one its checkpoint names.
package embeddedview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"orderengine/eventstore"
	"orderengine/projections"
)

var (
	// ErrLocked: another process, or another Store of this one, has the folder open. Stop that one first.
	ErrLocked = errors.New("views folder is in use by another process")
	// ErrFormat: the folder was written by another version of this program, or is not a views folder. If
	// it is, delete it: the views are rebuilt from the log.
	ErrFormat = errors.New("views folder has a format that this program does not know")
	// ErrDamaged: the folder is not what was written. Delete it: the views are rebuilt from the log.
	ErrDamaged = errors.New("views folder is damaged; it may be deleted, the views are rebuilt from the log")
)

// cachedIndexes bounds the indexes whose counts are kept in memory, at about 200 bytes each.
const cachedIndexes = 1 << 17

// Options may be left zero.
type Options struct {
	// Logger gets the database's errors and warnings; nil means slog.Default().
	Logger *slog.Logger
}

func (o Options) logger() *slog.Logger { return cmp.Or(o.Logger, slog.Default()) }

// Store is a [projections.Views] in a folder. It is safe for concurrent use.
type Store struct {
	dir  string
	db   *pebble.DB
	lock *pebble.Lock

	// life is held shared by every call and exclusively by Close, since a closed database panics.
	life   sync.RWMutex
	closed bool
	moved  atomic.Bool // another set has taken over

	// commits is held by who changes the views: one at a time changes what is recent, and has the indexes.
	commits sync.Mutex
	recent  recent
	indexes *simplelru.LRU[string, *index]
}

var _ projections.Views = (*Store)(nil)

// Open opens the views in the folder dir, which is made if it is missing. It fails with [ErrLocked],
// [ErrFormat] or [ErrDamaged], or with what the file system says.
func Open(dir string, opts Options) (*Store, error) {
	return open(filepath.Clean(dir), tuned(opts.Logger, vfs.Default))
}

func open(dir string, opts *pebble.Options) (*Store, error) {
	lock, err := lockFolder(dir, opts.FS)
	if err != nil {
		return nil, err
	}
	opts.Lock = lock
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, errors.Join(openError(dir, err), lock.Close())
	}
	s, err := newStore(dir, db, lock)
	if err != nil {
		return nil, errors.Join(err, db.Close(), lock.Close())
	}
	return s, nil
}

func lockFolder(dir string, files vfs.FS) (*pebble.Lock, error) {
	if err := files.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("views folder: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, files)
	var path *fs.PathError // the lock file cannot even be made
	if errors.As(err, &path) {
		return nil, fmt.Errorf("views folder: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrLocked, dir, err)
	}
	return lock, nil
}

// openError tells damage from what the file system forbids.
func openError(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
		return fmt.Errorf("views folder %s: %w", dir, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, dir, err)
}

func newStore(dir string, db *pebble.DB, lock *pebble.Lock) (*Store, error) {
	indexes, err := simplelru.NewLRU[string, *index](cachedIndexes, nil)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, db: db, lock: lock, indexes: indexes}
	at, err := readCheckpoint(db)
	if err != nil {
		return nil, s.explain(err)
	}
	s.recent = newRecent(at)
	if at == (eventstore.Position{}) {
		return s, s.explain(s.checkOurs())
	}
	return s, nil
}

// checkOurs refuses a database that has entries but never had a checkpoint: it is not one of views.
func (s *Store) checkOurs() error {
	_, closer, err := s.db.Get(checkpointKey)
	if err == nil {
		return closer.Close()
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	entries, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	if entries.First() {
		err = ErrFormat
	}
	return errors.Join(err, entries.Close())
}

// Close waits for the calls that are under way and closes the folder, in an order that makes the next Open
// quick: nothing is left in the write-ahead log. Calls after it fail with
// [projections.ErrUnavailable]; closing again does nothing.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.explain(s.flush()), s.db.Flush(), s.db.Close(), s.lock.Close())
}

// enter admits a call until leave; it refuses one whose caller is gone, and all after Close or when another set
// has taken over.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return fmt.Errorf("%w: the views folder is closed", projections.ErrUnavailable)
	}
	if s.moved.Load() {
		s.life.RUnlock()
		return projections.ErrMoved
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// explain names the folder, and says of damage what can be done about it.
func (s *Store) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %s: %w", ErrDamaged, s.dir, err)
	default:
		return fmt.Errorf("views folder %s: %w", s.dir, err)
	}
}
