package viewtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"orderengine/projections"
)

// shared are views that several processes write to, one after the other.
type shared interface {
	projections.Views
	projections.Fencer
	projections.Parted
}

// testLeaders has leaders take over from each other in the middle of what they do, each with batches of its own
// sizes, and bring the parts together that the one before left apart. Stores that no two processes share have none.
func testLeaders(t *testing.T, h Harness) {
	views, ok := h.Views.(shared)
	if !ok {
		return
	}
	const seed, last, leaders = 20240612, 150, 3
	random := rand.New(rand.NewPCG(seed, 0))
	m, steps := NewModel(), make([]projections.Batch, last)
	for i := range steps {
		steps[i] = randomStep(random, uint64(i+1))
		steps[i].Ops = append(steps[i].Ops, put(fmt.Sprint("only-", i), "1"))
		m.Commit(steps[i])
	}
	var token atomic.Uint64
	var work sync.WaitGroup
	for i := range leaders {
		random := rand.New(rand.NewPCG(seed, uint64(i+1)))
		work.Go(func() {
			for !t.Failed() && !leadOnce(t, views, token.Add(1), steps, random) {
			}
		})
	}
	work.Wait()
	wantDump(t, views, m.Dump())
}

// leadOnce takes over and commits a few batches, until another takes over; done says that all steps are.
func leadOnce(t *testing.T, views shared, token uint64, steps []projections.Batch, random *rand.Rand) (done bool) {
	mine, err := views.Fence(t.Context(), token)
	if err != nil {
		if !errors.Is(err, projections.ErrStale) {
			t.Errorf("fence: %v", err)
		}
		return false
	}
	for range 1 + random.IntN(4) {
		marks, err := views.Checkpoints(t.Context())
		if err != nil {
			t.Errorf("checkpoints: %v", err)
			return true
		}
		from, to := marks[0].Commit, min(marks[0].Commit+1+random.Uint64N(4), uint64(len(steps)))
		if from == uint64(len(steps)) {
			return true
		}
		if len(marks) > 1 {
			to = marks[1].Commit // never past a part that is ahead
		}
		b := projections.Batch{From: marks[0], To: at(to)}
		for _, step := range steps[from:to] {
			b.Ops = append(b.Ops, step.Ops...)
		}
		if err := mine.Commit(t.Context(), b); errors.Is(err, projections.ErrStale) {
			return false
		} else if err != nil {
			t.Errorf("commit from %s to %s: %v", b.From, b.To, err)
			return true
		}
	}
	return false
}
