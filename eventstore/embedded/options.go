package embedded

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderengine/eventstore/pebbles"
)

// Options change how a store works; the zero value of each field means its default.
type Options struct {
	// ReadOnly opens what is there and changes no file. Appends answer [eventstore.ErrInvalid].
	ReadOnly bool
	// OtherVersions has [Check] take a settings file that another version of this program wrote. It is for a copy whose files
	// were compared with what was copied.
	OtherVersions bool
	// FS holds the files; the operating system's by default.
	FS vfs.FS
	// Now is the clock that dates events; [time.Now] by default.
	Now func() time.Time
	// Logger hears of failures and slow recoveries; [slog.Default] by default.
	Logger *slog.Logger
	// CacheBytes bounds the cache of blocks read from disk; 64 MiB by default.
	CacheBytes int64
	// MemTableBytes is what is kept in memory (four times at most) before it is written to a sorted
	// table. What is in memory is read again from the journal when the store opens, at about 100 MiB a
	// second; 16 MiB by default.
	MemTableBytes uint64
	// QueueAppends is how many appends may wait for the writer before [eventstore.ErrOverloaded];
	// 8192 by default.
	QueueAppends int
	// QueueBytes is how many bytes of data and metadata may wait; 64 MiB by default.
	QueueBytes int64
	// RecentEvents is how many of the last events are kept in memory for followers; 16384 by default.
	RecentEvents int
	// RecentBytes bounds their data and metadata; 32 MiB by default.
	RecentBytes int
	// StreamHeads is how many streams' last revisions the writer remembers; 65536 by default.
	StreamHeads int

	blockBytes int // of a table; 16 KiB by default
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	setDefault(&o.CacheBytes, 64<<20)
	setDefault(&o.MemTableBytes, 16<<20)
	setDefault(&o.QueueAppends, 8192)
	setDefault(&o.QueueBytes, 64<<20)
	setDefault(&o.RecentEvents, 16384)
	setDefault(&o.RecentBytes, 32<<20)
	setDefault(&o.StreamHeads, 65536)
	setDefault(&o.blockBytes, 16<<10)
	return o
}

func setDefault[N int | int64 | uint64](field *N, value N) {
	if *field <= 0 {
		*field = value
	}
}

// pebbleOptions tunes pebble for a log: each key is written once, nothing is deleted, records come in
// rising order, and most reads are of what was written last.
func (o Options) pebbleOptions() *pebble.Options {
	po := &pebble.Options{
		FS:                 o.FS,
		ReadOnly:           o.ReadOnly,
		FormatMajorVersion: pebble.FormatTableFormatV6,
		CacheSize:          o.CacheBytes,
		MemTableSize:       o.MemTableBytes,
		// Two more memtables may wait for a flush before writers wait for the disk.
		MemTableStopWritesThreshold: 4,
		// Keys are never written twice, so a deep L0 hides nothing and the filters keep reads from it
		// cheap: better that compactions lag in a rush than that appends stall, or rewrite the index often.
		L0CompactionThreshold:      16,
		L0StopWritesThreshold:      40,
		LBaseMaxBytes:              256 << 20,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		MaxOpenFiles:               4096,
	}
	pebbles.Tell(po, o.Logger)
	po.TargetFileSizes[0] = 8 << 20
	po.Experimental.SpanPolicyFunc = recordsApart
	po.ApplyCompressionSettings(compression)
	for i := range po.Levels {
		// Records are of about 600 bytes: 16 KiB blocks halve the index and compress better.
		po.Levels[i].BlockSize = o.blockBytes
		po.Levels[i].IndexBlockSize = 64 << 10
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return po
}

// recordsApart ends a table between the records and the index. What a flush adds to the index lies among all that is
// there, so it must be merged; its records follow the last ones and need not be written again with it.
func recordsApart(key []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	if key[0] < indexPrefix {
		end = []byte{indexPrefix}
	}
	return policy, end, nil
}

// compression leaves alone what is soon written again.
func compression() pebble.DBCompressionSettings {
	settings := pebble.DBCompressionFastest
	settings.Levels[0] = pebble.DBCompressionNone.Levels[0]
	return settings
}
