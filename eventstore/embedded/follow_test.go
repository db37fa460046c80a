package embedded

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderengine/eventstore"
)

// TestAnIdleFollowerHoldsNothing: there may be many of them, for days, and what they read last may be megabytes.
func TestAnIdleFollowerHoldsNothing(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{RecentEvents: 1})
	if _, err := s.Append(t.Context(), "s-1", eventstore.NoStream, someEvents(3)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, ended := make(chan weak.Pointer[byte], 3), make(chan struct{})
	go func() {
		defer close(ended)
		for batch := range s.Follow(ctx, eventstore.Position{}) {
			for _, e := range batch {
				read <- weak.Make(&e.Data[0])
			}
		}
	}()
	first := <-read // from the disk: the last one alone is kept in memory
	for range 2 {
		<-read
	}
	until(t, "what was read first is gone", func() bool { runtime.GC(); return first.Value() == nil })
	cancel()
	<-ended
	closeVerified(t, s)
}
