package embeddedview

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
	"orderengine/projections"
)

// When this much is recent it goes into the database: more rows meet more often, and keep one commit longer.
const (
	recentRows  = 8192
	recentBytes = 4 << 20 // of documents, which are taken to be as large as those that were written last,
	leastSize   = 4 << 10 // and this large at least
)

// recent is what the last commits changed and the database does not have yet. An order's rows change several times
// within moments, the counts of its indexes with every order: here these changes meet, and the database, where each
// costs about a microsecond, gets what is left of them. A crash loses it, as it loses the database's own table in memory.
type recent struct {
	// mu is held by a commit while it changes what is below, and by a read until it has what it needs of it and of
	// the database, which together are one moment. A snapshot of the database would cost more than most reads.
	mu      sync.RWMutex
	maxRows int // then it is full
	at      eventstore.Position
	docs    map[string]document
	docSize int // bytes, the mean of the documents that were written last
	indexes map[string]*index
	entries int // that are not as in the database, of all indexes
}

// document gives the value, which nobody may change. Most are overwritten before anybody asks; so it is made when
// somebody does, and kept from then on. A document that was deleted is nil.
type document func() ([]byte, error)

// index is an index as the commits so far have left it.
type index struct {
	name    string
	count   int64    // of its members
	changes []change // by member
	// shown says that a read may still use changes as they are.
	shown atomic.Bool
}

// change is an entry that is not as in the database.
type change struct {
	member string
	listed bool
}

func compareMember(c change, member string) int { return strings.Compare(c.member, member) }

func newRecent(at eventstore.Position) recent {
	return recent{maxRows: recentRows, at: at, docs: map[string]document{}, indexes: map[string]*index{}}
}

func (r *recent) full() bool {
	return len(r.docs)+r.entries >= r.maxRows || len(r.docs)*max(r.docSize, leastSize) >= recentBytes
}

// add takes the ops of a batch, each of which changes something; listings are the indexes of those that list or unlist.
func (r *recent) add(ops []projections.Op, listings []*index, to eventstore.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case projections.Put:
			r.docs[op.Key] = documentOf(op)
		case projections.Delete:
			r.docs[op.Key] = nil
		default:
			of := listings[0]
			listings = listings[1:]
			if known := r.indexes[of.name]; known != nil {
				of = known // a batch of very many indexes may have read one of them twice
			} else {
				r.indexes[of.name] = of
			}
			r.entries += of.change(op.Member, op.Kind == projections.List)
		}
	}
	r.at = to
}

func documentOf(op *projections.Op) document {
	kept := *op // the ops are the caller's again after the commit
	kept.Value = copied(op.Value)
	return sync.OnceValues(kept.Document)
}

// document is the value of a document that was changed, nil if it was deleted.
func (r *recent) document(key string) (value []byte, changed bool, err error) {
	doc, changed := r.docs[key]
	if doc == nil {
		return nil, changed, nil
	}
	if value, err = doc(); err != nil {
		err = fmt.Errorf("document %s: %w", key, err)
	}
	return value, true, err
}

// change lists a member or takes it out, and says by how many there are more changes: a second one of a member
// takes back the first.
func (of *index) change(member string, listed bool) (more int) {
	if of.shown.Swap(false) {
		of.changes = slices.Clone(of.changes)
	}
	if listed {
		of.count++
	} else {
		of.count--
	}
	at, changed := slices.BinarySearchFunc(of.changes, member, compareMember)
	if changed {
		of.changes = slices.Delete(of.changes, at, at+1)
		return -1
	}
	of.changes = slices.Insert(of.changes, at, change{member, listed})
	return 1
}

// show gives the changes to a read, which must not change them.
func (of *index) show() []change {
	of.shown.Store(true)
	return of.changes
}

// flush writes what is recent into the database, as one atomic batch in the order of the keys, where one is found
// soonest beside the one before. Until it is forgotten here reads find it twice, which changes nothing.
func (s *Store) flush() error {
	const overhead = 64 // bytes of a row beside a document's value
	r := &s.recent
	docs, bytes, err := r.documents()
	if err != nil {
		return err
	}
	batch := s.db.NewBatchWithSize(bytes + overhead*(1+len(r.docs)+len(r.indexes)+r.entries))
	defer batch.Close()
	w := writer{batch: batch}
	indexes := slices.SortedFunc(maps.Values(r.indexes), func(a, b *index) int { return cmp.Compare(a.name, b.name) })
	for _, of := range indexes {
		w.count(of)
	}
	for _, doc := range docs {
		w.document(doc.Key, doc.Value)
	}
	for _, of := range indexes {
		w.entries(of)
	}
	w.checkpoint(r.at)
	if err := errors.Join(w.err, s.db.Apply(batch, pebble.NoSync)); err != nil {
		return err
	}
	if len(docs) > 0 {
		r.docSize = bytes / len(docs)
	}
	s.forget()
	return nil
}

// documents are those that were changed, by key; one that was deleted has a nil value. All their values are made.
func (r *recent) documents() (docs []projections.Doc, bytes int, err error) {
	docs = make([]projections.Doc, 0, len(r.docs))
	for _, key := range slices.Sorted(maps.Keys(r.docs)) {
		value, _, err := r.document(key)
		if err != nil {
			return nil, 0, err
		}
		docs, bytes = append(docs, projections.Doc{Key: key, Value: value}), bytes+len(value)
	}
	return docs, bytes, nil
}

// forget empties what is recent, and keeps the indexes at hand.
func (s *Store) forget() {
	r := &s.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range r.indexes {
		of.changes = nil
		s.indexes.Add(of.name, of)
	}
	r.reset(r.at)
}

func (r *recent) reset(at eventstore.Position) {
	clear(r.docs)
	clear(r.indexes)
	r.at, r.entries = at, 0
}
