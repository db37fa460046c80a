package embeddedview

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"orderengine/eventstore"
)

// The key space. Each kind of entry has its own first byte:
//
//	'c' index          → summary: members in the index, 8 bytes big endian, and a bound of them; none when empty
//	'd' key            → the document
//	'i' index⁺ member  → nothing; index⁺ is the escaped name, so that entries sort by index, then member
//	'k'                → format version, checkpoint
const (
	summaryKind    = 'c'
	documentKind   = 'd'
	entryKind      = 'i'
	checkpointKind = 'k'
)

// formatVersion is what this program writes; folders of any other are refused, since they can be rebuilt.
const formatVersion = 1

var (
	checkpointKey = []byte{checkpointKind}
	lowestKey     = []byte{summaryKind}
	beyondKeys    = []byte{checkpointKind + 1}
)

func appendDocumentKey(dst []byte, key string) []byte {
	return append(append(dst, documentKind), key...)
}

func appendSummaryKey(dst []byte, index string) []byte {
	return append(append(dst, summaryKind), index...)
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

// summary is what a commit must know of an index. The bound spares it most lookups: indexes grow at their
// end, and a member above the bound is not listed yet.
type summary struct {
	count int64
	bound string // no listed member is above it
}

// mayHold says whether member can be listed.
func (s *summary) mayHold(member string) bool { return s.count > 0 && member <= s.bound }

// add counts a member in.
func (s *summary) add(member string) {
	if s.count == 0 || member > s.bound {
		s.bound = member
	}
	s.count++
}

func appendSummary(dst []byte, s *summary) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(s.count)), s.bound...)
}

func parseSummary(value []byte) (summary, error) {
	if len(value) < 8 {
		return summary{}, fmt.Errorf("%w: summary of %d bytes", ErrDamaged, len(value))
	}
	return summary{count: int64(binary.BigEndian.Uint64(value)), bound: string(value[8:])}, nil
}
