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
func (s *Store) Get(ctx context.Context, keys ...string) (docs projections.Docs, err error) {
	docs.Values = make([][]byte, len(keys))
	var older []int // the keys that are for the database
	look := func(r *recent) {
		docs.At = r.at
		for i, key := range keys {
			if at, changed := r.docs[key]; !changed {
				older = append(older, i)
			} else if at != none {
				docs.Values[i] = copied(r.values[at.begin:at.end])
			}
		}
	}
	err = s.read(ctx, look, func(database *pebble.Snapshot) error {
		var key []byte
		for _, i := range older {
			key = appendDocumentKey(key[:0], keys[i])
			if docs.Values[i], err = readValue(database, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return projections.Docs{}, err
	}
	return docs, nil
}

// Page implements [projections.Reader]. Its cost grows with the distance of the page from the nearer end
// of the index, not with the size of the index. A negative offset or limit counts as 0.
func (s *Store) Page(ctx context.Context, index string, offset, limit int, newestFirst bool) (page projections.Page, err error) {
	var changes []change
	changed, count := false, int64(0)
	look := func(r *recent) {
		page.At = r.at
		if of := r.indexes[index]; of != nil {
			changed, count, changes = true, of.count, of.show()
		}
	}
	err = s.read(ctx, look, func(database *pebble.Snapshot) error {
		if !changed {
			if count, err = readCount(database, index); err != nil {
				return err
			}
		}
		page.Total = int(count)
		page.Members, err = readMembers(ctx, database, index, changes, window(page.Total, offset, limit, newestFirst))
		return err
	})
	if err != nil {
		return projections.Page{}, err
	}
	return page, nil
}

// Range implements [projections.Reader].
func (s *Store) Range(ctx context.Context, index string, r projections.Range) (found projections.Stretch, err error) {
	var changes []change
	look := func(recent *recent) {
		found.At = recent.at
		if of := recent.indexes[index]; of != nil {
			changes = of.show()
		}
	}
	err = s.read(ctx, look, func(database *pebble.Snapshot) error {
		found.Members, err = readRange(ctx, database, index, changes, r)
		return err
	})
	if err != nil {
		return projections.Stretch{}, err
	}
	return found, nil
}

func readRange(ctx context.Context, database *pebble.Snapshot, index string, changes []change, r projections.Range) ([]string, error) {
	if r.Limit <= 0 || r.To != "" && r.To <= r.From {
		return nil, nil
	}
	begin, _ := slices.BinarySearchFunc(changes, r.From, compareMember)
	changes = changes[begin:]
	if r.To != "" {
		end, _ := slices.BinarySearchFunc(changes, r.To, compareMember)
		changes = changes[:end]
	}
	prefix := appendEntryPrefix(nil, index)
	bounds := pebble.IterOptions{LowerBound: append(slices.Clone(prefix), r.From...), UpperBound: beyond(prefix)}
	if r.To != "" {
		bounds.UpperBound = append(slices.Clone(prefix), r.To...)
	}
	entries, err := database.NewIterWithContext(ctx, &bounds)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	var ends []int
	for member := range members(entries, len(prefix), changes, false) {
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

// read runs do on the views of one moment: look takes what it needs of what is recent, the rest is in the database.
func (s *Store) read(ctx context.Context, look func(*recent), do func(database *pebble.Snapshot) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	database := s.moment(look)
	return s.explain(errors.Join(do(database), database.Close()))
}

func (s *Store) moment(look func(*recent)) *pebble.Snapshot {
	s.recent.mu.RLock()
	defer s.recent.mu.RUnlock()
	look(&s.recent)
	return s.db.NewSnapshot()
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
func window(total, offset, limit int, newestFirst bool) walk {
	offset = max(offset, 0)
	take := max(min(limit, total-offset), 0)
	w := walk{fromLast: newestFirst, skip: offset, take: take}
	if beyond := total - offset - take; beyond < offset {
		return walk{fromLast: !newestFirst, skip: beyond, take: take, reversed: true}
	}
	return w
}

func readMembers(ctx context.Context, database *pebble.Snapshot, index string, changes []change, w walk) ([]string, error) {
	if w.take == 0 {
		return nil, nil
	}
	prefix := appendEntryPrefix(nil, index)
	entries, err := database.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: beyond(prefix)})
	if err != nil {
		return nil, err
	}
	found, passed := make([]string, 0, w.take), 0
	for member := range members(entries, len(prefix), changes, w.fromLast) {
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
