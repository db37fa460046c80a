package process

import (
	"reflect"
	"testing"
	"time"

	"orderengine/domain/message"
	"orderengine/domain/stoplist"
)

func TestMessage(t *testing.T) {
	for _, c := range []struct {
		name  string
		m     message.Message
		after time.Duration // -1: never
	}{
		{"not composed", message.Message{}, -1},
		{"composed", message.Message{Status: message.Queued}, 0},
		{"once tried", message.Message{Status: message.Queued, Tries: 1, TriedAt: at}, 5 * time.Minute},
		{"twice tried", message.Message{Status: message.Queued, Tries: 2, TriedAt: at}, time.Hour},
		{"often tried", message.Message{Status: message.Queued, Tries: 9, TriedAt: at}, 24 * time.Hour},
		{"retried by a person", message.Message{Status: message.Queued, TriedAt: at.Add(time.Minute), Retried: 1}, time.Minute},
		{"tried after that", message.Message{Status: message.Queued, Tries: 1, TriedAt: at, Retried: 1}, 5 * time.Minute},
		{"sent", message.Message{Status: message.Sent, Tries: 1, TriedAt: at}, -1},
		{"parked", message.Message{Status: message.Parked, Tries: 10, TriedAt: at}, -1},
	} {
		c.m.ID, c.m.At = "m1", at
		got := Message(c.m, periods)
		if c.after < 0 {
			if len(got) > 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], Todo{Kind: Send, Stream: "message-m1", Due: got[0].Due}) {
			t.Errorf("%s: %+v, want one %s", c.name, got, Send)
			continue
		}
		if wait := got[0].Due.Sub(at); wait < c.after || wait > c.after+c.after/10 {
			t.Errorf("%s: after %s, want %s and up to a tenth more", c.name, wait, c.after)
		}
	}
}

func TestStopList(t *testing.T) {
	begun := stoplist.List{ID: "l1", Hospital: "H001", Orders: []string{"1"}, At: at}
	want := []Todo{{Kind: Stop, Stream: "stoplist-l1", Due: at.Add(grace), Graced: true}}
	if got := StopList(begun, periods); !reflect.DeepEqual(got, want) {
		t.Errorf("begun: %+v, want %+v", got, want)
	}
	done := stoplist.Evolve(begun, stoplist.StopListFinished{Skipped: []string{"1"}, At: at})
	for name, l := range map[string]stoplist.List{"not begun": {}, "done": done} {
		if got := StopList(l, periods); len(got) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestWhatFailedTogetherIsNotTriedTogether: the waits differ from one to the other, and never by more than a tenth.
func TestWhatFailedTogetherIsNotTriedTogether(t *testing.T) {
	waits := map[time.Duration]bool{}
	for _, id := range []string{"m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"} {
		m := message.Message{Content: message.Content{ID: id, At: at}, Status: message.Queued, Tries: 1, TriedAt: at}
		wait := Message(m, periods)[0].Due.Sub(at)
		if again := Message(m, periods)[0].Due.Sub(at); again != wait {
			t.Errorf("%s waits %s, then %s: it must be the same on every server", id, wait, again)
		}
		waits[wait] = true
	}
	if len(waits) < 5 {
		t.Errorf("8 messages wait %d different times", len(waits))
	}
}
