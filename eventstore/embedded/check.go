package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
)

// Check verifies a log that no server has open, and changes no file of it: every byte of every file against its
// checksums, then what [Store.Verify] does. It fails with [eventstore.ErrLocked] if the folder is in use, and with an
// [eventstore.ErrCorrupt] that names the first bad position, or says that every event can still be read, and the files
// that are not as they were written. Damage to a journal's end or to the list of tables may have lost what came later.
//
// A journal that a killed server left cut within a chunk, or that ends within the last record of an earlier use of its file, is called
// damaged at the position after the last: starting the server drops what was never answered.
//
// What it cannot see: bytes of a journal after its end that are left over from an earlier use of the file, which carry
// nothing; and that a whole older copy of the folder was put there, which only a signed checkpoint from elsewhere shows.
func Check(ctx context.Context, dir string, options Options) error {
	options.ReadOnly = true
	if options.FS == nil {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		dir = abs
	}
	s, readErr := openChecked(dir, options)
	if errors.Is(readErr, eventstore.ErrLocked) {
		return readErr
	}
	faults, err := checkFiles(ctx, dir, options.withDefaults())
	if err != nil {
		return errors.Join(err, closeIf(s))
	}
	last := uint64(0)
	if s != nil {
		if faults, err = ofTheLog(s.db, faults); err != nil {
			return errors.Join(err, closeIf(s))
		}
		last = s.recent.durable()
		readErr = s.Verify(ctx)
	}
	if err := closeIf(s); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return verdict(faults, last, readErr)
}

// ofTheLog leaves out the tables that are not in use: a server that was killed leaves the one it was writing, and the
// next one removes it.
func ofTheLog(db *pebble.DB, faults []FileFault) ([]FileFault, error) {
	levels, err := db.SSTables()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, tables := range levels {
		for _, table := range tables {
			used[fmt.Sprintf("%06d.sst", table.FileNum)] = true
		}
	}
	return slices.DeleteFunc(faults, func(f FileFault) bool { return strings.HasSuffix(f.File, ".sst") && !used[f.File] }), nil
}

// openChecked opens a log that may be damaged in any way.
func openChecked(dir string, options Options) (s *Store, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("%w: pebble cannot open it: %v", eventstore.ErrCorrupt, p)
		}
	}()
	return Open(dir, options)
}

func closeIf(s *Store) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

// verdict names the first position that is bad by files or by reading; a log of last events that all can be read is
// still corrupt if a file is.
func verdict(faults []FileFault, last uint64, readErr error) error {
	first := uint64(0)
	var files []string
	for _, f := range faults {
		files = append(files, f.Error())
		if f.Position > 0 && (first == 0 || f.Position < first) {
			first = f.Position
		}
	}
	var at *corruptError
	if errors.As(readErr, &at) && (first == 0 || at.position < first) {
		first = at.position
	}
	in := ""
	if len(files) > 0 {
		in = "; damaged files: " + strings.Join(files, "; ")
	}
	switch {
	case readErr == nil && len(faults) == 0:
		return nil
	case first > 0 && readErr != nil:
		return fmt.Errorf("%w: first bad position %d: %w%s", eventstore.ErrCorrupt, first, readErr, in)
	case first > 0:
		return fmt.Errorf("%w: first bad position %d%s", eventstore.ErrCorrupt, first, in)
	case readErr != nil:
		return fmt.Errorf("%w: first bad position 1, for the log cannot be opened: %w%s", eventstore.ErrCorrupt, readErr, in)
	default:
		return fmt.Errorf("%w: no bad position, all events up to %d can be read%s", eventstore.ErrCorrupt, last, in)
	}
}
