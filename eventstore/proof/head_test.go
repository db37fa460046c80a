package proof

import (
	"bytes"
	"context"
	"testing"

	"orderengine/eventstore"
)

// TestHeadsAreTheAudits: reading a log by hand gives the head that the tree over it has, after each event.
func TestHeadsAreTheAudits(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const events = 20
	var heads Heads
	check := func() {
		t.Helper()
		want, err := Audit{Log: filled(t, int(heads.Size()))}.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		got, err := heads.Head()
		if err != nil || got.Size != want.Head.Size || !bytes.Equal(got.Root, want.Head.Root) && got.Size > 0 {
			t.Errorf("%d %x, %v; want %d %x", got.Size, got.Root, err, want.Head.Size, want.Head.Root)
		}
	}
	check()
	for batch, err := range filled(t, events).Follow(ctx, eventstore.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch {
			if err := heads.Add(&e); err != nil {
				t.Fatal(err)
			}
			check()
		}
		if heads.Size() == events {
			return
		}
	}
}
