package embeddedview

import (
	"cmp"
	"context"
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
	summaries, err := w.entries(listings)
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
	for index, summary := range summaries {
		s.summaries.Add(index, *summary)
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
	// Scratch.
	key, value []byte
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

// entries writes the listings that change something, and the summaries that follow.
func (w *writer) entries(listings []listing) (map[string]*summary, error) {
	// Neighbours in the index are cheap to look up and to insert after each other.
	slices.SortFunc(listings, func(a, b listing) int {
		return cmp.Or(strings.Compare(a.index, b.index), strings.Compare(a.member, b.member))
	})
	summaries := make(map[string]*summary)
	for i := range listings {
		l := &listings[i]
		of, err := w.summary(summaries, l.index)
		if err != nil {
			return nil, err
		}
		if err := w.entry(l, of); err != nil {
			return nil, err
		}
	}
	return summaries, w.summaries(summaries)
}

// summary is the index's summary as the batch has it so far.
func (w *writer) summary(summaries map[string]*summary, index string) (*summary, error) {
	if s, known := summaries[index]; known {
		return s, nil
	}
	s, cached := w.store.summaries.Get(index)
	if !cached {
		var err error
		if s, err = readSummary(w.store.db, index); err != nil {
			return nil, err
		}
	}
	summaries[strings.Clone(index)] = &s // an op's strings may be slices of much larger ones
	return &s, nil
}

// entry writes one listing, if it changes the index.
func (w *writer) entry(l *listing, of *summary) error {
	w.key = appendEntryKey(w.key[:0], l.index, l.member)
	was := of.mayHold(l.member)
	if was {
		var err error
		if was, err = exists(w.store.db, w.key); err != nil {
			return err
		}
	}
	switch {
	case was == l.listed:
		return nil
	case l.listed:
		of.add(l.member)
		return w.batch.Set(w.key, nil, nil)
	default:
		of.count--
		// An entry is set only where there was none, so one SingleDelete undoes the one Set, and both are
		// gone when they first meet. Plain tombstones would pile up at the head of an index used as a queue.
		return w.batch.SingleDelete(w.key, nil)
	}
}

func (w *writer) summaries(summaries map[string]*summary) error {
	for index, s := range summaries {
		w.key = appendSummaryKey(w.key[:0], index)
		if s.count == 0 {
			if err := w.batch.Delete(w.key, nil); err != nil {
				return err
			}
			continue
		}
		w.value = appendSummary(w.value[:0], s)
		if err := w.batch.Set(w.key, w.value, nil); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) checkpoint(at eventstore.Position) error {
	return w.batch.Set(checkpointKey, appendCheckpoint(w.key[:0], at), nil)
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
	s.summaries.Purge()
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
