package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/transparency-dev/merkle/compact"

	"orderengine/eventstore"
	"orderengine/eventstore/pebbles"
)

// The keys of the folder.
//
//	"m"                         the state, below
//	"n" level:1 index:8         the hash of a complete subtree
//	"p" commit:8 prepare:8      the index of the leaf that stands for the event at a position
//	"c" size:8                  a signed checkpoint
//
// The state is a format byte, the number of leaves (8 bytes), the position of the last one (16) and its hash (32).
const (
	nodePrefix       = 'n'
	positionPrefix   = 'p'
	checkpointPrefix = 'c'

	stateFormat = 1
	stateSize   = 1 + 8 + 16 + HashSize
)

var stateKey = []byte{'m'}

var (
	// ErrLocked: another process has the tree's folder open. Stop that one first.
	ErrLocked = errors.New("the tree is in use by another process")
	// ErrDamaged: the tree's folder cannot be read. Keep it as evidence, under another name: the tree is made again from
	// the log.
	ErrDamaged = errors.New("the tree's folder is damaged")
	// ErrNotFound: there is no such checkpoint.
	ErrNotFound = errors.New("there is no such checkpoint")
)

// state is how far the tree is.
type state struct {
	size uint64
	at   eventstore.Position // of the last leaf
	last []byte              // its hash
}

func (s state) encode() []byte {
	b := binary.BigEndian.AppendUint64(append(make([]byte, 0, stateSize), stateFormat), s.size)
	b = binary.BigEndian.AppendUint64(b, s.at.Commit)
	b = binary.BigEndian.AppendUint64(b, s.at.Prepare)
	return append(b, s.last...)
}

func decodeState(b []byte) (state, error) {
	if len(b) != stateSize || b[0] != stateFormat {
		return state{}, fmt.Errorf("%w: the state has a form that this program does not know", ErrDamaged)
	}
	at := eventstore.Position{Commit: binary.BigEndian.Uint64(b[9:]), Prepare: binary.BigEndian.Uint64(b[17:])}
	return state{binary.BigEndian.Uint64(b[1:]), at, append([]byte(nil), b[25:]...)}, nil
}

func nodeKey(id compact.NodeID) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 10), nodePrefix, byte(id.Level)), id.Index)
}

func positionKey(p eventstore.Position) []byte {
	b := binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), positionPrefix), p.Commit)
	return binary.BigEndian.AppendUint64(b, p.Prepare)
}

func checkpointKey(size uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), checkpointPrefix), size)
}

// folder is the tree's database.
type folder struct{ db *pebble.DB }

// openFolder opens or makes it; readOnly does neither make nor change anything.
func openFolder(dir string, readOnly bool, logger *slog.Logger) (folder, error) {
	dir, err := filepath.Abs(dir) // the lock is by name
	if err != nil {
		return folder{}, err
	}
	db, err := pebble.Open(dir, pebbleOptions(readOnly, logger))
	switch {
	case pebbles.IsLocked(err):
		return folder{}, fmt.Errorf("%w: %s", ErrLocked, dir)
	case err != nil:
		return folder{}, damaged(fmt.Errorf("%s: %w", dir, err))
	}
	return folder{db}, nil
}

// passing is what the machine may lack or forbid for a time; it says nothing of the folder.
var passing = []error{
	fs.ErrPermission, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO,
}

// damaged calls an error damage unless it passes: a folder that is put aside as damaged no longer tells what the log was.
func damaged(err error) error {
	if slices.ContainsFunc(passing, func(p error) bool { return errors.Is(err, p) }) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func pebbleOptions(readOnly bool, logger *slog.Logger) *pebble.Options {
	o := &pebble.Options{
		FS:                    vfs.Default,
		ReadOnly:              readOnly,
		FormatMajorVersion:    pebble.FormatTableFormatV6,
		CacheSize:             32 << 20,
		MemTableSize:          16 << 20,
		L0CompactionThreshold: 4,
		L0StopWritesThreshold: 40,
	}
	pebbles.Tell(o, logger)
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression } // hashes do not shrink
	}
	return o
}

// get copies a value; found is false if there is none.
func (f folder) get(key []byte) (value []byte, found bool, err error) {
	stored, closer, err := f.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, damaged(err)
	}
	return append([]byte(nil), stored...), true, closer.Close()
}

func (f folder) state() (state, error) {
	value, found, err := f.get(stateKey)
	if err != nil || !found {
		return state{}, err
	}
	return decodeState(value)
}

func (f folder) node(id compact.NodeID) ([]byte, error) {
	hash, found, err := f.get(nodeKey(id))
	if err == nil && (!found || len(hash) != HashSize) {
		err = fmt.Errorf("%w: node %d of level %d is missing", ErrDamaged, id.Index, id.Level)
	}
	return hash, err
}

// index is the leaf of the event at a position.
func (f folder) index(at eventstore.Position) (index uint64, found bool, err error) {
	value, found, err := f.get(positionKey(at))
	if err != nil || !found {
		return 0, false, err
	}
	if len(value) != 8 {
		return 0, false, fmt.Errorf("%w: index of position %s", ErrDamaged, at)
	}
	return binary.BigEndian.Uint64(value), true, nil
}

// before is the position of the leaf before the one at a position, zero if that is the first.
func (f folder) before(at eventstore.Position) (p eventstore.Position, err error) {
	it, err := f.db.NewIter(&pebble.IterOptions{LowerBound: []byte{positionPrefix}, UpperBound: positionKey(at)})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return p, it.Error()
	}
	key := it.Key()
	return eventstore.Position{Commit: binary.BigEndian.Uint64(key[1:]), Prepare: binary.BigEndian.Uint64(key[9:])}, nil
}

// checkpoint is the signed checkpoint of a size; found is false if none was signed there.
func (f folder) checkpoint(size uint64) (signed []byte, found bool, err error) {
	return f.get(checkpointKey(size))
}

// signed is the size of the newest checkpoint, 0 if there is none.
func (f folder) signed() (size uint64, err error) {
	err = f.checkpoints(true, func(s uint64, _ []byte) bool { size = s; return false })
	return size, err
}

// checkpoints yields what was signed, by size.
func (f folder) checkpoints(newestFirst bool, yield func(size uint64, signed []byte) bool) (err error) {
	it, err := f.db.NewIter(&pebble.IterOptions{LowerBound: []byte{checkpointPrefix}, UpperBound: []byte{checkpointPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	first, next := it.First, it.Next
	if newestFirst {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if !yield(binary.BigEndian.Uint64(it.Key()[1:]), value) {
			return nil
		}
	}
	return it.Error()
}
