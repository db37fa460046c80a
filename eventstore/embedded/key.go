package embedded

import (
	"encoding/binary"

	"orderengine/eventstore"
)

// The keys of the store. Every part before the last number has a known length, so no stream's name can
// reach into the keys of another.
//
//	"f"                                        the format of all the rest
//	"l" position:8                             a record
//	"s" len(stream):1 stream revision:8        the position of that revision's record
const (
	recordPrefix = 'l'
	indexPrefix  = 's'

	recordKeySize = 1 + 8
	indexKeySize  = 1 + 1 + 8 // and the stream's name
)

var formatKey = []byte{'f'}

func appendRecordKey(b []byte, position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, recordPrefix), position)
}

func appendIndexKey(b []byte, stream string, revision eventstore.Revision) []byte {
	b = append(b, indexPrefix, byte(len(stream)))
	b = append(b, stream...)
	return binary.BigEndian.AppendUint64(b, uint64(revision))
}

func recordKey(position uint64) []byte {
	return appendRecordKey(make([]byte, 0, recordKeySize), position)
}

func indexKey(stream string, revision eventstore.Revision) []byte {
	return appendIndexKey(make([]byte, 0, indexKeySize+len(stream)), stream, revision)
}

// parseRecordKey is the inverse of recordKey.
func parseRecordKey(key []byte) (position uint64, ok bool) {
	if len(key) != recordKeySize || key[0] != recordPrefix {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

// parseIndexKey is the inverse of indexKey; stream is a part of key.
func parseIndexKey(key []byte) (stream []byte, revision eventstore.Revision, ok bool) {
	if len(key) < indexKeySize || key[0] != indexPrefix || len(key) != indexKeySize+int(key[1]) {
		return nil, 0, false
	}
	end := len(key) - 8
	return key[2:end], eventstore.Revision(binary.BigEndian.Uint64(key[end:])), true
}

// parseIndexValue reads the position that an index entry holds.
func parseIndexValue(value []byte) (position uint64, ok bool) {
	if len(value) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(value), true
}
