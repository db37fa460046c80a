package embeddedview

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestOtherFormatsAreRefused opens folders with what another version, or another program, left in them.
func TestOtherFormatsAreRefused(t *testing.T) {
	for name, entry := range map[string][2]string{
		"a later version":       {"k", "\x03 whatever comes later"},
		"no version":            {"k", ""},
		"another program's own": {"e1", "an event"},
	} {
		t.Run(name, func(t *testing.T) {
			files := vfs.NewMem()
			db, err := pebble.Open("views", tuned(slog.New(slog.DiscardHandler), files))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Set([]byte(entry[0]), []byte(entry[1]), pebble.NoSync), db.Flush(), db.Close()); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the refusal must release the folder
				if _, err := open("views", tuned(nil, files)); !errors.Is(err, ErrFormat) {
					t.Errorf("open: %v, want %v", err, ErrFormat)
				}
			}
		})
	}
}

func TestBrokenEntriesAreDamage(t *testing.T) {
	if _, err := parseCheckpoint([]byte{formatVersion, 1, 2}); !errors.Is(err, ErrDamaged) {
		t.Errorf("short checkpoint: %v, want %v", err, ErrDamaged)
	}
	if _, err := parseCount([]byte("1234567")); !errors.Is(err, ErrDamaged) {
		t.Errorf("short count: %v, want %v", err, ErrDamaged)
	}
	if _, _, err := splitEntryKey([]byte("iname")); !errors.Is(err, ErrDamaged) {
		t.Errorf("entry without end of the name: %v, want %v", err, ErrDamaged)
	}
}
