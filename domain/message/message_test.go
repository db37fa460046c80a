package message

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"orderengine/domain"
)

var (
	at      = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	later   = at.Add(time.Hour)
	content = Content{ID: "m1", Hospital: "H001", Event: Waiting, Patient: "patient1", Voucher: "123456789", Text: domain.Sealed{1, 2, 3}, At: at}
)

type unknown struct{}

func (unknown) isCommand() {}

// in is a message in each state.
func in(s Status) Message {
	m := Message{Content: content, Status: s, Why: "no answer", Tries: 3, TriedAt: at}
	if s == Sent {
		m = Message{Content: content, Status: s, Ref: "r1", SentAt: at}
	}
	return m
}

func TestDecide(t *testing.T) {
	const none, unknownMessage, refused = "", "not found", "invalid"
	other := content
	other.Text = domain.Sealed("another")
	commands := []Command{Compose{content}, Compose{other}, RecordSent{"r1", later}, Delay{"busy", later}, Park{"unknown number", later}, Retry{"admin", later}, Drop{"erased", later}}
	for status, want := range map[Status][]string{
		"":      {"MessageComposed", "MessageComposed", unknownMessage, unknownMessage, unknownMessage, unknownMessage, unknownMessage},
		Queued:  {none, none, "MessageSent", "MessageDelayed", "MessageParked", refused, "MessageDropped"},
		Sent:    {none, none, none, none, none, refused, none},
		Parked:  {none, none, "MessageSent", none, none, "MessageRetried", none},
		Dropped: {none, none, "MessageSent", none, none, refused, none},
	} {
		for i, c := range commands {
			t.Run(fmt.Sprintf("%q/%T/%d", status, c, i), func(t *testing.T) {
				m := Message{}
				if status != "" {
					m = in(status)
				}
				got := none
				events, err := Decide(m, c)
				var fault *domain.Fault
				switch {
				case errors.As(err, &fault) && len(events) == 0:
					got = fault.Code.String()
				case err != nil || len(events) > 1:
					t.Fatalf("events %v, error %v", events, err)
				case len(events) == 1:
					got = reflect.TypeOf(events[0]).Name()
					m = Evolve(m, events[0])
				}
				if got != want[i] {
					t.Errorf("%q, want %q", got, want[i])
				}
				// Every try that comes to nothing counts.
				if again, _ := Decide(m, c); len(again) > 0 && got != "MessageDelayed" {
					t.Errorf("run again: %v", again)
				}
			})
		}
	}
	for _, s := range []Status{Queued, Sent, Parked, Dropped} {
		if events, err := Decide(in(s), unknown{}); err == nil || errors.As(err, new(*domain.Fault)) || events != nil {
			t.Errorf("unknown command on a %s message: events %v, error %v", s, events, err)
		}
	}
}

func TestEvolve(t *testing.T) {
	queued := Message{Content: content, Status: Queued}
	for _, c := range []struct {
		name   string
		events []Happening
		want   Message
	}{
		{"composed", nil, queued},
		{"sent", []Happening{MessageSent{"r1", later}}, Message{Content: content, Status: Sent, Ref: "r1", SentAt: later}},
		{"delayed", []Happening{MessageDelayed{"busy", later}}, Message{Content: content, Status: Queued, Why: "busy", Tries: 1, TriedAt: later}},
		{"delayed twice", []Happening{MessageDelayed{"busy", at}, MessageDelayed{"away", later}}, Message{Content: content, Status: Queued, Why: "away", Tries: 2, TriedAt: later}},
		{"sent in the end", []Happening{MessageDelayed{"busy", at}, MessageSent{"r1", later}},
			Message{Content: content, Status: Sent, Ref: "r1", SentAt: later, Tries: 1, TriedAt: at}},
		{"parked", []Happening{MessageDelayed{"busy", at}, MessageParked{"unknown number", later}},
			Message{Content: content, Status: Parked, Why: "unknown number", Tries: 1, TriedAt: later}},
		{"retried", []Happening{MessageDelayed{"busy", at}, MessageParked{"unknown number", at}, MessageRetried{"admin", later}},
			Message{Content: content, Status: Queued, Why: "unknown number", TriedAt: later, Retried: 1}},
		{"dropped", []Happening{MessageDropped{"erased", later}}, Message{Content: content, Status: Dropped, Why: "erased", TriedAt: later}},
		{"parked though it was sent", []Happening{MessageParked{"no answer", at}, MessageSent{"r1", later}},
			Message{Content: content, Status: Sent, Ref: "r1", SentAt: later, TriedAt: at}},
	} {
		m := Message{Status: Parked} // all of it is the composed message's
		for _, e := range append([]Happening{MessageComposed{content}}, c.events...) {
			m = Evolve(m, e)
		}
		if !reflect.DeepEqual(m, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, m, c.want)
		}
	}
}
