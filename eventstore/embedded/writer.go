package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"orderengine/eventstore"
)

// A group ends when it has this much, so that neither an fsync nor a batch grows without bound.
const (
	maxGroupEvents = 4096
	maxGroupBytes  = 4 << 20
)

// appending is one caller's append on its way through the writer.
type appending struct {
	ctx      context.Context
	stream   string
	expected eventstore.Revision
	events   []eventstore.Event
	bytes    int64        // of data and metadata
	outcome  chan outcome // takes one without blocking: the caller may be gone
}

type outcome struct {
	receipt eventstore.Receipt
	err     error
}

func newAppending(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) *appending {
	a := &appending{ctx: ctx, stream: stream, expected: expected, events: events, outcome: make(chan outcome, 1)}
	for _, e := range events {
		a.bytes += int64(len(e.Data) + len(e.Metadata))
	}
	return a
}

// writer is the one goroutine that writes. Its fields are its own; others read done, and failed and
// horked after done is closed.
type writer struct {
	store *Store
	db    *pebble.DB
	now   func() time.Time
	log   *slog.Logger
	heads *simplelru.LRU[string, eventstore.Revision]
	last  uint64 // the last position given out
	group group

	failed error // the commit error after which nothing is written
	horked bool  // pebble panicked in a commit and may hold its locks for ever
	done   chan struct{}
}

// group is what is committed together.
type group struct {
	batch   *pebble.Batch // the same one for group after group, for its memory
	events  []eventstore.Recorded
	bytes   int64                          // of their data and metadata
	heads   map[string]eventstore.Revision // last revisions of the streams that grew
	waiting []waiting
}

// waiting is an append whose answer is known once its group is durable.
type waiting struct {
	*appending
	outcome outcome
}

func newWriter(s *Store, last uint64, o Options) *writer {
	heads, err := simplelru.NewLRU[string, eventstore.Revision](o.StreamHeads, nil)
	if err != nil {
		panic(err) // the size is not positive, which withDefaults excludes
	}
	return &writer{
		store: s, db: s.db, now: o.Now, log: o.Logger, heads: heads, last: last,
		group: group{batch: s.db.NewBatch(), heads: make(map[string]eventstore.Revision)},
		done:  make(chan struct{}),
	}
}

// run writes until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.done)
	for first := range w.store.queue {
		w.gather(first)
		w.commit()
		w.answer()
	}
}

// gather places first, and what waits behind it, in a new group.
func (w *writer) gather(first *appending) {
	for a, more := first, true; more; {
		w.store.queuedBytes.Add(-a.bytes)
		receipt, err := w.place(a)
		w.group.waiting = append(w.group.waiting, waiting{a, outcome{receipt, err}})
		if len(w.group.events) >= maxGroupEvents || w.group.bytes >= maxGroupBytes {
			return
		}
		if len(w.store.queue) == 0 {
			// On a busy machine others are about to append and only wait for a processor: a few microseconds for
			// them spare an fsync each. On an idle one nobody is there, and this returns at once.
			runtime.Gosched()
		}
		select {
		case a, more = <-w.store.queue:
		default:
			return
		}
	}
}

// place adds an append to the group, finds it already written, or refuses it.
func (w *writer) place(a *appending) (eventstore.Receipt, error) {
	if w.failed != nil {
		return eventstore.Receipt{}, fmt.Errorf("%w: a commit failed, open the store again: %w", eventstore.ErrUnavailable, w.failed)
	}
	if err := a.ctx.Err(); err != nil {
		return eventstore.Receipt{}, err // the caller is gone: spare the work
	}
	ok, err := w.isAt(a.stream, a.expected)
	switch {
	case err != nil:
		return eventstore.Receipt{}, err
	case ok:
		return w.add(a)
	default:
		return w.repeatOrConflict(a)
	}
}

// isAt says whether the last revision of stream is expected.
func (w *writer) isAt(stream string, expected eventstore.Revision) (bool, error) {
	if head, ok := w.knownHead(stream); ok {
		return head == expected, nil
	}
	// Two point reads, which the filters mostly answer, cost less than seeking the stream's end.
	if expected != eventstore.NoStream {
		if _, err := positionAt(w.db, stream, expected); err != nil {
			return false, ignoreNotFound(err)
		}
	}
	_, err := positionAt(w.db, stream, expected+1)
	return errors.Is(err, pebble.ErrNotFound), ignoreNotFound(err)
}

func (w *writer) knownHead(stream string) (eventstore.Revision, bool) {
	if head, ok := w.group.heads[stream]; ok {
		return head, true
	}
	return w.heads.Get(stream)
}

