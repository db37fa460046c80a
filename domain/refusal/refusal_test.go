package refusal

import (
	"slices"
	"testing"
	"time"
)

func TestEveryRefusalIsRecorded(t *testing.T) {
	said := Refusal{By: "patient1", Command: "Finish", Code: "cannot finish", Why: "order 1 is unpaid", At: time.Unix(1, 0).UTC()}
	var state Refusals
	for n := 1; n <= 2; n++ {
		events, err := Decide(state, Record{said})
		if err != nil || !slices.Equal(events, []Event{CommandRefused{said}}) {
			t.Fatalf("%v, %v", events, err)
		}
		if state = Evolve(state, events[0]); state.Count != n {
			t.Errorf("counts %d, want %d", state.Count, n)
		}
	}
}
