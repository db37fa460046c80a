package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
)

// No pebble iterator is open while a caller holds an event: readers go page by page, so that a slow one
// keeps neither tables nor Close waiting.
const (
	maxBatch     = 1024    // events in one batch of Follow
	maxPage      = 256     // events that ReadStream reads ahead
	maxPageBytes = 4 << 20 // of data and metadata in either, but for the last event; followers may commit a batch in one piece
)

// Head implements [eventstore.Log].
func (s *Store) Head(ctx context.Context) (eventstore.Position, error) {
	release, err := s.use()
	if err != nil {
		return eventstore.Position{}, err
	}
	defer release()
	if err := ctx.Err(); err != nil {
		return eventstore.Position{}, err
	}
	return positionOf(s.recent.durable()), nil
}

// ReadStream implements [eventstore.StreamReader]. An event that is not as it was written ends it with
// [eventstore.ErrCorrupt].
func (s *Store) ReadStream(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		next, end := max(from, 0), s.recent.durable()
		pages(func() ([]eventstore.Recorded, error) {
			page, err := s.streamPage(ctx, stream, next, end)
			next += eventstore.Revision(len(page))
			return page, err
		})(yield)
	}
}

// pages yields the events of one page after the other until one is empty.
func pages(next func() ([]eventstore.Recorded, error)) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for {
			page, err := next()
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// streamPage reads events of stream from a revision on, none that stands after the position end.
func (s *Store) streamPage(ctx context.Context, stream string, from eventstore.Revision, end uint64) (page []eventstore.Recorded, err error) {
	release, err := s.use()
	if err != nil {
		return nil, err
	}
	defer release()
	it, err := s.db.NewIter(streamBounds(stream, from))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	size := 0
	for ok := it.First(); ok && len(page) < maxPage && size < maxPageBytes; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		position, err := indexedPosition(it, stream, from+eventstore.Revision(len(page)))
		if err != nil {
			return nil, err
		}
		if position > end {
			return page, nil
		}
		e, err := recordOf(s.db, position, stream, from+eventstore.Revision(len(page)))
		if err != nil {
			return nil, err
		}
		page = append(page, e)
		size += heldBytes(&e)
	}
	return page, errors.Join(it.Error(), ctx.Err())
}

// indexedPosition reads the index entry that it stands on, which must be that of revision.
func indexedPosition(it *pebble.Iterator, stream string, revision eventstore.Revision) (uint64, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return 0, fmt.Errorf("%w: index of %s@%d: %w", eventstore.ErrCorrupt, stream, revision, err)
	}
	_, found, ok := parseIndexKey(it.Key())
	position, ok2 := parseIndexValue(value)
	if !ok || !ok2 {
		return 0, fmt.Errorf("%w: index of %s@%d: %x = %x", eventstore.ErrCorrupt, stream, revision, it.Key(), value)
	}
	if found != revision {
		return 0, corruptAt(position, fmt.Errorf("%s@%d follows where revision %d should", stream, found, revision))
	}
	return position, nil
}

// Follow implements [eventstore.Log]. A position after the head is not of this log, or the log was
// restored from an older copy: it is refused with [eventstore.ErrInvalid], for a follower would miss events.
func (s *Store) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[[]eventstore.Recorded, error] {
	return func(yield func([]eventstore.Recorded, error) bool) {
		if last := s.recent.durable(); after != positionOf(after.Commit) || after.Commit > last {
			yield(nil, fmt.Errorf("%w: follow after position %v: this log ends at %d", eventstore.ErrInvalid, after, last))
			return
		}
		at := after.Commit
		var batch []eventstore.Recorded
		for {
			var err error
			if batch, err = s.next(ctx, at, batch); err != nil {
				yield(nil, err)
				return
			}
			if !yield(batch, nil) {
				return
			}
			at = batch[len(batch)-1].Position.Commit
		}
	}
}

// next waits until there are events after a position. It may give them in the memory of the batch before.
func (s *Store) next(ctx context.Context, after uint64, before []eventstore.Recorded) ([]eventstore.Recorded, error) {
	for {
		if err := s.mayFollow(ctx); err != nil {
			return nil, err
		}
		batch, kept := s.recent.after(after, before[:0])
		if len(batch) > 0 {
			return batch, nil
		}
		if !kept {
			return s.logPage(after, s.recent.durable())
		}
		if changed := s.recent.wait(after); changed != nil {
			clear(before) // who waits for long must not hold what was read last
			select {
			case <-changed:
				runtime.Gosched() // as in the writer: on a busy machine the next group may be there then
			case <-s.closing:
			case <-ctx.Done():
			}
		}
	}
}

