package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

// A record is, in this order:
//
//	checksum     4 bytes   CRC-32C of the position (8 bytes) and of all that follows
//	format       1 byte    recordFormat
//	time         8 bytes   microseconds since 1970
//	id          16 bytes
//	revision     8 bytes
//	stream       uvarint length, bytes
//	type         uvarint length, bytes
//	data         uvarint length, bytes
//	metadata     the rest
//
// Numbers are big-endian. The position is not repeated: it is the key, and the checksum ties the two.
const (
	recordFormat     = 1
	recordHeaderSize = 4 + 1 + 8 + 16 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errTruncated = errors.New("record is cut short")

// recordSize is how many bytes encodeRecord writes.
func recordSize(e *eventstore.Recorded) int {
	return recordHeaderSize + sizeWithLength(len(e.Stream)) + sizeWithLength(len(e.Type)) +
		sizeWithLength(len(e.Data)) + len(e.Metadata)
}

func sizeWithLength(n int) int {
	size := 1 + n
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// encodeRecord writes e into b, which has recordSize(e) bytes.
func encodeRecord(b []byte, e *eventstore.Recorded) {
	b = append(b[:4], recordFormat)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	b = append(b, e.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Revision))
	b = append(binary.AppendUvarint(b, uint64(len(e.Stream))), e.Stream...)
	b = append(binary.AppendUvarint(b, uint64(len(e.Type))), e.Type...)
	b = append(binary.AppendUvarint(b, uint64(len(e.Data))), e.Data...)
	b = append(b, e.Metadata...)
	binary.BigEndian.PutUint32(b, checksum(e.Position.Commit, b[4:]))
}

func checksum(position uint64, rest []byte) uint32 {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], position)
	return crc32.Update(crc32.Checksum(key[:], castagnoli), castagnoli, rest)
}

// decodeRecord reads the record at a position. The event has bytes of its own.
func decodeRecord(position uint64, b []byte) (eventstore.Recorded, error) {
	if len(b) < recordHeaderSize {
		return eventstore.Recorded{}, corruptAt(position, errTruncated)
	}
	if want, got := binary.BigEndian.Uint32(b), checksum(position, b[4:]); want != got {
		return eventstore.Recorded{}, corruptAt(position, fmt.Errorf("checksum is %08x, stored is %08x", got, want))
	}
	if b[4] != recordFormat {
		return eventstore.Recorded{}, corruptAt(position, fmt.Errorf("record format %d is not known", b[4]))
	}
	e := eventstore.Recorded{
		Position: positionOf(position),
		Time:     time.UnixMicro(int64(binary.BigEndian.Uint64(b[5:]))).UTC(),
		Revision: eventstore.Revision(binary.BigEndian.Uint64(b[29:])),
	}
	e.ID = uuid.UUID(b[13:29])
	stream, rest, ok1 := cutLength(b[recordHeaderSize:])
	typ, rest, ok2 := cutLength(rest)
	data, metadata, ok3 := cutLength(rest)
	if !ok1 || !ok2 || !ok3 {
		return eventstore.Recorded{}, corruptAt(position, errTruncated)
	}
	e.Stream, e.Type = string(stream), string(typ)
	e.Data, e.Metadata = ownBytes(data, metadata)
	return e, nil
}

// cutLength cuts off what follows a length; ok is false if there is not so much.
func cutLength(b []byte) (cut, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end], b[end:], true
}

// ownBytes copies data and metadata into one allocation; neither can grow into the other.
func ownBytes(data, metadata []byte) (ownData, ownMetadata []byte) {
	own := make([]byte, 0, len(data)+len(metadata))
	own = append(append(own, data...), metadata...)
	return own[:len(data):len(data)], own[len(data):]
}

func positionOf(n uint64) eventstore.Position {
	return eventstore.Position{Commit: n, Prepare: n}
}

// corruptError is an [eventstore.ErrCorrupt] at a position.
type corruptError struct {
	position uint64
	why      error
}

func (e *corruptError) Error() string {
	return fmt.Sprintf("%v: position %d: %v", eventstore.ErrCorrupt, e.position, e.why)
}

func (e *corruptError) Unwrap() []error { return []error{eventstore.ErrCorrupt, e.why} }

func corruptAt(position uint64, why error) error { return &corruptError{position, why} }
