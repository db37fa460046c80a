package embeddedview

import (
	"context"
	"encoding/binary"
	"fmt"
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
	s.commits.Lock()
	defer s.commits.Unlock()
	return s.at, nil
}

// Commit implements [projections.Committer]. Readers see it when it returns; it reaches the disk later.
func (s *Store) Commit(ctx context.Context, b projections.Batch) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.commits.Lock()
	defer s.commits.Unlock()
	if s.at != b.From {
		return fmt.Errorf("%w: it is %s, the batch builds on %s", projections.ErrStale, s.at, b.From)
	}
	return s.explain(s.write(b))
}

// write is one atomic pebble batch; nothing in memory changes unless it succeeds.
func (s *Store) write(b projections.Batch) error {
	w := writer{store: s, batch: s.db.NewBatchWithSize(batchSize(b.Ops))}
	defer w.batch.Close()
	listings, err := w.documents(b.Ops)
	if err != nil {
		return err
	}
	counts, err := w.entries(listings)
	if err != nil {
		return err
	}
	if err := w.checkpoint(b.To); err != nil {
		return err
	}
	if err := s.db.Apply(w.batch, pebble.NoSync); err != nil {
		return err
	}
	s.at = b.To
	for index, count := range counts {
		s.counts.Add(index, *count)
	}
	return nil
}

// batchSize is about what the batch takes, in bytes, so that it need not grow.
func batchSize(ops []projections.Op) int {
	const overhead = 24 // kind, lengths, the index's end and its share of a count
	size := overhead
	for i := range ops {
		size += overhead + len(ops[i].Key) + len(ops[i].Value) + len(ops[i].Member)
	}
	return size
}

// entry is a place in an index.
type entry struct{ index, member string }

// listing is what a batch leaves of an entry: its last word, since nobody sees the earlier ones.
type listing struct {
	entry
	listed bool
}

// writer fills one pebble batch.
type writer struct {
	store *Store
	batch *pebble.Batch
	key   []byte // scratch
}

// documents writes the documents, and gathers the listings for when all are known.
func (w *writer) documents(ops []projections.Op) ([]listing, error) {
	listings := make([]listing, 0, len(ops))
	place := make(map[entry]int, len(ops))
	for i := range ops {
		op := &ops[i]
		switch op.Kind {
		case projections.Put:
			w.key = appendDocumentKey(w.key[:0], op.Key)
			if err := w.batch.Set(w.key, op.Value, nil); err != nil {
				return nil, err
			}
		case projections.Delete:
			w.key = appendDocumentKey(w.key[:0], op.Key)
			if err := w.batch.Delete(w.key, nil); err != nil {
				return nil, err
			}
		case projections.List, projections.Unlist:
			e := entry{op.Key, op.Member}
			at, seen := place[e]
			if !seen {
				at = len(listings)
				place[e] = at
				listings = append(listings, listing{entry: e})
			}
			listings[at].listed = op.Kind == projections.List
		default:
			return nil, fmt.Errorf("views: op %d of the batch has unknown kind %d", i, op.Kind)
		}
	}
	return listings, nil
}

// entries writes the listings that change something, and the counts that follow.
func (w *writer) entries(listings []listing) (map[string]*int64, error) {
	counts := make(map[string]*int64)
	for i := range listings {
		l := &listings[i]
		change, err := w.entry(l)
		if err != nil {
			return nil, err
		}
		if change == 0 {
			continue
		}
		count, known := counts[l.index]
		if !known {
			count = new(int64)
			if *count, err = w.store.count(l.index); err != nil {
				return nil, err
			}
			counts[strings.Clone(l.index)] = count
		}
		*count += change
	}
	return counts, w.counts(counts)
}

// entry writes one listing and says by how much it changes the index's count.
func (w *writer) entry(l *listing) (change int64, err error) {
	w.key = appendEntryKey(w.key[:0], l.index, l.member)
	was, err := exists(w.store.db, w.key)
	switch {
	case err != nil || was == l.listed:
		return 0, err
	case l.listed:
		return 1, w.batch.Set(w.key, nil, nil)
	default:
		// An entry is set only where there was none, so one SingleDelete undoes the one Set, and both are
		// gone when they first meet. Plain tombstones would pile up at the head of an index used as a queue.
		return -1, w.batch.SingleDelete(w.key, nil)
	}
}

func (w *writer) counts(counts map[string]*int64) error {
	for index, count := range counts {
		w.key = appendCountKey(w.key[:0], index)
		if *count == 0 {
			if err := w.batch.Delete(w.key, nil); err != nil {
				return err
			}
			continue
		}
		if err := w.batch.Set(w.key, binary.BigEndian.AppendUint64(nil, uint64(*count)), nil); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) checkpoint(at eventstore.Position) error {
	return w.batch.Set(checkpointKey, appendCheckpoint(w.key[:0], at), nil)
}

// count is the members of an index before the commit under way.
func (s *Store) count(index string) (int64, error) {
	if n, cached := s.counts.Get(index); cached {
		return n, nil
	}
	return readCount(s.db, index)
}

// Wipe implements [projections.Committer]. It is one range tombstone; the space comes back by and by.
func (s *Store) Wipe(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.commits.Lock()
	defer s.commits.Unlock()
	if err := s.writeWipe(); err != nil {
		return s.explain(err)
	}
	s.at = eventstore.Position{}
	s.counts.Purge()
	return nil
}

func (s *Store) writeWipe() error {
	w := writer{store: s, batch: s.db.NewBatch()}
	defer w.batch.Close()
	if err := w.batch.DeleteRange(lowestKey, beyondKeys, nil); err != nil {
		return err
	}
	// The checkpoint is zero rather than gone: it carries the format version.
	if err := w.checkpoint(eventstore.Position{}); err != nil {
		return err
	}
	return s.db.Apply(w.batch, pebble.NoSync)
}
