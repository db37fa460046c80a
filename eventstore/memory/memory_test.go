package memory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		return storetest.Harness{Store: memory.New()}
	})
}

func TestClock(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.FixedZone("CST", 8*3600))
	s := memory.New(memory.WithClock(func() time.Time { return at }))
	if _, err := s.Append(t.Context(), "clock-1", eventstore.NoStream, []eventstore.Event{{ID: uuid.New(), Type: "Ticked"}}); err != nil {
		t.Fatal(err)
	}
	for e, err := range s.ReadStream(t.Context(), "clock-1", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Date(2024, 2, 29, 15, 59, 59, 123456000, time.UTC); e.Time != want {
			t.Errorf("time %v, want %v", e.Time, want)
		}
	}
}

func TestFollowAfterTheHeadIsRefused(t *testing.T) {
	for _, err := range memory.New().Follow(t.Context(), eventstore.Position{Commit: 9, Prepare: 9}) {
		if !errors.Is(err, eventstore.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
}
