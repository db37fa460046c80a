package embeddedview

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Get implements [projections.Reader].
func (s *Store) Get(ctx context.Context, keys ...string) (projections.Docs, error) {
	if err := s.enter(ctx); err != nil {
		return projections.Docs{}, err
	}
	defer s.leave()
	docs, err := s.documents(keys)
	if err != nil {
		return projections.Docs{}, s.explain(err)
	}
	return docs, nil
}

func (s *Store) documents(keys []string) (docs projections.Docs, err error) {
	docs.Values = make([][]byte, len(keys))
	err = s.recent.read(func(r *recent) (err error) {
		docs.At = r.at
		var key []byte
		for i := range keys {
			value, changed, err := r.document(keys[i])
			if !changed {
				key = appendDocumentKey(key[:0], keys[i])
				value, err = readValue(s.db, key)
			} else if value != nil {
				value = copied(value)
			}
			if err != nil {
				return err
			}
			docs.Values[i] = value
		}
		return nil
	})
	return docs, err
}

// Page implements [projections.Reader]. Its cost grows with the distance of the page from the nearer end
// of the index, not with the size of the index.
func (s *Store) Page(ctx context.Context, index string, cut projections.Cut) (page projections.Page, err error) {
	if err := s.enter(ctx); err != nil {
		return page, err
	}
	defer s.leave()
	var entries *pebble.Iterator
	var changes []change
	prefix := appendEntryPrefix(nil, index)
	err = s.recent.read(func(r *recent) (err error) {
		var count int64
		if of := r.indexes[index]; of != nil {
			count, changes = of.count, of.show()
		} else if count, err = readCount(s.db, index); err != nil {
			return err
		}
		page.Total, page.At = int(count), r.at
		entries, err = s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: beyond(prefix)})
		return err
	})
	if err == nil {
		page.Members, err = readMembers(ctx, entries, len(prefix), changes, window(page.Total, cut))
	}
	if err == nil && cut.Documents.Of != "" {
		var docs projections.Docs
		docs, err = s.documents(cut.Documents.Keys(page.Members))
		page = page.With(docs)
	}
	if err != nil {
		return projections.Page{}, s.explain(err)
	}
	return page, nil
}

// Range implements [projections.Reader].
func (s *Store) Range(ctx context.Context, index string, r projections.Range) (found projections.Stretch, err error) {
	if err := s.enter(ctx); err != nil {
		return found, err
	}
	defer s.leave()
	var entries *pebble.Iterator
	var changes []change
	prefix := appendEntryPrefix(nil, index)
	empty := r.Limit <= 0 || r.To != "" && r.To <= r.From
	err = s.recent.read(func(recent *recent) (err error) {
		found.At = recent.at
		if empty {
			return nil
		}
		if of := recent.indexes[index]; of != nil {
			changes = of.show()
		}
		bounds := pebble.IterOptions{LowerBound: append(slices.Clone(prefix), r.From...), UpperBound: beyond(prefix)}
		if r.To != "" {
			bounds.UpperBound = append(slices.Clone(prefix), r.To...)
		}
		entries, err = s.db.NewIterWithContext(ctx, &bounds)
		return err
	})
	if err == nil && !empty {
		found.Members, err = readRange(entries, len(prefix), changes, r)
	}
	if err != nil {
		return projections.Stretch{}, s.explain(err)
	}
	return found, nil
}

// readRange closes the entries.
func readRange(entries *pebble.Iterator, prefix int, changes []change, r projections.Range) ([]string, error) {
	begin, _ := slices.BinarySearchFunc(changes, r.From, compareMember)
	changes = changes[begin:]
	if r.To != "" {
		end, _ := slices.BinarySearchFunc(changes, r.To, compareMember)
		changes = changes[:end]
	}
	var text strings.Builder
	var ends []int
	for member := range members(entries, prefix, changes, false) {
		if len(ends) == 0 {
			likely := min(r.Limit, mostLikely)
			text.Grow(likely * (len(member) + len(member)/8))
			ends = make([]int, 0, likely)
		}
		text.Write(member)
		if ends = append(ends, text.Len()); len(ends) == r.Limit {
			break
		}
	}
	return cutAt(text.String(), ends), entries.Close()
}

