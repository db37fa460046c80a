package drf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// encoder is a JSON encoder that stays bound to its buffer, so that both can be used again.
type encoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}}

// maxPooled keeps one huge reply from holding its memory for ever.
const maxPooled = 64 << 10

// Marshal encodes a reply as DRF's JSONRenderer does: compact, raw UTF-8 with nothing escaped for HTML, U+2028 and
// U+2029 always escaped, no newline at the end. The bytes belong to the caller.
func Marshal(v any) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.enc.Encode(v); err != nil {
		return nil, fmt.Errorf("drf: encode reply: %w", err)
	}
	return bytes.Clone(bytes.TrimSuffix(e.buf.Bytes(), []byte{'\n'})), nil
}

func (e *encoder) release() {
	if e.buf.Cap() > maxPooled {
		return
	}
	clear(e.buf.Bytes()) // it may tell of a patient
	e.buf.Reset()
	encoders.Put(e)
}

// Time writes an instant as DRF's DateTimeField writes a naive datetime in loc: no zone, six digits of microseconds, or
// none at all when they are 0 (datetime.isoformat).
func Time(t time.Time, loc *time.Location) string { return string(appendTime(nil, t, loc)) }

func appendTime(b []byte, t time.Time, loc *time.Location) []byte {
	end := len(b) + len("2006-01-02T15:04:05")
	b = t.In(loc).AppendFormat(b, time.RFC3339)[:end] // this layout is written four times as fast as others
	if micros := t.Nanosecond() / int(time.Microsecond); micros > 0 {
		b = append(b, '.')
		for digit := 100_000; digit > 0; digit /= 10 {
			b = append(b, '0'+byte(micros/digit%10))
		}
	}
	return b
}

// Yuan writes an amount in fen as DRF's DecimalField with two places does: "15.00".
func Yuan(fen int64) string {
	sign, magnitude := "", uint64(fen)
	if fen < 0 {
		sign, magnitude = "-", -magnitude
	}
	return fmt.Sprintf("%s%d.%02d", sign, magnitude/100, magnitude%100)
}
