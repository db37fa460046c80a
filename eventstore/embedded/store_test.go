package embedded

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet drops the log lines that tests provoke.
var quiet = slog.New(slog.DiscardHandler)

func TestStore(t *testing.T) {
	for name, options := range map[string]func() Options{
		"disk": func() Options { return Options{Logger: quiet} },
		// Everything small: each test flushes, forgets heads, and follows from the log.
		"small": func() Options {
			return Options{
				Logger: quiet, FS: vfs.NewMem(), MemTableBytes: 64 << 10, StreamHeads: 1, RecentEvents: 3, RecentBytes: 1 << 10,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Harness {
				dir, o := t.TempDir(), options()
				open := func(t *testing.T) *Store {
					s, err := Open(dir, o)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				s := open(t)
				return storetest.Harness{Store: s, Reopen: func(t *testing.T) eventstore.Store {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t)
					return s
				}}
			})
		})
	}
}
