package access

import (
	"slices"
	"testing"
	"time"
)

func TestALookIsRecordedOnce(t *testing.T) {
	look := Look{By: "audit", Path: "/audit/orders/1/history/", Query: "revision=0", At: time.Unix(1, 0).UTC()}
	events, err := Decide(Look{}, Record{look})
	if err != nil || !slices.Equal(events, []Event{PatientDataRead{look}}) {
		t.Fatalf("%v, %v", events, err)
	}
	state := Evolve(Look{}, events[0])
	if state != look {
		t.Errorf("folds to %+v", state)
	}
	if again, err := Decide(state, Record{look}); err != nil || len(again) != 0 {
		t.Errorf("again: %v, %v", again, err)
	}
}
