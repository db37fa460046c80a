package embeddedview

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderengine/eventstore"
	"orderengine/projections"
)

// TestLargeDocumentsAreWrittenSooner has the memory that documents may take go by those that were written last.
func TestLargeDocumentsAreWrittenSooner(t *testing.T) {
	store, err := open("views", tuned(nil, vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	large := projections.Op{Kind: projections.Put, State: strings.Repeat("x", recentBytes/8)}
	var at eventstore.Position
	putAnother := func() {
		t.Helper()
		large.Key += "k"
		from := at
		at.Commit++
		if err := store.Commit(t.Context(), projections.Batch{From: from, To: at, Ops: []projections.Op{large}}); err != nil {
			t.Fatal(err)
		}
	}
	putAnother()
	if err := store.flush(); err != nil {
		t.Fatal(err)
	}
	most := 0
	for range 20 {
		putAnother()
		most = max(most, len(store.recent.docs))
	}
	if most != 8 {
		t.Errorf("%d documents of an eighth of the limit were kept, want 8", most)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAStateWithoutAStoredFormIsNamed(t *testing.T) {
	store, err := open("views", tuned(nil, vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	b := projections.Batch{To: eventstore.Position{Commit: 1}, Ops: []projections.Op{
		{Kind: projections.Put, Key: "good", State: 1}, {Kind: projections.Put, Key: "bad", State: make(chan int)}}}
	if err := store.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if docs, err := store.Get(t.Context(), "good"); err != nil || string(docs.Values[0]) != "1" {
		t.Errorf("the good document is %q, %v", docs.Values, err)
	}
	for range 2 {
		if _, err := store.Get(t.Context(), "good", "bad"); err == nil || !strings.Contains(err.Error(), "document bad: json: unsupported type") {
			t.Errorf("reading the bad document: %v", err)
		}
	}
	if err := store.Close(); err == nil || !strings.Contains(err.Error(), "document bad: ") {
		t.Errorf("closing: %v", err)
	}
}
