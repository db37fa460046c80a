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
	return s.read(ctx, func(moment *pebble.Snapshot) error {
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
	})
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
	case summaryKind:
		of, err := parseSummary(value)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "count %q %d\n", key[1:], of.count)
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
