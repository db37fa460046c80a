package embeddedview

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	memTable  = 16 << 20 // what a crash may lose, to be projected again
	memTables = 6        // at most, while flushes fall behind
	blocks    = 64 << 20
	separate  = 512 // bytes: documents from this size on stay where they are when keys are compacted
)

// tuned is for views of a million orders in less than 256 MiB of memory.
func tuned(logger *slog.Logger, files vfs.FS) *pebble.Options {
	if logger == nil {
		logger = slog.Default()
	}
	opts := &pebble.Options{
		FS:                          files,
		FormatMajorVersion:          pebble.FormatValueSeparation,
		CacheSize:                   blocks + memTables*memTable, // pebble takes the memtables out of the cache
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: memTables,
		// Commits come in bursts, when views are rebuilt: let L0 take one and compact it later.
		L0CompactionThreshold: 8,
		L0StopWritesThreshold: 40,
		LBaseMaxBytes:         128 << 20,
		MaxOpenFiles:          256,
		// No journal: a crash loses what was in no table yet, always all that came after some commit. The follower
		// makes it again sooner than a journal would be written at every commit.
		DisableWAL: true,
		Logger:     log{logger},
		EventListener: &pebble.EventListener{
			// Without it damage found while reading would end the process; the read reports it.
			DataCorruption: func(info pebble.DataCorruptionInfo) { logger.Error("views: damaged", "info", info.String()) },
		},
	}
	opts.TargetFileSizes[0] = 8 << 20
	for i := range opts.Levels {
		opts.Levels[i].BlockSize = 8 << 10
		// Most lookups of the follower are of entries that are not there yet.
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	opts.Experimental.ValueSeparationPolicy = separateDocuments
	opts.ApplyCompressionSettings(compression)
	return opts
}

// separateDocuments keeps documents out of most compactions, which would otherwise write them again and again.
func separateDocuments() pebble.ValueSeparationPolicy {
	return pebble.ValueSeparationPolicy{
		Enabled:               true,
		MinimumSize:           separate,
		MaxBlobReferenceDepth: 10,
		RewriteMinimumAge:     10 * time.Second,
		TargetGarbageRatio:    0.4,
	}
}

// compression leaves alone what is soon written again.
func compression() pebble.DBCompressionSettings {
	settings := pebble.DBCompressionFastest
	settings.Levels[0] = pebble.DBCompressionNone.Levels[0]
	return settings
}

// log passes on what pebble says when something is wrong.
type log struct{ to *slog.Logger }

func (l log) Infof(string, ...any) {}

func (l log) Errorf(format string, args ...any) {
	l.to.Error("views: " + fmt.Sprintf(format, args...))
}

// Fatalf ends the process, as pebble requires: it cannot go on, and a restart recovers.
func (l log) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	os.Exit(1)
}
