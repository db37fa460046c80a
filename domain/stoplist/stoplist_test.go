package stoplist

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"orderengine/domain"
)

var (
	at    = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	begin = Begin{ID: "l1", Hospital: "H001", Orders: []string{"1011202603010000001", "1011202603010000002"}, At: at}
	begun = List{ID: "l1", Hospital: "H001", Orders: begin.Orders, At: at}
	done  = List{ID: "l1", Hospital: "H001", At: at, Done: true, Skipped: []string{"1011202603010000002"}}
)

type unknown struct{}

func (unknown) isCommand() {}

func TestDecide(t *testing.T) {
	finish := Finish{Skipped: done.Skipped, At: at.Add(time.Minute)}
	other := Begin{ID: "l1", Hospital: "H002", Orders: []string{"3"}, At: at.Add(time.Hour)}
	for _, c := range []struct {
		name    string
		list    List
		command Command
		event   Event       // nil: none
		code    domain.Code // of a refusal
		after   List
	}{
		{"begin", List{}, begin, StopListBegun(begin), 0, begun},
		{"begin again", begun, begin, nil, 0, begun},
		{"begin what is done", done, begin, nil, 0, done},
		{"begin anew under its name", begun, other, nil, 0, begun},
		{"finish", begun, finish, StopListFinished(finish), 0, done},
		{"finish with none skipped", begun, Finish{At: at}, StopListFinished{At: at}, 0, List{ID: "l1", Hospital: "H001", At: at, Done: true}},
		{"finish again", done, Finish{At: at}, nil, 0, done},
		{"finish what was not begun", List{}, finish, nil, domain.NotFound, List{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := Decide(c.list, c.command)
			var fault *domain.Fault
			if errors.As(err, &fault) != (c.code != 0) || fault != nil && fault.Code != c.code {
				t.Fatalf("error %v, want %q", err, c.code)
			}
			after := c.list
			for _, e := range events {
				after = Evolve(after, e)
			}
			if c.event != nil && (len(events) != 1 || !reflect.DeepEqual(events[0], c.event)) || c.event == nil && len(events) > 0 {
				t.Errorf("events %v, want %v", events, c.event)
			}
			if !reflect.DeepEqual(after, c.after) {
				t.Errorf("list %+v, want %+v", after, c.after)
			}
			if again, _ := Decide(after, c.command); len(again) > 0 {
				t.Errorf("run again: %v", again)
			}
		})
	}
	if events, err := Decide(begun, unknown{}); err == nil || events != nil {
		t.Errorf("unknown command: events %v, error %v", events, err)
	}
}

func TestFinishingLeavesTheOlderStateAlone(t *testing.T) {
	Evolve(begun, StopListFinished{At: at})
	if !reflect.DeepEqual(begun.Orders, begin.Orders) || begun.Done {
		t.Errorf("%+v", begun)
	}
}
