package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Pebble reads a journal until something is not readable and takes that for its end, since a crash leaves just that. So a
// flipped byte takes away all appends after it, and opening the log says nothing. This reader reads the same form, which
// pebble's package record describes, but tells an end from damage: it wants every byte of the file accounted for.
//
// A file is blocks of 32 KiB, a block is chunks and, if no header fits any more, zeros. A chunk is, little-endian,
//
//	checksum 4, length 2, type 1, [journal number 4, [synced offset 8,]] payload
//
// where types 1–4 (first, whole… of a record) have neither bracket, 5–8 the outer and 9–12 both.
const (
	journalBlock  = 32 << 10
	chunkHeader   = 4 + 2 + 1
	numberedChunk = chunkHeader + 4
	syncedChunk   = numberedChunk + 8
)

// journal is a file under the reader.
type journal struct {
	data   []byte
	number uint32 // the low bits of the file's own; chunks of a file that was used before have a lower one
	taken  func(record []byte) error
	record []byte // the parts of a record so far
	open   bool
}

// journalFault is where a journal is not as it was written.
type journalFault struct {
	offset int
	why    error
}

var (
	errChunk    = errors.New("what stands there is no chunk of a journal")
	errChecksum = errors.New("the checksum of a chunk is wrong")
	errNoZeros  = errors.New("unused bytes are not zero")
	errSequence = errors.New("the chunks of a record do not follow each other")
)

// read goes over the whole file and gives each whole record to taken. A record that was being written in a crash is no
// fault if nothing follows it.
func (j *journal) read() *journalFault {
	at := 0
	for at < len(j.data) {
		left := min(journalBlock-at%journalBlock, len(j.data)-at)
		if left < chunkHeader || j.isPadding(at, left) {
			if fault := j.zeros(at, at+left); fault != nil {
				return fault
			}
			at += left
			continue
		}
		if j.isTrailer(at, left) {
			return nil // what follows is of the file's earlier use
		}
		var size int
		var fault *journalFault
		if isZero(j.data[at : at+chunkHeader]) {
			size, fault = len(j.data)-at, j.zeros(at, len(j.data)) // space that was kept ready
		} else {
			size, fault = j.chunk(at, left)
		}
		if fault != nil {
			if j.isOfEarlierUse(at, left) {
				return nil
			}
			return fault
		}
		at += size
	}
	return nil
}

// isPadding says that so little is left of a whole block that the writer may have filled it up.
func (j *journal) isPadding(at, left int) bool {
	return left < syncedChunk && (at+left)%journalBlock == 0 && isZero(j.data[at:at+min(left, chunkHeader)])
}

func (j *journal) zeros(from, to int) *journalFault {
	for i := from; i < to; i++ {
		if j.data[i] != 0 {
			return &journalFault{i, errNoZeros}
		}
	}
	return nil
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// isTrailer says that a journal was closed here: an empty chunk with the next number.
func (j *journal) isTrailer(at, left int) bool {
	want := binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0, 0, 0, 5}, j.number+1)
	return left >= len(want) && bytes.Equal(j.data[at:at+len(want)], want)
}

// header reads a chunk's own: the size of its header, and its length with that.
func header(b []byte) (kind byte, size, length int, ok bool) {
	kind = b[6]
	if kind < 1 || kind > 12 {
		return 0, 0, 0, false
	}
	size = []int{chunkHeader, numberedChunk, syncedChunk}[(kind-1)/4]
	length = size + int(binary.LittleEndian.Uint16(b[4:]))
	return kind, size, length, length <= len(b)
}

// intact says that a whole chunk has the checksum that stands before it.
func intact(chunk []byte) bool {
	sum := crc32.Checksum(chunk[6:], castagnoli)
	return binary.LittleEndian.Uint32(chunk) == (sum>>15|sum<<17)+0xa282ead8
}

// chunk takes the chunk at an offset in.
func (j *journal) chunk(at, left int) (size int, fault *journalFault) {
	b := j.data[at : at+left]
	kind, headerSize, length, ok := header(b)
	if !ok {
		return 0, &journalFault{at, errChunk}
	}
	b = b[:length]
	if !intact(b) {
		return 0, &journalFault{at, errChecksum}
	}
	if headerSize > chunkHeader && binary.LittleEndian.Uint32(b[chunkHeader:]) != j.number {
		return 0, &journalFault{at, errChunk}
	}
	if err := j.take(kind, b[headerSize:]); err != nil {
		return 0, &journalFault{at, err}
	}
	return length, nil
}

// take puts a record together from its chunks.
func (j *journal) take(kind byte, payload []byte) error {
	part := (kind - 1) % 4 // whole, first, middle, last
	if j.open != (part >= 2) {
		return errSequence
	}
	if part <= 1 {
		j.record = j.record[:0]
	}
	j.record = append(j.record, payload...)
	j.open = part == 1 || part == 2
	if j.open {
		return nil
	}
	return j.taken(j.record)
}

// isOfEarlierUse says that what cannot be read is left over from an earlier use of the file, which a server that was
// killed did not mark off: the next whole chunks are of a lower number, and none is of this one.
func (j *journal) isOfEarlierUse(at, left int) bool {
	earlier := false
	for next := at; next+syncedChunk < len(j.data); {
		switch number, ok := j.numberAt(next); {
		case ok && number >= j.number:
			return false
		case ok:
			earlier = true
		}
		if next < at+left-1 {
			next++ // chunks of the earlier use begin anywhere in this block
		} else {
			next += journalBlock - next%journalBlock // and one at the beginning of each other
		}
	}
	return earlier
}

// numberAt is the journal number of a whole chunk that begins at an offset.
func (j *journal) numberAt(at int) (number uint32, ok bool) {
	b := j.data[at:min(at-at%journalBlock+journalBlock, len(j.data))]
	if len(b) < syncedChunk {
		return 0, false
	}
	kind, _, length, ok := header(b)
	if number = binary.LittleEndian.Uint32(b[chunkHeader:]); !ok || kind <= 4 || number > j.number {
		return 0, false
	}
	return number, intact(b[:length])
}

func (f *journalFault) Error() string { return fmt.Sprintf("byte %d: %v", f.offset, f.why) }