// mostLikely is for how many members of a range there is room from the start, as long as the first and an eighth more.
const mostLikely = 1024

// cutAt gives the parts of a text that end there: one string for all of them is far cheaper than one for each.
func cutAt(text string, ends []int) []string {
	parts, begin := make([]string, len(ends)), 0
	for i, end := range ends {
		parts[i], begin = text[begin:end], end
	}
	return parts
}

// read runs look on what is recent and on the database. What it reads there, or opens an iterator of, is of one moment:
// what is written into the database meanwhile is recent still.
func (r *recent) read(look func(*recent) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return look(r)
}

// walk says how to collect a page: from which end, how many members to pass, how many to take, and
// whether the taken ones stand the wrong way round.
type walk struct {
	fromLast bool
	skip     int
	take     int
	reversed bool
}

// window is the shorter walk to the page.
func window(total int, cut projections.Cut) walk {
	offset := max(cut.Offset, 0)
	take := max(min(cut.Limit, total-offset), 0)
	w := walk{fromLast: cut.NewestFirst, skip: offset, take: take}
	if beyond := total - offset - take; beyond < offset {
		return walk{fromLast: !cut.NewestFirst, skip: beyond, take: take, reversed: true}
	}
	return w
}

// readMembers closes the entries.
func readMembers(ctx context.Context, entries *pebble.Iterator, prefix int, changes []change, w walk) ([]string, error) {
	if w.take == 0 {
		return nil, entries.Close()
	}
	found, passed := make([]string, 0, w.take), 0
	for member := range members(entries, prefix, changes, w.fromLast) {
		if passed++; passed <= w.skip {
			if passed%1024 == 0 && ctx.Err() != nil {
				return nil, errors.Join(ctx.Err(), entries.Close())
			}
			continue
		}
		if found = append(found, string(member)); len(found) == w.take {
			break
		}
	}
	if w.reversed {
		slices.Reverse(found)
	}
	return found, entries.Close()
}

// members are those of the entries, whose keys have a prefix of that length, with changes made to them.
func members(entries *pebble.Iterator, prefix int, changes []change, backwards bool) iter.Seq[[]byte] {
	first, next, sign := entries.First, entries.Next, 1
	if backwards {
		first, next, sign = entries.Last, entries.Prev, -1
	}
	return func(yield func([]byte) bool) {
		for valid := first(); valid || len(changes) > 0; {
			order := -1 // of the next entry to the next change
			c, later := cutFirst(changes, backwards)
			if !valid {
				order = 1
			} else if len(changes) > 0 {
				order = sign * strings.Compare(string(entries.Key()[prefix:]), c.member)
			}
			if order < 0 {
				if !yield(entries.Key()[prefix:]) {
					return
				}
				valid = next()
				continue
			}
			if order == 0 {
				valid = next()
			}
			if changes = later; c.listed && !yield([]byte(c.member)) {
				return
			}
		}
	}
}

// cutFirst cuts off the first change, or the last one for a walk backwards.
func cutFirst(changes []change, backwards bool) (first change, later []change) {
	switch last := len(changes) - 1; {
	case last < 0:
		return change{}, nil
	case backwards:
		return changes[last], changes[:last]
	default:
		return changes[0], changes[1:]
	}
}

// beyond is the first key after all that start with the entry prefix, which ends in 01.
func beyond(prefix []byte) []byte {
	end := slices.Clone(prefix)
	end[len(end)-1]++
	return end
}

// readCheckpoint is zero where nothing was committed yet.
func readCheckpoint(from pebble.Reader) (eventstore.Position, error) {
	value, err := readValue(from, checkpointKey)
	if err != nil || value == nil {
		return eventstore.Position{}, err
	}
	return parseCheckpoint(value)
}

func readCount(from pebble.Reader, index string) (int64, error) {
	value, err := readValue(from, appendCountKey(nil, index))
	if err != nil || value == nil {
		return 0, err
	}
	return parseCount(value)
}

// readValue is nil where there is none, and not nil where it is empty.
func readValue(from pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return copied(value), closer.Close()
}

// copied is not nil even if there is nothing to copy.
func copied(value []byte) []byte { return append(make([]byte, 0, len(value)), value...) }
