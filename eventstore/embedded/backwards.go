package embedded

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
)

var _ eventstore.BackwardReader = (*Store)(nil)

// ReadStreamBackwards implements [eventstore.BackwardReader].
func (s *Store) ReadStreamBackwards(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	end := s.recent.durable()
	// Most readers want the last event alone, so the first page is of one.
	size := 1
	return pages(func() ([]eventstore.Recorded, error) {
		page, err := s.streamPageBackwards(ctx, stream, from, end, size)
		if len(page) > 0 {
			from, size = page[len(page)-1].Revision-1, maxPage
		}
		return page, err
	})
}

// ReadBackwards implements [eventstore.BackwardReader].
func (s *Store) ReadBackwards(ctx context.Context, before eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	next := min(before.Commit, s.recent.durable()+1)
	size := 1
	return pages(func() ([]eventstore.Recorded, error) {
		page, err := s.logPageBackwards(ctx, next, size)
		if len(page) > 0 {
			next, size = page[len(page)-1].Position.Commit, maxPage
		}
		return page, err
	})
}

// streamPageBackwards reads up to limit events of stream from a revision on down, none that stands after the position end.
func (s *Store) streamPageBackwards(ctx context.Context, stream string, from eventstore.Revision, end uint64, limit int) (page []eventstore.Recorded, err error) {
	release, err := s.use()
	if err != nil {
		return nil, err
	}
	defer release()
	bounds := streamBounds(stream, 0)
	if from < math.MaxInt64 {
		bounds.UpperBound = indexKey(stream, max(from, eventstore.NoStream)+1)
	}
	it, err := s.db.NewIter(bounds)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	size := 0
	for ok := it.Last(); ok && len(page) < limit && size < maxPageBytes; ok = it.Prev() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := s.indexedRecord(it, stream, end)
		if err != nil {
			return nil, err
		}
		if e.Position.Commit <= end {
			page = append(page, e)
			size += heldBytes(&e)
		}
	}
	return page, errors.Join(it.Error(), ctx.Err())
}

// indexedRecord reads the record that the index entry it stands on leads to; of one after the position end, only the position.
func (s *Store) indexedRecord(it *pebble.Iterator, stream string, end uint64) (eventstore.Recorded, error) {
	_, revision, _ := parseIndexKey(it.Key())
	position, err := indexedPosition(it, stream, revision)
	if err != nil || position > end {
		return eventstore.Recorded{Position: positionOf(position)}, err
	}
	return recordOf(s.db, position, stream, revision)
}

// logPageBackwards reads up to limit events before a position.
func (s *Store) logPageBackwards(ctx context.Context, before uint64, limit int) (page []eventstore.Recorded, err error) {
	release, err := s.use()
	if err != nil {
		return nil, err
	}
	defer release()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{recordPrefix}, UpperBound: recordKey(before)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	size := 0
	for ok := it.Last(); ok && len(page) < limit && size < maxPageBytes; ok = it.Prev() {
		e, err := recordUnder(it, before-1-uint64(len(page)))
		if err != nil {
			return nil, err
		}
		page = append(page, e)
		size += heldBytes(&e)
	}
	if len(page) == 0 && before > 1 && it.Error() == nil && ctx.Err() == nil {
		return nil, corruptAt(before-1, errMissing)
	}
	return page, errors.Join(it.Error(), ctx.Err())
}
