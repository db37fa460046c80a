package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
)

const verifyPage = 4096 // entries that are checked before appends and Close get their turn

// Verify reads the whole log, up to its head when called, and the index of the streams. It returns an
// [eventstore.ErrCorrupt] that names the first bad position: a record that is missing, damaged or not
// in the index, or else an index entry that points nowhere or breaks the row 0, 1, 2… of its stream.
// It needs little memory and takes some minutes for ten million events; appends go on meanwhile.
func (s *Store) Verify(ctx context.Context) error {
	end := s.recent.durable()
	for next := uint64(1); next <= end; {
		checked, err := s.verifyRecords(ctx, next, end)
		if err != nil {
			return err
		}
		next += checked
	}
	return s.verifyIndex(ctx, end)
}

// verifyRecords checks a page of the log: records follow each other, are whole, and are in the index.
func (s *Store) verifyRecords(ctx context.Context, from, end uint64) (checked uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	page, err := s.logPage(from-1, end)
	if err != nil {
		return 0, err
	}
	return uint64(len(page)), s.verifyIndexed(page)
}

// verifyIndexed looks a page of the log up in the index, with one iterator: that is cheaper than Get.
func (s *Store) verifyIndexed(page []eventstore.Recorded) (err error) {
	release, err := s.use()
	if err != nil {
		return err
	}
	defer release()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{indexPrefix}, UpperBound: []byte{indexPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for i := range page {
		if err := indexHas(it, &page[i]); err != nil {
			return corruptAt(page[i].Position.Commit, err)
		}
	}
	return nil
}

// indexHas checks that e is in the index, at its position.
func indexHas(it *pebble.Iterator, e *eventstore.Recorded) error {
	if !it.SeekPrefixGE(indexKey(e.Stream, e.Revision)) {
		return errors.Join(fmt.Errorf("%s@%d is not in the index", e.Stream, e.Revision), it.Error())
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	if position, ok := parseIndexValue(value); !ok || position != e.Position.Commit {
		return fmt.Errorf("the index has %s@%d at %x", e.Stream, e.Revision, value)
	}
	return nil
}

// indexWalk goes over the index in the order of its keys. As every record is in the index, as many
// entries as there are records leave no entry without one.
type indexWalk struct {
	end      uint64 // entries after this position are younger than the call
	entries  uint64
	key      []byte // the last key seen
	stream   string
	revision eventstore.Revision
	position uint64
}

func (s *Store) verifyIndex(ctx context.Context, end uint64) error {
	walk := indexWalk{end: end, key: []byte{indexPrefix}, revision: eventstore.NoStream}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if more, err = s.verifyIndexPage(&walk); err != nil {
			return err
		}
	}
	if walk.entries != end {
		return fmt.Errorf("%w: the index has %d entries for %d records", eventstore.ErrCorrupt, walk.entries, end)
	}
	return nil
}

func (s *Store) verifyIndexPage(walk *indexWalk) (more bool, err error) {
	release, err := s.use()
	if err != nil {
		return false, err
	}
	defer release()
	after := append(slices.Clip(walk.key), 0)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: after, UpperBound: []byte{indexPrefix + 1}})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	n := 0
	for ok := it.First(); ok && n < verifyPage; ok = it.Next() {
		if err := walk.step(it); err != nil {
			return false, err
		}
		n++
	}
	if err := it.Error(); err != nil && pebble.IsCorruptionError(err) {
		return false, fmt.Errorf("%w: the index after %x: %w", eventstore.ErrCorrupt, walk.key, err)
	} else if err != nil {
		return false, err
	}
	return n == verifyPage, nil
}

// step checks one entry against the one before.
func (w *indexWalk) step(it *pebble.Iterator) error {
	value, err := it.ValueAndErr()
	if err != nil {
		return fmt.Errorf("%w: index entry %x: %w", eventstore.ErrCorrupt, it.Key(), err)
	}
	stream, revision, ok := parseIndexKey(it.Key())
	position, ok2 := parseIndexValue(value)
	if !ok || !ok2 {
		return fmt.Errorf("%w: index entry %x = %x", eventstore.ErrCorrupt, it.Key(), value)
	}
	w.key = append(w.key[:0], it.Key()...)
	if position > w.end {
		return nil
	}
	if string(stream) != w.stream {
		w.stream, w.revision, w.position = string(stream), eventstore.NoStream, 0
	}
	if revision != w.revision+1 || position <= w.position {
		return corruptAt(position, fmt.Errorf("the index has %s@%d right after revision %d at %d", w.stream, revision, w.revision, w.position))
	}
	w.revision, w.position = revision, position
	w.entries++
	return nil
}
