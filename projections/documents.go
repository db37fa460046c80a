package projections

import (
	"bytes"
	"encoding/json"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
)

// rememberedDocuments bounds what [documents] holds, at about 3 KiB each.
const rememberedDocuments = 8192

// documents remembers what documents were decoded to. Most are read again before they change, and to see that one
// has not changed costs a hundredth of decoding it.
type documents struct{ known *lru.Cache[string, decoded] }

type decoded struct {
	value []byte
	state any
}

// rememberer is a [Reader] whose documents are remembered.
type rememberer interface{ remembered() *documents }

func newDocuments() *documents {
	known, err := lru.New[string, decoded](rememberedDocuments)
	if err != nil {
		panic(err) // only a negative size does that
	}
	return &documents{known}
}

// decode reads the document of a state, which is shared: never change what it points to. Views that do not remember have
// no documents.
func decode[S any](from *documents, key string, value []byte) (S, error) {
	if from != nil {
		if d, ok := from.known.Get(key); ok && bytes.Equal(d.value, value) {
			if state, ok := d.state.(S); ok {
				return state, nil
			}
		}
	}
	var state S
	if err := json.Unmarshal(value, &state); err != nil {
		return state, fmt.Errorf("document %s: %w", key, err)
	}
	if from != nil {
		from.known.Add(key, decoded{value, state})
	}
	return state, nil
}
