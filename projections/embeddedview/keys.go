package embeddedview

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"orderengine/eventstore"
)

// The key space. Each kind of entry has its own first byte:
//
//	'c' index          → how many members the index has, 8 bytes big endian; none when empty
//	'd' key            → the document
//	'i' index⁺ member  → nothing; index⁺ is the escaped name, so that entries sort by index, then member
//	'k'                → format version, checkpoint
const (
	countKind      = 'c'
	documentKind   = 'd'
	entryKind      = 'i'
	checkpointKind = 'k'
)

// formatVersion is what this program writes; folders of any other are refused, since they can be rebuilt.
const formatVersion = 2

var (
	checkpointKey = []byte{checkpointKind}
	lowestKey     = []byte{countKind}
	beyondKeys    = []byte{checkpointKind + 1}
)

func appendDocumentKey(dst []byte, key string) []byte {
	return append(append(dst, documentKind), key...)
}

func appendCountKey(dst []byte, index string) []byte {
	return append(append(dst, countKind), index...)
}

func appendEntryKey(dst []byte, index, member string) []byte {
	return append(appendEntryPrefix(dst, index), member...)
}

// appendEntryPrefix writes zero bytes of the name as 00 FF and its end as 00 01.
func appendEntryPrefix(dst []byte, index string) []byte {
	dst = append(dst, entryKind)
	for i := range len(index) {
		dst = append(dst, index[i])
		if index[i] == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0, 1)
}

// splitEntryKey is the inverse of appendEntryKey.
func splitEntryKey(key []byte) (index, member []byte, err error) {
	rest := key[1:]
	for {
		zero := bytes.IndexByte(rest, 0)
		if zero < 0 || zero+1 == len(rest) {
			return nil, nil, fmt.Errorf("%w: index entry %q has no end of the index's name", ErrDamaged, key)
		}
		index = append(index, rest[:zero]...)
		mark := rest[zero+1]
		rest = rest[zero+2:]
		if mark == 1 {
			return index, rest, nil
		}
		index = append(index, 0)
	}
}

func appendCheckpoint(dst []byte, at eventstore.Position) []byte {
	dst = append(dst, formatVersion)
	dst = binary.BigEndian.AppendUint64(dst, at.Commit)
	return binary.BigEndian.AppendUint64(dst, at.Prepare)
}

func parseCheckpoint(value []byte) (eventstore.Position, error) {
	if len(value) == 0 || value[0] != formatVersion {
		return eventstore.Position{}, fmt.Errorf("%w: it starts with %.4x, this program writes version %d", ErrFormat, value, formatVersion)
	}
	if len(value) != 17 {
		return eventstore.Position{}, fmt.Errorf("%w: checkpoint of %d bytes", ErrDamaged, len(value))
	}
	return eventstore.Position{
		Commit:  binary.BigEndian.Uint64(value[1:]),
		Prepare: binary.BigEndian.Uint64(value[9:]),
	}, nil
}

func appendCount(dst []byte, count int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(count))
}

func parseCount(value []byte) (int64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: count of %d bytes", ErrDamaged, len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}
