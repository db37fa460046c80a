package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

var sampleRecord = eventstore.Recorded{
	Event: eventstore.Event{
		ID:       uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"),
		Type:     "OrderPlaced",
		Data:     []byte(`{"fen":1500}`),
		Metadata: []byte(`{"actor":"patient1"}`),
	},
	Stream:   "qaorder-1",
	Revision: 7,
	Position: positionOf(0x0102030405060708),
	Time:     time.UnixMicro(1709222399123456).UTC(),
}

func encode(e *eventstore.Recorded) []byte {
	b := make([]byte, recordSize(e))
	encodeRecord(b, e)
	return b
}

// TestStoredBytes pins what is on disk: who changes it must count recordFormat up and read both.
func TestStoredBytes(t *testing.T) {
	const want = "3f92be58" + "01" + "0006128759f12000" + "00112233445566778899aabbccddeeff" + "0000000000000007" +
		"0971616f726465722d31" + "0b4f72646572506c61636564" + "0c7b2266656e223a313530307d" +
		"7b226163746f72223a2270617469656e7431227d"
	if got := hex.EncodeToString(encode(&sampleRecord)); got != want {
		t.Errorf("record is\n%s, want\n%s", got, want)
	}
	if got, want := hex.EncodeToString(indexKey("a-1", 2)), "7303612d310000000000000002"; got != want {
		t.Errorf("index key is %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(recordKey(258)), "6c0000000000000102"; got != want {
		t.Errorf("record key is %s, want %s", got, want)
	}
}

func TestDecodeFindsEveryFlippedBit(t *testing.T) {
	whole := encode(&sampleRecord)
	position := sampleRecord.Position.Commit
	for i := range whole {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			if _, err := decodeRecord(position, damaged); !errors.Is(err, eventstore.ErrCorrupt) {
				t.Fatalf("bit %d of byte %d: %v, want ErrCorrupt", bit, i, err)
			}
		}
		if _, err := decodeRecord(position, whole[:i]); !errors.Is(err, eventstore.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v, want ErrCorrupt", i, err)
		}
	}
	if _, err := decodeRecord(position+1, whole); !errors.Is(err, eventstore.ErrCorrupt) {
		t.Fatalf("at another position: %v, want ErrCorrupt", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(uint64(1), encode(&sampleRecord), "qaorder-1", "OrderPlaced", uint(3))
	f.Add(uint64(0), []byte{}, "", "", uint(0))
	f.Fuzz(func(t *testing.T, position uint64, b []byte, stream, typ string, flip uint) {
		if e, err := decodeRecord(position, b); err == nil {
			again, err := decodeRecord(position, encode(&e))
			if err != nil || !sameRecord(again, e) {
				t.Fatalf("decoded %+v, then %+v, %v", e, again, err)
			}
		}
		resealed := bytes.Clone(b)
		if len(resealed) >= recordHeaderSize {
			// With a right checksum the fields themselves are put to the test.
			reseal(position, resealed)
			if _, err := decodeRecord(position, resealed); err != nil && !errors.Is(err, eventstore.ErrCorrupt) {
				t.Fatalf("resealed: %v, want ErrCorrupt", err)
			}
		}
		e := eventstore.Recorded{
			Event:  eventstore.Event{Type: typ, Data: b, Metadata: []byte(stream)},
			Stream: stream, Revision: eventstore.Revision(flip), Position: positionOf(position), Time: time.UnixMicro(int64(flip)).UTC(),
		}
		copy(e.ID[:], b)
		whole := encode(&e)
		got, err := decodeRecord(position, whole)
		if err != nil || !sameRecord(got, e) {
			t.Fatalf("encoded %+v, decoded %+v, %v", e, got, err)
		}
		whole[flip%uint(len(whole))] ^= 0x40
		if _, err := decodeRecord(position, whole); !errors.Is(err, eventstore.ErrCorrupt) {
			t.Fatalf("a flipped byte: %v, want ErrCorrupt", err)
		}
	})
}

func reseal(position uint64, record []byte) {
	binary.BigEndian.PutUint32(record, checksum(position, record[4:]))
}

func sameRecord(a, b eventstore.Recorded) bool {
	return a.ID == b.ID && a.Type == b.Type && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Metadata, b.Metadata) &&
		a.Stream == b.Stream && a.Revision == b.Revision && a.Position == b.Position && a.Time.Equal(b.Time)
}
