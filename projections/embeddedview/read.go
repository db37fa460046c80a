package embeddedview

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Get implements [projections.Reader].
func (s *Store) Get(ctx context.Context, keys ...string) (docs projections.Docs, err error) {
	err = s.read(ctx, func(moment *pebble.Snapshot) error {
		docs.Values = make([][]byte, len(keys))
		var key []byte
		for i := range keys {
			key = appendDocumentKey(key[:0], keys[i])
			if docs.Values[i], err = readValue(moment, key); err != nil {
				return err
			}
		}
		docs.At, err = readCheckpoint(moment)
		return err
	})
	if err != nil {
		return projections.Docs{}, err
	}
	return docs, nil
}

// Page implements [projections.Reader]. Its cost grows with the distance of the page from the nearer end
// of the index, not with the size of the index. A negative offset or limit counts as 0.
func (s *Store) Page(ctx context.Context, index string, offset, limit int, newestFirst bool) (page projections.Page, err error) {
	err = s.read(ctx, func(moment *pebble.Snapshot) error {
		if page.At, err = readCheckpoint(moment); err != nil {
			return err
		}
		of, err := readSummary(moment, index)
		if err != nil {
			return err
		}
		page.Total = int(of.count)
		page.Members, err = readMembers(ctx, moment, index, window(page.Total, offset, limit, newestFirst))
		return err
	})
	if err != nil {
		return projections.Page{}, err
	}
	return page, nil
}

// Range implements [projections.Reader].
func (s *Store) Range(ctx context.Context, index string, r projections.Range) (found projections.Stretch, err error) {
	err = s.read(ctx, func(moment *pebble.Snapshot) error {
		if found.At, err = readCheckpoint(moment); err != nil || r.Limit <= 0 {
			return err
		}
		found.Members, err = readRange(ctx, moment, index, r)
		return err
	})
	if err != nil {
		return projections.Stretch{}, err
	}
	return found, nil
}

func readRange(ctx context.Context, moment *pebble.Snapshot, index string, r projections.Range) ([]string, error) {
	prefix := appendEntryPrefix(nil, index)
	bounds := pebble.IterOptions{LowerBound: append(slices.Clone(prefix), r.From...), UpperBound: beyond(prefix)}
	if r.To != "" {
		bounds.UpperBound = append(slices.Clone(prefix), r.To...)
	}
	if r.To != "" && r.To <= r.From {
		return nil, nil
	}
	entries, err := moment.NewIterWithContext(ctx, &bounds)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	var ends []int
	for valid := entries.First(); valid && len(ends) < r.Limit; valid = entries.Next() {
		member := entries.Key()[len(prefix):]
		if len(ends) == 0 {
			likely := min(r.Limit, mostLikely)
			text.Grow(likely * (len(member) + len(member)/8))
			ends = make([]int, 0, likely)
		}
		text.Write(member)
		ends = append(ends, text.Len())
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

// read runs do on the views of one moment.
func (s *Store) read(ctx context.Context, do func(moment *pebble.Snapshot) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	moment := s.db.NewSnapshot()
	return s.explain(errors.Join(do(moment), moment.Close()))
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

func readMembers(ctx context.Context, moment *pebble.Snapshot, index string, w walk) ([]string, error) {
	if w.take == 0 {
		return nil, nil
	}
	prefix := appendEntryPrefix(nil, index)
	entries, err := moment.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: beyond(prefix)})
	if err != nil {
		return nil, err
	}
	step, at := entries.Next, entries.First
	if w.fromLast {
		step, at = entries.Prev, entries.Last
	}
	valid := at()
	for i := 0; valid && i < w.skip; i++ {
		valid = step()
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), entries.Close())
		}
	}
	members := make([]string, 0, w.take)
	for ; valid && len(members) < w.take; valid = step() {
		members = append(members, string(entries.Key()[len(prefix):]))
	}
	if w.reversed {
		slices.Reverse(members)
	}
	return members, entries.Close()
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

func readSummary(from pebble.Reader, index string) (summary, error) {
	value, err := readValue(from, appendSummaryKey(nil, index))
	if err != nil || value == nil {
		return summary{}, err
	}
	return parseSummary(value)
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
	return append(make([]byte, 0, len(value)), value...), closer.Close()
}
