package projections

import (
	"reflect"
	"strings"
	"testing"
)

func TestDocumentsAreDecodedOnce(t *testing.T) {
	type state struct{ Names []string }
	known := newDocuments()
	read := func(from *documents, value string) state {
		t.Helper()
		s, err := decode[state](from, "k", []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := read(known, `{"Names":["a"]}`)
	if again := read(known, `{"Names":["a"]}`); &again.Names[0] != &first.Names[0] {
		t.Error("a document that has not changed was decoded again")
	}
	if changed := read(known, `{"Names":["b"]}`); !reflect.DeepEqual(changed, state{[]string{"b"}}) {
		t.Errorf("after a change: %v", changed)
	}
	if back := read(known, `{"Names":["a"]}`); !reflect.DeepEqual(back, first) {
		t.Errorf("after a change back: %v", back)
	}
	if other, err := decode[map[string]any](known, "k", []byte(`{"Names":["a"]}`)); err != nil || len(other) != 1 {
		t.Errorf("as another type: %v, %v", other, err)
	}
	if forgetful := read(nil, `{"Names":["c"]}`); !reflect.DeepEqual(forgetful, state{[]string{"c"}}) {
		t.Errorf("without a memory: %v", forgetful)
	}
	if _, err := decode[state](known, "k", []byte("{")); err == nil || !strings.HasPrefix(err.Error(), "document k: ") {
		t.Errorf("of no JSON: %v", err)
	}
}
