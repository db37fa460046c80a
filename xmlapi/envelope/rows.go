package envelope

import (
	"fmt"
	"net/http"
	"time"
)

const (
	flushAt = 64 << 10
	// writeTime is what a reader has for one flush; with a slower one a query would hold its snapshot for ever.
	writeTime = 30 * time.Second
)

// Rows is a reply that is written row by row (2.3, 2.4), without holding more than a buffer of it. It may be used by
// one goroutine.
type Rows struct {
	request  *Request
	w        http.ResponseWriter
	control  *http.ResponseController
	buf, enc []byte
	pieces   []string // what stands before, between and after the values of a row
	tag      string
	as       escape
	begun    bool // the header is written
	rows     bool // there was a row
	err      error
}

// Rows begins a streamed reply with code 0: in result one element of that tag a row, its children of those names in
// that order; in JSON "result":{"tag":[{…},…]}. The tag and the names must be XML names.
//
// A caller that cannot go on must not call Close but panic with [http.ErrAbortHandler]: then the connection breaks and
// the client sees that the reply is cut. Until then it is no document, so that it cannot be taken for a whole one.
func (r *Request) Rows(w http.ResponseWriter, tag string, names []string) *Rows {
	rows := &Rows{request: r, w: w, control: http.NewResponseController(w), tag: tag, as: r.escape()}
	rows.buf = r.beginResult(r.begin(make([]byte, 0, flushAt+flushAt/8), Done, ""))
	if rows.as == asXML {
		rows.pieces = xmlPieces(tag, names)
	} else {
		rows.pieces = jsonPieces(names, rows.as)
		rows.buf = append(appendValue(append(rows.buf, '"'), tag, rows.as), `":[`...)
	}
	return rows
}

func xmlPieces(tag string, names []string) []string {
	pieces := make([]string, 0, len(names)+1)
	before := "<" + tag + ">"
	for _, name := range names {
		pieces = append(pieces, before+"<"+name+">")
		before = "</" + name + ">"
	}
	return append(pieces, before+"</"+tag+">")
}

func jsonPieces(names []string, as escape) []string {
	pieces := make([]string, 0, len(names)+1)
	before, after := "{", "}"
	for _, name := range names {
		pieces = append(pieces, before+`"`+string(appendValue(nil, name, as))+`":"`)
		before, after = `",`, `"}`
	}
	if len(names) == 0 {
		after = "{}"
	}
	return append(pieces, after)
}

// Write appends one row, a value for each of the names. An empty value is an empty element, in JSON "". An error is
// final: every later call gives it again.
func (rows *Rows) Write(values []string) error {
	if rows.err != nil {
		return rows.err
	}
	if len(values) != len(rows.pieces)-1 {
		rows.err = fmt.Errorf("open interface: a row of %d values for %d names", len(values), len(rows.pieces)-1)
		return rows.err
	}
	dst := rows.buf
	if rows.rows && rows.as != asXML {
		dst = append(dst, ',')
	}
	for i, value := range values {
		dst = appendValue(append(dst, rows.pieces[i]...), value, rows.as)
	}
	rows.buf, rows.rows = append(dst, rows.pieces[len(values)]...), true
	if len(rows.buf) >= flushAt {
		rows.flush()
	}
	return rows.err
}

// Close ends the document and writes what is left of it. The error is that of writing, now or before.
func (rows *Rows) Close() error {
	if rows.err != nil {
		return rows.err
	}
	if rows.as != asXML {
		rows.buf = append(rows.buf, ']')
	}
	rows.buf = rows.request.end(rows.request.endResult(rows.buf))
	rows.flush()
	return rows.err
}

func (rows *Rows) flush() {
	if !rows.begun {
		rows.request.header(rows.w, http.StatusOK)
		rows.begun = true
	}
	text := rows.buf
	if rows.request.charset.codec != nil {
		rows.enc = rows.request.charset.encode(rows.enc[:0], text, rows.request.reference())
		text = rows.enc
	}
	// Not every writer has a deadline; one that has will say so when it has passed.
	_ = rows.control.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := rows.w.Write(text); err != nil {
		rows.err = fmt.Errorf("open interface: write rows: %w", err)
	}
	rows.buf = rows.buf[:0]
}
