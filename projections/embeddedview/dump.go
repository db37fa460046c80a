package embeddedview

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// Dump writes all that the views hold at one moment, one line each, for people and for comparing:
//
//	at 17
//	count "index" 2
//	doc "key" "value"
//	member "index" "member"
//
// in this order and then in byte order, quoted as Go does. Stores that hold the same dump the same.
func (s *Store) Dump(ctx context.Context, to io.Writer) error {
	if err := s.writeOut(ctx); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	moment := s.db.NewSnapshot()
	return s.explain(errors.Join(dump(ctx, to, moment), moment.Close()))
}

func dump(ctx context.Context, to io.Writer, moment *pebble.Snapshot) error {
	at, err := readCheckpoint(moment)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(to, "at %s\n", at); err != nil {
		return err
	}
	entries, err := moment.NewIterWithContext(ctx, &pebble.IterOptions{UpperBound: checkpointKey})
	if err != nil {
		return err
	}
	for entries.First(); entries.Valid(); entries.Next() {
		if err := dumpEntry(ctx, to, entries); err != nil {
			return errors.Join(err, entries.Close())
		}
	}
	return entries.Close()
}

// writeOut puts what is recent into the database, which is then all there is at its checkpoint.
func (s *Store) writeOut(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.commits.Lock()
	defer s.commits.Unlock()
	return s.explain(s.flush())
}

func dumpEntry(ctx context.Context, to io.Writer, at *pebble.Iterator) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	key := at.Key()
	value, err := at.ValueAndErr()
	if err != nil {
		return err
	}
	switch key[0] {
	case countKind:
		count, err := parseCount(value)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "count %q %d\n", key[1:], count)
		return err
	case documentKind:
		_, err = fmt.Fprintf(to, "doc %q %q\n", key[1:], value)
		return err
	default:
		index, member, err := splitEntryKey(key)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "member %q %q\n", index, member)
		return err
	}
}
