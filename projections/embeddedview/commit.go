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
	if b.Exact {
		err = w.exactEntries(listings)
	} else {
		err = w.entries(listings)
	}
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
	s.remember(w.changed)
	return nil
}

// remember caches copies: an op's strings may be slices of much larger ones.
func (s *Store) remember(changed []indexSummary) {
	for i := range changed {
		c := &changed[i]
		s.summaries.Add(strings.Clone(c.index), summary{c.count, strings.Clone(c.bound)})
	}
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

// listing is an op on an index entry.
type listing struct {
	index, member string
	op            int // its place in the batch
	listed        bool
}

// compareListings orders by entry, and the ops on one entry as they come.
func compareListings(a, b listing) int {
	if c := strings.Compare(a.index, b.index); c != 0 {
		return c
	}
	if c := strings.Compare(a.member, b.member); c != 0 {
		return c
	}
	return a.op - b.op
}

// writer fills one pebble batch.
type writer struct {
	store   *Store
	batch   *pebble.Batch
	changed []indexSummary
	// Scratch.
	key, value []byte
}

type indexSummary struct {
	index string
	summary
}

// documents writes the documents, and gathers the listings for when all are known.
func (w *writer) documents(ops []projections.Op) ([]listing, error) {
	listings := make([]listing, 0, len(ops))
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
			listings = append(listings, listing{op.Key, op.Member, i, op.Kind == projections.List})
		default:
			return nil, fmt.Errorf("views: op %d of the batch has unknown kind %d", i, op.Kind)
		}
	}
	return listings, nil
}

// entries writes the listings, and the summaries that follow. It takes them in the order of the keys:
// neighbours are cheap to look up and to insert after each other.
func (w *writer) entries(listings []listing) error {
	slices.SortFunc(listings, compareListings)
	before, err := w.store.db.NewIter(nil)
	if err != nil {
		return err
	}
	for i, l := range listings {
		if next := i + 1; next < len(listings) && listings[next].index == l.index && listings[next].member == l.member {
			continue // nobody sees what a later op on the entry overrules
		}
		if err := w.entry(before, l); err != nil {
			return errors.Join(err, before.Close())
		}
	}
	return errors.Join(w.summaries(), before.Close())
}

// exactEntries writes the listings of an exact batch: each changes something, so nothing has to be looked up.
func (w *writer) exactEntries(listings []listing) error {
	slices.SortFunc(listings, compareListings) // neighbours are cheap to insert after each other
	for _, l := range listings {
		of, err := w.summary(l.index)
		if err != nil {
			return err
		}
		w.key = appendEntryKey(w.key[:0], l.index, l.member)
		if err := w.change(of, l.listed, l.member); err != nil {
			return err
		}
	}
	return w.summaries()
}

// entry writes one listing, if it changes the index as it was before.
func (w *writer) entry(before *pebble.Iterator, l listing) error {
	of, err := w.summary(l.index)
	if err != nil {
		return err
	}
	w.key = appendEntryKey(w.key[:0], l.index, l.member)
	was := of.mayHold(l.member) && before.SeekPrefixGE(w.key) // the whole key is its own prefix
	if err := before.Error(); err != nil {
		return err
	}
	if was == l.listed {
		return nil
	}
	return w.change(of, l.listed, l.member)
}

// change writes the entry whose key is in w.key, which is not as it is to be.
func (w *writer) change(of *summary, listed bool, member string) error {
	if listed {
		of.add(member)
		return w.batch.Set(w.key, nil, nil)
	}
	of.count--
	// An entry is set only where there was none, so one SingleDelete undoes the one Set, and both are
	// gone when they first meet. Plain tombstones would pile up at the head of an index used as a queue.
	return w.batch.SingleDelete(w.key, nil)
}

// summary is the index's summary as the batch has it so far; the entries of an index come one after the other.
func (w *writer) summary(index string) (*summary, error) {
	if last := len(w.changed) - 1; last >= 0 && w.changed[last].index == index {
		return &w.changed[last].summary, nil
	}
	s, cached := w.store.summaries.Get(index)
	if !cached {
		var err error
		if s, err = readSummary(w.store.db, index); err != nil {
			return nil, err
		}
	}
	w.changed = append(w.changed, indexSummary{index, s})
	return &w.changed[len(w.changed)-1].summary, nil
}

func (w *writer) summaries() error {
	for i := range w.changed {
		c := &w.changed[i]
		w.key = appendSummaryKey(w.key[:0], c.index)
		if c.count == 0 {
			if err := w.batch.Delete(w.key, nil); err != nil {
				return err
			}
			continue
		}
		w.value = appendSummary(w.value[:0], &c.summary)
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
