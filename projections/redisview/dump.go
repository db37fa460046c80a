package redisview

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"orderengine/projections"
)

// dumpStep is how many documents or members one call asks for.
const dumpStep = 500

// Dump writes all that the views hold, one line each, for people and for comparing:
//
//	at 17
//	count "index" 2
//	doc "key" "value"
//	member "index" "member"
//
// in this order and then in byte order, quoted as Go does. Stores that hold the same dump the same. It
// keeps all names in memory, and fails with [projections.ErrStale] if a commit came in between.
func (s *Store) Dump(ctx context.Context, to io.Writer) error {
	before, err := s.Get(ctx)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, "at %s\n", before.At)
	if err := s.dumpContent(ctx, w); err != nil {
		return err
	}
	after, err := s.Get(ctx)
	if err != nil {
		return err
	}
	if after.At != before.At {
		return fmt.Errorf("%w: from %s to %s during the dump", projections.ErrStale, before.At, after.At)
	}
	return w.Flush()
}

func (s *Store) dumpContent(ctx context.Context, w *bufio.Writer) error {
	documents, indexes, err := s.names(ctx)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if err := s.dumpCount(ctx, w, index); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(documents, dumpStep) {
		if err := s.dumpDocuments(ctx, w, some); err != nil {
			return err
		}
	}
	for _, index := range indexes {
		if err := s.dumpMembers(ctx, w, index); err != nil {
			return err
		}
	}
	return nil
}

// names are the keys of all documents and the names of all indexes, in order.
func (s *Store) names(ctx context.Context) (documents, indexes []string, err error) {
	var mu sync.Mutex
	err = s.scan(ctx, func(names []string) error {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			place, _ := s.keys.placeOf(name)
			p := s.keys.parts[place]
			if key, ok := strings.CutPrefix(name, p.documents()); ok {
				documents = append(documents, key)
			} else {
				indexes = append(indexes, strings.TrimPrefix(name, p.indexes()))
			}
		}
		return nil
	})
	slices.Sort(documents)
	slices.Sort(indexes)
	return slices.Compact(documents), slices.Compact(indexes), err // a scan may find a key twice
}

func (s *Store) dumpCount(ctx context.Context, w *bufio.Writer, index string) error {
	count, err := s.client.ZCard(ctx, s.keys.parts[s.keys.place(index)].index(index)).Result()
	if err != nil {
		return s.explain(ctx, err)
	}
	_, err = fmt.Fprintf(w, "count %q %d\n", index, count)
	return err
}

func (s *Store) dumpDocuments(ctx context.Context, w *bufio.Writer, names []string) error {
	docs, err := s.Get(ctx, names...)
	if err != nil {
		return err
	}
	for i, name := range names {
		if _, err := fmt.Fprintf(w, "doc %q %q\n", name, docs.Values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) dumpMembers(ctx context.Context, w *bufio.Writer, index string) error {
	for offset := 0; ; offset += dumpStep {
		page, err := s.Page(ctx, index, projections.Cut{Offset: offset, Limit: dumpStep})
		if err != nil || len(page.Members) == 0 {
			return err
		}
		for _, member := range page.Members {
			if _, err := fmt.Fprintf(w, "member %q %q\n", index, member); err != nil {
				return err
			}
		}
	}
}
