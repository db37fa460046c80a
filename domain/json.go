package domain

import (
	"bytes"
	"encoding/json"
)

// JSON is the stored form of v: compact, in UTF-8, with "<", ">" and "&" as they are, so that what a platform
// or a person wrote is kept as it was written.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