func (s *Store) mayFollow(ctx context.Context) error {
	select {
	case <-s.closing:
		return eventstore.ErrClosed
	default:
		return ctx.Err()
	}
}

// logPage reads events after a position that stands before the position end.
func (s *Store) logPage(after, end uint64) (page []eventstore.Recorded, err error) {
	release, err := s.use()
	if err != nil {
		return nil, err
	}
	defer release()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: recordKey(after + 1), UpperBound: recordKey(end + 1)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	page = make([]eventstore.Recorded, 0, min(end-after, maxBatch))
	size := 0
	for ok := it.First(); ok && len(page) < maxBatch && size < maxPageBytes; ok = it.Next() {
		e, err := recordUnder(it, after+1+uint64(len(page)))
		if err != nil && len(page) > 0 {
			return page, nil // the next page begins with the damage, and names it
		}
		if err != nil {
			return nil, err
		}
		page = append(page, e)
		size += heldBytes(&e)
	}
	err = it.Error()
	switch {
	case err != nil && !pebble.IsCorruptionError(err):
		return nil, err
	case len(page) > 0:
		return page, nil // as above, if there is damage
	default:
		return nil, corruptAt(after+1, cmp.Or(err, errMissing))
	}
}

var errMissing = errors.New("record is missing")

// recordUnder reads the record that it stands on, which must be that of position.
func recordUnder(it *pebble.Iterator, position uint64) (eventstore.Recorded, error) {
	if found, ok := parseRecordKey(it.Key()); !ok || found != position {
		return eventstore.Recorded{}, corruptAt(position, errMissing)
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return eventstore.Recorded{}, corruptAt(position, err)
	}
	return decodeRecord(position, value)
}

// recordedAt reads one event of a stream, with [pebble.ErrNotFound] if there is none.
func recordedAt(db *pebble.DB, stream string, revision eventstore.Revision) (eventstore.Recorded, error) {
	position, err := positionAt(db, stream, revision)
	if err != nil {
		return eventstore.Recorded{}, err
	}
	return recordOf(db, position, stream, revision)
}

// positionAt looks a revision up in the index, with [pebble.ErrNotFound] if it is not there.
func positionAt(db *pebble.DB, stream string, revision eventstore.Revision) (uint64, error) {
	value, closer, err := db.Get(indexKey(stream, revision))
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	position, ok := parseIndexValue(value)
	if !ok {
		return 0, fmt.Errorf("%w: index of %s@%d: %x", eventstore.ErrCorrupt, stream, revision, value)
	}
	return position, nil
}

// recordOf reads the record at a position, which must be that of a stream's revision.
func recordOf(db *pebble.DB, position uint64, stream string, revision eventstore.Revision) (eventstore.Recorded, error) {
	value, closer, err := db.Get(recordKey(position))
	if errors.Is(err, pebble.ErrNotFound) {
		return eventstore.Recorded{}, corruptAt(position, errMissing)
	}
	if err != nil {
		return eventstore.Recorded{}, corruptAt(position, err)
	}
	defer closer.Close()
	e, err := decodeRecord(position, value)
	if err == nil && (e.Stream != stream || e.Revision != revision) {
		err = corruptAt(position, fmt.Errorf("record is %s@%d, the index has it as %s@%d", e.Stream, e.Revision, stream, revision))
	}
	return e, err
}

// lastRevision seeks the end of a stream.
func lastRevision(db *pebble.DB, stream string) (last eventstore.Revision, err error) {
	it, err := db.NewIter(streamBounds(stream, 0))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return eventstore.NoStream, it.Error()
	}
	_, last, ok := parseIndexKey(it.Key())
	if !ok {
		return 0, fmt.Errorf("%w: index of %s: key %x", eventstore.ErrCorrupt, stream, it.Key())
	}
	return last, nil
}

// streamBounds are those of a stream's index entries from a revision on. Revisions are never negative,
// so -1, all ones, stands after the last.
func streamBounds(stream string, from eventstore.Revision) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: indexKey(stream, from), UpperBound: indexKey(stream, -1)}
}

func ignoreNotFound(err error) error {
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	return err
}
