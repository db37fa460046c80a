// Package embedded is the default event store: one process, one folder, cockroachdb/pebble below.
//
// Callers put their appends in a bounded queue. One goroutine, the writer, takes all that waits, checks
// each against its stream, gives out revisions and positions, commits the lot as one pebble batch with
// one fsync, and only then answers and shows the events to readers. So the store needs no lock around a
// stream, the number of fsyncs falls as load rises, and nobody ever sees an event that a crash could
// take back.
//
// Positions count from 1 without gaps. After a failed commit nobody knows what the disk holds: the store
// takes no more appends until it is opened again.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderengine/eventstore"
	"orderengine/eventstore/pebbles"
)

// formatVersion is that of the keys and of how they hang together; a record has its own.
const formatVersion = "orderengine log 1"

// Store is an open folder. Make one with [Open]; it is safe for use by many goroutines.
type Store struct {
	db     *pebble.DB
	fs     vfs.FS
	log    *slog.Logger
	writer *writer
	recent *recent

	queue       chan *appending
	maxQueued   int64
	readOnly    bool
	queuedBytes atomic.Int64

	mu      sync.RWMutex // held for reading while the queue or db is used, for writing to close them
	closed  bool
	closing chan struct{} // closed with the store: followers end
	close   func() error
}

var _ eventstore.Store = (*Store)(nil)

// Open opens the log in the folder dir, and makes it if there is none. It fails with
// [eventstore.ErrLocked] if the folder is open already, here or in another process, and with
// [eventstore.ErrCorrupt] if the last event cannot be read.
func Open(dir string, options Options) (*Store, error) {
	o := options.withDefaults()
	if options.FS == nil {
		// The lock is by name within a process: one folder must have one name.
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("open event store: %w", err)
		}
		dir = abs
	}
	db, err := pebble.Open(dir, o.pebbleOptions())
	if pebbles.IsLocked(err) {
		return nil, fmt.Errorf("%w: %s", eventstore.ErrLocked, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open event store in %s: %w", dir, err)
	}
	last, err := prepare(db, o.ReadOnly)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open event store in %s: %w", dir, err), db.Close())
	}
	return start(db, last, o), nil
}

func start(db *pebble.DB, last uint64, o Options) *Store {
	s := &Store{
		db:        db,
		fs:        o.FS,
		log:       o.Logger,
		recent:    newRecent(last, o.RecentEvents, o.RecentBytes),
		queue:     make(chan *appending, o.QueueAppends),
		maxQueued: o.QueueBytes,
		readOnly:  o.ReadOnly,
		closing:   make(chan struct{}),
	}
	s.writer = newWriter(s, last, o)
	s.close = sync.OnceValue(s.shutDown)
	go s.writer.run()
	return s
}

// prepare checks or writes the format and finds the last position.
func prepare(db *pebble.DB, readOnly bool) (last uint64, err error) {
	if err := checkFormat(db, readOnly); err != nil {
		return 0, err
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{recordPrefix}, UpperBound: []byte{recordPrefix + 1}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return 0, it.Error()
	}
	last, ok := parseRecordKey(it.Key())
	if !ok {
		return 0, fmt.Errorf("%w: key %x is not a position", eventstore.ErrCorrupt, it.Key())
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return 0, corruptAt(last, err)
	}
	_, err = decodeRecord(last, value)
	return last, err
}

// checkFormat reads the format, or writes it if there is nothing at all.
func checkFormat(db *pebble.DB, readOnly bool) error {
	found, closer, err := db.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return markFormat(db, readOnly)
	}
	if err != nil {
		return fmt.Errorf("read the format: %w", err)
	}
	defer closer.Close()
	if string(found) != formatVersion {
		return fmt.Errorf("format %q is not known to this program, which reads %q", found, formatVersion)
	}
	return nil
}

func markFormat(db *pebble.DB, readOnly bool) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return err
	}
	empty := !it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if empty && readOnly {
		return fmt.Errorf("%w: position 1: not even the format is there", eventstore.ErrCorrupt)
	}
	if !empty {
		return errors.New("the folder holds something else: it has no format")
	}
	return db.Set(formatKey, []byte(formatVersion), pebble.Sync)
}

// Close stops taking appends, finishes those that are queued, ends the followers, waits for all
// goroutines of the store, and frees the folder. All calls get the first one's answer.
func (s *Store) Close() error { return s.close() }

func (s *Store) shutDown() error {
	s.mu.Lock()
	s.closed = true
	close(s.queue)
	close(s.closing)
	s.mu.Unlock()
	<-s.writer.done
	if s.writer.horked {
		return fmt.Errorf("close event store: left open after a failed commit; end the process: %w", s.writer.failed)
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close event store: %w", err)
	}
	return nil
}

// use keeps the store open until the function it returns is called.
func (s *Store) use() (release func(), err error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, eventstore.ErrClosed
	}
	return s.mu.RUnlock, nil
}

// Append implements [eventstore.Appender]. After a failed commit it answers
// [eventstore.ErrUnavailable] until the store is opened again.
func (s *Store) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	if err := eventstore.CheckAppend(stream, expected, events); err != nil {
		return eventstore.Receipt{}, err
	}
	if s.readOnly {
		return eventstore.Receipt{}, fmt.Errorf("%w: the log was opened to be read only", eventstore.ErrInvalid)
	}
	a := newAppending(ctx, stream, expected, events)
	if err := s.enqueue(a); err != nil {
		return eventstore.Receipt{}, err
	}
	select {
	case o := <-a.outcome:
		return o.receipt, o.err
	case <-ctx.Done():
		return eventstore.Receipt{}, fmt.Errorf("%w: %w", eventstore.ErrUnknownOutcome, ctx.Err())
	}
}

func (s *Store) enqueue(a *appending) error {
	release, err := s.use()
	if err != nil {
		return err
	}
	defer release()
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if s.queuedBytes.Add(a.bytes) > s.maxQueued {
		s.queuedBytes.Add(-a.bytes)
		return fmt.Errorf("%w: more than %d bytes wait", eventstore.ErrOverloaded, s.maxQueued)
	}
	select {
	case s.queue <- a:
		return nil
	default:
		s.queuedBytes.Add(-a.bytes)
		return fmt.Errorf("%w: %d appends wait", eventstore.ErrOverloaded, cap(s.queue))
	}
}
