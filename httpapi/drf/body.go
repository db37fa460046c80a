package drf

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The media types of DRF's three parsers.
const (
	mediaJSON      = "application/json"
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
)

// Data is what a request carries: a decoded body, or a query string.
type Data struct {
	Raw []byte // the body as it was sent, for digests and signatures; nil for a query string

	object   map[string]any  // of JSON
	form     url.Values      // of a form or a query string; nil for JSON
	files    map[string]bool // the fields of a multipart form that are files
	rejected *Error          // a JSON body that is no object: its fields cannot be read
}

// QueryData lets the fields of a query string, as [Query] reads it, be read like those of a form.
func QueryData(values url.Values) *Data { return &Data{form: values} }

// ParseBody reads and decodes a request's body by its Content-Type, whatever the method (DRF's Request and parsers):
// JSON, an urlencoded form or a multipart form, always in UTF-8. An empty body is empty data whatever its type.
//
// The error is an *Error: 413 for more than limit bytes, which are never held in memory, 415 for another type, 400 for
// a body that cannot be read or decoded. JSON that is not an object is no error here but is refused by [Fields.Err], as
// DRF leaves it to the serializer; so a call that reads no fields takes any body.
func ParseBody(r *http.Request, limit int64) (*Data, error) {
	raw, err := readBody(r, limit)
	if err != nil {
		return nil, err
	}
	contentType := r.Header.Get("Content-Type")
	data := &Data{Raw: raw}
	switch media := mediaType(contentType); {
	case media == mediaForm:
		data.form, err = parseForm(string(raw))
	case len(raw) == 0 && media == mediaMultipart:
		data.form = url.Values{}
	case len(raw) == 0:
	case media == mediaMultipart:
		data.form, data.files, err = parseMultipart(contentType, raw)
	case media == mediaJSON:
		err = data.setJSON(string(raw))
	default:
		err = UnsupportedMediaType(strings.ToValidUTF8(contentType, "\uFFFD"))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// JSONData is one JSON text, a line of a file for example, whose fields are read like those of a body. The error is an
// *Error; a text that is not an object is refused by [Fields.Err].
func JSONData(text string) (*Data, error) {
	data := &Data{Raw: []byte(text)}
	return data, data.setJSON(text)
}

// Names are those of the fields of a JSON object, sorted.
func (d *Data) Names() []string { return slices.Sorted(maps.Keys(d.object)) }

// mediaType is the type alone, without its parameters.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// setJSON decodes a JSON body. What is not an object is refused in Serializer.run_validation's words.
func (d *Data) setJSON(text string) error {
	value, err := parseJSON(text)
	if err != nil {
		return err
	}
	switch value := value.(type) {
	case map[string]any:
		d.object = value
	case nil:
		d.rejected = NonFieldInvalid(MsgNoData)
	default:
		d.rejected = NonFieldInvalid(MsgNotADictionary, pyType(value))
	}
	return nil
}

// firstRead is how much memory a request gets on its word alone, before its bytes have come.
const firstRead = 16 << 10

// readBody reads a body of at most limit bytes. A length that is announced and too large is refused unread; one that is
// not announced is found out one byte past the limit.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, BodyTooLarge(limit)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if n := r.ContentLength; n > 0 && n <= firstRead {
		raw := make([]byte, n)
		if _, err := io.ReadFull(r.Body, raw); err != nil {
			return nil, readError(err)
		}
		return raw, nil
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return nil, readError(err)
	}
	if int64(buf.Len()) > limit {
		return nil, BodyTooLarge(limit)
	}
	return buf.Bytes(), nil
}

// readError is a 400, or the 413 of a smaller limit that stands before ours. Whatever else broke, broke on the client's
// side of the connection.
func readError(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return BodyTooLarge(tooLarge.Limit)
	}
	return NewError(http.StatusBadRequest, MsgMalformedRequest)
}
