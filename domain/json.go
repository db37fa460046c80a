package domain

import (
	"bytes"
	"encoding/json"
	"sync"
)

// JSON is the stored form of v: compact, in UTF-8, with "<", ">" and "&" as they are, so that what a platform
// or a person wrote is kept as it was written. The bytes belong to the caller.
func JSON(v any) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.json.Encode(v); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimSuffix(e.buffer.Bytes(), []byte("\n"))), nil
}

// encoder is a JSON encoder that stays bound to its buffer: every event and every document needs one.
type encoder struct {
	buffer bytes.Buffer
	json   *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.json = json.NewEncoder(&e.buffer)
	e.json.SetEscapeHTML(false)
	return e
}}

// maxPooled keeps one huge text from holding its memory for ever.
const maxPooled = 64 << 10

func (e *encoder) release() {
	if e.buffer.Cap() <= maxPooled {
		clear(e.buffer.Bytes()) // it may tell of a patient
		e.buffer.Reset()
		encoders.Put(e)
	}
}
