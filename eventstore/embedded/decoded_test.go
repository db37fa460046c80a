package embedded

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderengine/eventstore"
)

// TestDecodedIsForFollowersOfThisProcess: what an appender decoded reaches who follows at once, and is not kept on the disk.
func TestDecodedIsForFollowersOfThisProcess(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs, Options{})
	events := someEvents(1)
	events[0].Decoded = "said"
	if _, err := s.Append(t.Context(), "s-1", eventstore.NoStream, events); err != nil {
		t.Fatal(err)
	}
	decoded := func() any {
		for batch, err := range s.Follow(t.Context(), eventstore.Position{}) {
			if err != nil || len(batch) != 1 {
				t.Fatal(batch, err)
			}
			return batch[0].Decoded
		}
		return nil
	}
	if got := decoded(); got != "said" {
		t.Errorf("followed with %v", got)
	}
	closeVerified(t, s)
	s = openOn(t, fs, Options{})
	if got := decoded(); got != nil {
		t.Errorf("read from the disk with %v", got)
	}
	closeVerified(t, s)
}
