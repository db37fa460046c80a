package embedded

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

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

// TestABatchIsBounded by bytes, wherever it comes from: followers commit it in one piece.
func TestABatchIsBounded(t *testing.T) {
	for where, events := range map[string]int{"memory": 0, "disk": 1} {
		t.Run(where, func(t *testing.T) {
			s := openOn(t, vfs.NewMem(), Options{RecentEvents: events})
			const appends, size = 15, eventstore.MaxAppend - 2
			for n := range appends {
				e := eventstore.Event{ID: eventstore.EventID(uuid.NameSpaceOID, n), Type: "E", Data: make([]byte, size), Metadata: []byte("{}")}
				if _, err := s.Append(t.Context(), "s-1", eventstore.Revision(n-1), []eventstore.Event{e}); err != nil {
					t.Fatal(err)
				}
			}
			seen := 0
			for batch, err := range s.Follow(t.Context(), eventstore.Position{}) {
				if err != nil || len(batch)*size > maxPageBytes+size {
					t.Fatalf("a batch of %d events, %v", len(batch), err)
				}
				if seen += len(batch); seen == appends {
					break
				}
			}
			closeVerified(t, s)
		})
	}
}
