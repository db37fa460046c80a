package embeddedview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Checkpoint implements [projections.Committer].
func (s *Store) Checkpoint(ctx context.Context) (eventstore.Position, error) {
	if err := s.enter(ctx); err != nil {
		return eventstore.Position{}, err
	}
	defer s.leave()
	s.recent.mu.RLock()
	defer s.recent.mu.RUnlock()
	return s.recent.at, nil
}

// Commit implements [projections.Committer]. Readers see it when it returns; it reaches the disk later.
func (s *Store) Commit(ctx context.Context, b projections.Batch) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.commits.Lock()
	defer s.commits.Unlock()
	if at := s.recent.at; at != b.From {
		return fmt.Errorf("%w: it is %s, the batch builds on %s", projections.ErrStale, at, b.From)
	}
	return s.explain(s.commit(b))
}

// commit does all that can fail first: a batch that is refused changes nothing.
func (s *Store) commit(b projections.Batch) (err error) {
	if s.recent.full() {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if !b.Exact {
		if b.Ops, err = s.exact(b.Ops); err != nil {
			return err
		}
	}
	listings, err := s.listings(b.Ops)
	if err != nil {
		return err
	}
	s.recent.add(b.Ops, listings, b.To)
	return nil
}

// listings finds the indexes of the ops that list or unlist.
func (s *Store) listings(ops []projections.Op) ([]*index, error) {
	listings := make([]*index, 0, len(ops))
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case projections.Put, projections.Delete:
		case projections.List, projections.Unlist:
			of, err := s.index(op.Key)
			if err != nil {
				return nil, err
			}
			listings = append(listings, of)
		default:
			return nil, fmt.Errorf("views: op %d of the batch has unknown kind %d", i, op.Kind)
		}
	}
	return listings, nil
}

// index is an index as the commits so far have left it.
func (s *Store) index(name string) (*index, error) {
	if of := s.recent.indexes[name]; of != nil {
		return of, nil
	}
	if of, cached := s.indexes.Get(name); cached {
		return of, nil
	}
	count, err := readCount(s.db, name)
	if err != nil {
		return nil, err
	}
	of := &index{name: strings.Clone(name), count: count} // an op's strings may be slices of much larger ones
	s.indexes.Add(of.name, of)
	return of, nil
}

// exact leaves out the listings that change nothing.
func (s *Store) exact(ops []projections.Op) ([]projections.Op, error) {
	type entry struct{ index, member string }
	listed := map[entry]bool{}
	changing := make([]projections.Op, 0, len(ops))
	for i := range ops {
		op := &ops[i]
		if op.Kind == projections.List || op.Kind == projections.Unlist {
			e := entry{op.Key, op.Member}
			was, known := listed[e]
			if !known {
				var err error
				if was, err = s.lists(op.Key, op.Member); err != nil {
					return nil, err
				}
			}
			listed[e] = op.Kind == projections.List
			if was == listed[e] {
				continue
			}
		}
		changing = append(changing, *op)
	}
	return changing, nil
}

// lists says whether a member is in an index.
func (s *Store) lists(name, member string) (bool, error) {
	of, err := s.index(name)
	if err != nil {
		return false, err
	}
	if at, changed := slices.BinarySearchFunc(of.changes, member, compareMember); changed {
		return of.changes[at].listed, nil
	}
	value, err := readValue(s.db, appendEntryKey(nil, name, member))
	return value != nil, err
}

// writer fills one pebble batch. It keeps the first error, after which it does nothing.
type writer struct {
	batch *pebble.Batch
	err   error
	// Scratch.
	key, val []byte
}

func (w *writer) set(value []byte) {
	if w.err == nil {
		w.err = w.batch.Set(w.key, value, nil)
	}
}

func (w *writer) delete() {
	if w.err == nil {
		w.err = w.batch.Delete(w.key, nil)
	}
}

func (w *writer) count(of *index) {
	w.key = appendCountKey(w.key[:0], of.name)
	if of.count == 0 {
		w.delete()
		return
	}
	w.val = appendCount(w.val[:0], of.count)
	w.set(w.val)
}

// document sets a document, or deletes it if its value is nil.
func (w *writer) document(key string, value []byte) {
	w.key = appendDocumentKey(w.key[:0], key)
	if value == nil {
		w.delete()
		return
	}
	w.set(value)
}

func (w *writer) entries(of *index) {
	for _, c := range of.changes {
		w.key = appendEntryKey(w.key[:0], of.name, c.member)
		if c.listed {
			w.set(nil)
			continue
		}
		// An entry is set only where there was none, so one SingleDelete undoes the one Set, and both are
		// gone when they first meet. Plain tombstones would pile up at the head of an index used as a queue.
		if w.err == nil {
			w.err = w.batch.SingleDelete(w.key, nil)
		}
	}
}

func (w *writer) checkpoint(at eventstore.Position) {
	w.key = append(w.key[:0], checkpointKey...)
	w.val = appendCheckpoint(w.val[:0], at)
	w.set(w.val)
}

// Wipe implements [projections.Committer]. It is one range tombstone; the space comes back by and by.
func (s *Store) Wipe(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.commits.Lock()
	defer s.commits.Unlock()
	s.recent.mu.Lock() // a read must not find what is recent on a database that was wiped
	defer s.recent.mu.Unlock()
	if err := s.writeWipe(); err != nil {
		return s.explain(err)
	}
	s.recent.reset(eventstore.Position{})
	s.indexes.Purge()
	return nil
}

func (s *Store) writeWipe() error {
	w := writer{batch: s.db.NewBatch()}
	defer w.batch.Close()
	if err := w.batch.DeleteRange(lowestKey, beyondKeys, nil); err != nil {
		return err
	}
	// The checkpoint is zero rather than gone: it carries the format version.
	w.checkpoint(eventstore.Position{})
	return errors.Join(w.err, s.db.Apply(w.batch, pebble.NoSync))
}
