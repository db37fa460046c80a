package drf

import (
	"slices"
)

// Canonical is the same text for the same data, whatever white space, order of keys or multipart boundary it was sent
// with: what a digest of a request is made of.
func (d *Data) Canonical() string {
	if d.rejected != nil || d.object == nil && d.form == nil {
		return string(d.Raw)
	}
	files := make([]string, 0, len(d.files))
	for name := range d.files {
		files = append(files, name)
	}
	slices.Sort(files)
	text, err := Marshal([]any{d.object, d.form, files}) // the keys of a map come sorted
	if err != nil {
		return string(d.Raw)
	}
	return string(text)
}
