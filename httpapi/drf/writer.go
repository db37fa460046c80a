package drf

import (
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// Writer writes a reply piece by piece, byte for byte as [Marshal] would: the replies that are sent most are written so,
// at a fraction of what it costs. Commas it sets itself. After an error it goes on, and [Writer.JSON] gives the first.
type Writer struct {
	json []byte
	err  error
}

var writers = sync.Pool{New: func() any { return new(Writer) }}

// NewWriter makes a writer.
func NewWriter() *Writer { return writers.Get().(*Writer) }

// Release ends the use of the writer, and of the bytes that it gave. What they told of a patient is not kept.
func (w *Writer) Release() {
	if cap(w.json) <= maxPooled {
		clear(w.json)
		*w = Writer{json: w.json[:0]}
		writers.Put(w)
	}
}

// JSON is what was written, until the writer is released.
func (w *Writer) JSON() ([]byte, error) { return w.json, w.err }

// Fail has an error come of it all.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Begin begins an object or an array.
func (w *Writer) Begin(bracket byte) { w.json = append(w.json, bracket) }

// End ends an object or an array.
func (w *Writer) End(bracket byte) { w.json = append(w.json, bracket) }

// Name begins a member of an object, whose value is written next. Names with characters to escape are not for it.
func (w *Writer) Name(name string) *Writer {
	w.Item()
	w.json = append(append(append(w.json, '"'), name...), '"', ':')
	return w
}

// Item begins an item of an array, which is written next.
func (w *Writer) Item() *Writer {
	if last := len(w.json) - 1; last >= 0 && w.json[last] != '{' && w.json[last] != '[' {
		w.json = append(w.json, ',')
	}
	return w
}

// Null writes null.
func (w *Writer) Null() { w.json = append(w.json, "null"...) }

// Int writes a number.
func (w *Writer) Int(n int64) { w.json = strconv.AppendInt(w.json, n, 10) }

// String writes a text.
func (w *Writer) String(text string) {
	if !standsAsIs(text) {
		w.Value(text)
		return
	}
	w.json = append(append(append(w.json, '"'), text...), '"')
}

// StringOrNull writes a text, or null where there is none.
func (w *Writer) StringOrNull(text *string) {
	if text == nil {
		w.Null()
		return
	}
	w.String(*text)
}

// standsAsIs says that a text stands in JSON as it is.
func standsAsIs(text string) bool {
	const lineSeparators = 0xE2 // the first byte of U+2028 and U+2029, and of much else
	ascii := true
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == lineSeparators:
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(text)
}

// Time writes an instant, see [Time].
func (w *Writer) Time(t time.Time, loc *time.Location) {
	w.json = append(appendTime(append(w.json, '"'), t, loc), '"')
}

// Raw writes what is JSON already.
func (w *Writer) Raw(json string) { w.json = append(w.json, json...) }

// Value writes any value.
func (w *Writer) Value(v any) {
	json, err := Marshal(v)
	if err != nil {
		w.Fail(err)
		return
	}
	w.json = append(w.json, json...)
}

// Members writes the members of an object into the one that is being written.
func (w *Writer) Members(object any) {
	json, err := Marshal(object)
	if err != nil {
		w.Fail(err)
		return
	}
	if members := json[1 : len(json)-1]; len(members) > 0 {
		w.Item()
		w.json = append(w.json, members...)
	}
}