// add gives the events of a their revisions and positions and puts them in the group.
func (w *writer) add(a *appending) (eventstore.Receipt, error) {
	at := w.now().UTC().Truncate(time.Microsecond)
	for i, e := range a.events {
		w.last++
		w.group.events = append(w.group.events, eventstore.Recorded{
			Event:    e,
			Stream:   a.stream,
			Revision: a.expected + 1 + eventstore.Revision(i),
			Position: positionOf(w.last),
			Time:     at,
		})
	}
	head := a.expected + eventstore.Revision(len(a.events))
	w.group.heads[a.stream] = head
	w.group.bytes += a.bytes
	return eventstore.Receipt{Revision: head, Position: positionOf(w.last)}, nil
}

// fill encodes the records right into the batch, and then their index entries: pebble takes keys that follow one
// another far sooner than those that take turns.
func (w *writer) fill() {
	for i := range w.group.events {
		e := &w.group.events[i]
		record := w.group.batch.SetDeferred(recordKeySize, recordSize(e))
		appendRecordKey(record.Key[:0], e.Position.Commit)
		encodeRecord(record.Value, e)
		finish(record)
	}
	for i := range w.group.events {
		e := &w.group.events[i]
		index := w.group.batch.SetDeferred(indexKeySize+len(e.Stream), 8)
		appendIndexKey(index.Key[:0], e.Stream, e.Revision)
		binary.BigEndian.PutUint64(index.Value, e.Position.Commit)
		finish(index)
	}
}

// finish ends a deferred operation, which fails only in indexed batches.
func finish(op *pebble.DeferredBatchOp) {
	if err := op.Finish(); err != nil {
		panic(err)
	}
}

// repeatOrConflict answers an append that expects another revision: as the first time if the stream
// holds the same events there, with a conflict if not.
func (w *writer) repeatOrConflict(a *appending) (eventstore.Receipt, error) {
	var last eventstore.Receipt
	for i, e := range a.events {
		revision := a.expected + 1 + eventstore.Revision(i)
		found, err := w.recordedAt(a.stream, revision)
		if errors.Is(err, pebble.ErrNotFound) || err == nil && found.ID != e.ID {
			return eventstore.Receipt{}, w.conflict(a)
		}
		if err != nil {
			return eventstore.Receipt{}, err
		}
		last = eventstore.Receipt{Revision: revision, Position: found.Position}
	}
	return last, nil
}

// recordedAt finds an event in the group or in the log.
func (w *writer) recordedAt(stream string, revision eventstore.Revision) (eventstore.Recorded, error) {
	if _, grew := w.group.heads[stream]; grew {
		for i := range w.group.events {
			if e := &w.group.events[i]; e.Revision == revision && e.Stream == stream {
				return *e, nil
			}
		}
	}
	return recordedAt(w.db, stream, revision)
}

func (w *writer) conflict(a *appending) error {
	head, ok := w.knownHead(a.stream)
	if !ok {
		var err error
		if head, err = lastRevision(w.db, a.stream); err != nil {
			return err
		}
		w.heads.Add(a.stream, head)
	}
	return &eventstore.ConflictError{Stream: a.stream, Expected: a.expected, Actual: head}
}

// commit makes the group durable and shows it to readers, or fails the store for good.
func (w *writer) commit() {
	if len(w.group.events) > 0 {
		w.fill()
		if err := w.sync(); err != nil {
			w.fail(err) // and leave the batch to pebble, which may still hold it
			return
		}
		w.publish()
		w.group.batch.Reset()
	}
}

// publish shows readers what is durable.
func (w *writer) publish() {
	for stream, head := range w.group.heads {
		w.heads.Add(stream, head)
	}
	w.store.recent.publish(w.group.events)
}

// sync commits the batch with one fsync. A panic of pebble's is an error too: it panics where it cannot
// write its journal.
func (w *writer) sync() (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.horked = true
			err = fmt.Errorf("%v", p)
		}
	}()
	if err := w.db.ApplyNoSyncWait(w.group.batch, pebble.Sync); err != nil {
		return err
	}
	return w.group.batch.SyncWait()
}

func (w *writer) fail(err error) {
	w.failed = err
	w.log.Error("event store: a commit failed; no more appends are taken until it is opened again", "error", err)
	for i := range w.group.waiting {
		// Even a conflict may rest on an event of this group.
		w.group.waiting[i].outcome = outcome{err: fmt.Errorf("%w: the commit failed: %w", eventstore.ErrUnknownOutcome, err)}
	}
}

// answer tells the callers of the group and empties it.
func (w *writer) answer() {
	for i := range w.group.waiting {
		a := &w.group.waiting[i]
		a.appending.outcome <- a.outcome
	}
	clear(w.group.waiting)
	clear(w.group.events)
	clear(w.group.heads)
	w.group = group{
		batch:   w.group.batch,
		events:  w.group.events[:0],
		heads:   w.group.heads,
		waiting: w.group.waiting[:0],
	}
}
