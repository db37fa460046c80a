package drf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// maxPartHeader bounds the header lines of one part, in bytes.
const maxPartHeader = 8 << 10

// parseMultipart reads a multipart body into the values of its fields, and says which fields are files. No call here
// takes files, so their content is not kept and the fields refuse them.
func parseMultipart(contentType string, body []byte) (url.Values, map[string]bool, error) {
	form := &multipartForm{values: url.Values{}, files: map[string]bool{}}
	if err := form.read(contentType, body); err != nil {
		return nil, nil, NewError(http.StatusBadRequest, MsgMultipartParse, err.Error())
	}
	return form.values, form.files, nil
}

type multipartForm struct {
	values url.Values
	files  map[string]bool
	count  int
}

func (f *multipartForm) read(contentType string, body []byte) error {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || !validBoundary(params["boundary"]) {
		return errors.New("Invalid boundary in multipart: " + boundaryRepr(params))
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		// The raw part: Django undoes no quoted-printable either.
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errors.New(strings.TrimPrefix(err.Error(), "multipart: "))
		}
		if err := f.add(part); err != nil {
			return err
		}
	}
}

// validBoundary is Django's valid_boundary: at most 200 printable ASCII characters, the last not a space.
func validBoundary(boundary string) bool {
	printable := allBytes(boundary, func(c byte) bool { return ' ' <= c && c <= '~' })
	return boundary != "" && len(boundary) <= 201 && printable && !strings.HasSuffix(boundary, " ")
}

func boundaryRepr(params map[string]string) string {
	boundary, ok := params["boundary"]
	if !ok {
		return "None"
	}
	return strings.ToValidUTF8(boundary, "\uFFFD")
}

// add takes one part. A part without a name is passed over, and so is a file without one (Django's MultiPartParser):
// the latter is what a browser sends for a file that was not chosen.
func (f *multipartForm) add(part *multipart.Part) error {
	if headerSize(part.Header) > maxPartHeader {
		return fmt.Errorf("the header of a part is larger than %d bytes", maxPartHeader)
	}
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name := params["name"]
	if err != nil || name == "" {
		return nil
	}
	if fileName, isFile := params["filename"]; isFile {
		return f.addFile(name, fileName)
	}
	if encoding := part.Header.Get("Content-Transfer-Encoding"); !isPlain(encoding) {
		return fmt.Errorf("field %q has a Content-Transfer-Encoding that is not supported", name)
	}
	value, err := io.ReadAll(part)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "multipart: "))
	}
	return f.addValue(name, string(value))
}

func (f *multipartForm) addValue(name, value string) error {
	f.count++
	if problem := formProblem(name, value, f.count); problem != "" {
		return errors.New(problem)
	}
	f.values[name] = append(f.values[name], value)
	return nil
}

func (f *multipartForm) addFile(name, fileName string) error {
	if fileName == "" {
		return nil
	}
	f.count++
	if problem := formProblem(name, fileName, f.count); problem != "" {
		return errors.New(problem)
	}
	f.files[name] = true
	return nil
}

func headerSize(h textproto.MIMEHeader) int {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

// isPlain reports whether a transfer encoding leaves the bytes as they are.
func isPlain(encoding string) bool {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "7bit", "8bit", "binary":
		return true
	}
	return false
}
