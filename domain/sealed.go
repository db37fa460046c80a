package domain

import (
	"encoding/json"
	"fmt"
)

// Sealed is text about a patient that was encrypted with the patient's own data key before any lifecycle saw it:
// log, views and proofs hold only this. Its first byte is one of the forms below; in JSON it is base64.
type Sealed []byte

// The forms of a [Sealed].
const (
	SealedPlain  byte = 0 // what follows is the text itself: it was stored before texts were sealed
	SealedAESGCM byte = 1 // a nonce of 12 bytes and what AES-256-GCM made of the text
)

// SealFields is the upcast of data that had texts as fields of their own: they become one plain [Sealed], "text".
func SealFields(fields ...string) Upcast {
	return func(data []byte) ([]byte, error) {
		var all map[string]json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil {
			return nil, err
		}
		texts := map[string]json.RawMessage{}
		for _, name := range fields {
			if value, ok := all[name]; ok {
				texts[name] = value
				delete(all, name)
			}
		}
		inner, err := json.Marshal(texts)
		if err != nil {
			return nil, fmt.Errorf("texts: %w", err)
		}
		if all["text"], err = json.Marshal(append(Sealed{SealedPlain}, inner...)); err != nil {
			return nil, err
		}
		return json.Marshal(all)
	}
}
