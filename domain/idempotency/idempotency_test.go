package idempotency

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
)

var (
	at  = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	id1 = uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11")
	id2 = uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a12")
)

func TestKeyStandsForItsFirstRequest(t *testing.T) {
	first := Take{Digest: "d1", Command: id1, PK: 7, At: at}
	reply := Reply{Status: 201, Body: []byte("{}")}
	claimed := Evolve(Claim{}, KeyClaimed(first))
	replied := Evolve(claimed, ReplyRecorded{reply})
	for _, c := range []struct {
		name    string
		claim   Claim
		command Command
		event   Event
		code    domain.Code
	}{
		{"first use", Claim{}, first, KeyClaimed(first), 0},
		{"same request", claimed, Take{Digest: "d1", Command: id2, PK: 8, At: at.Add(time.Hour)}, nil, 0},
		{"same request after the reply", replied, Take{Digest: "d1", Command: id2}, nil, 0},
		{"another request", claimed, Take{Digest: "d2", Command: id1}, nil, domain.KeyReused},
		{"another request after the reply", replied, Take{Digest: "d2"}, nil, domain.KeyReused},
		{"reply", claimed, Record{reply}, ReplyRecorded{reply}, 0},
		{"second reply", replied, Record{Reply{Status: 500}}, nil, 0},
		{"reply to no request", Claim{}, Record{reply}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := Decide(c.claim, c.command)
			var fault *domain.Fault
			if errors.As(err, &fault) != (c.code != 0) || fault != nil && fault.Code != c.code {
				t.Fatalf("error %v, want %q", err, c.code)
			}
			if c.event == nil && len(events) > 0 || c.event != nil && (len(events) != 1 || !reflect.DeepEqual(events[0], c.event)) {
				t.Fatalf("events %+v, want %+v", events, c.event)
			}
			for _, e := range events {
				if again, err := Decide(Evolve(c.claim, e), c.command); len(again) > 0 || err != nil {
					t.Errorf("run again: %+v, %v", again, err)
				}
			}
		})
	}
	want := Claim{Digest: "d1", Command: id1, PK: 7, At: at, Reply: &reply}
	if !reflect.DeepEqual(replied, want) || claimed.Reply != nil {
		t.Errorf("claim %+v, want %+v", replied, want)
	}
}
