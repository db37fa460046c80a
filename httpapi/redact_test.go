package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/eventstore"
)

// TestNothingThatProvesWhoSomebodyIsIsReplayed replays a sample of each event, under each name that a stream can have.
func TestNothingThatProvesWhoSomebodyIsIsReplayed(t *testing.T) {
	t.Parallel()
	id, hash := uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11"), strings.Repeat("5e", 32)
	redacted := map[string]bool{}
	for _, sample := range storedEvents(t) {
		streams := []string{"user-patient1"}
		if sample[0] == "Linked" {
			streams = []string{"token-" + hash, "hospitalsecret-" + hash, "qaquestion-4", "hisorder-H001/1", "hisrefund-H001/1"}
		}
		for _, stream := range streams {
			e := eventstore.Recorded{Event: eventstore.Event{ID: id, Type: sample[0], Data: []byte(sample[2]),
				Metadata: eventstore.Metadata{Schema: 1, Occurred: time.Unix(0, 0)}.Encode()}, Stream: stream}
			line, err := appendEnvelope(nil, &e)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{hash, "argon2", `"ab12"`, `"AAH/"`} { // those of the samples
				if strings.Contains(string(line), secret) && sample[0] != "KeyClaimed" && sample[0] != "ReplyRecorded" {
					t.Errorf("%s of %s shows %s: %s", sample[0], stream, secret, line)
				}
			}
			var shown struct {
				Stream, Subject string
				Redacted        bool
				Data            json.RawMessage
			}
			if err := json.Unmarshal(line, &shown); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if shown.Redacted {
				redacted[sample[0]+" of "+stream] = true
			} else if string(shown.Data) != sample[2] || shown.Stream != stream {
				t.Errorf("%s of %s is changed: %s", sample[0], stream, line)
			}
			if strings.HasSuffix(stream, hash) && (shown.Subject != id.String() || !strings.HasSuffix(shown.Stream, "-"+id.String())) {
				t.Errorf("%s is shown as %s, subject %s", stream, shown.Stream, shown.Subject)
			}
			schema := compiledSchema(t, sample[0]+".v"+sample[1]+".json")
			var value any
			if err := json.Unmarshal(shown.Data, &value); err != nil || schema.Validate(value) != nil {
				t.Errorf("%s does not fit its schema any more: %s", sample[0], shown.Data)
			}
		}
	}
	want := []string{"UserRegistered of user-patient1", "CredentialSet of user-patient1", "SecretSet of user-patient1", "WebhookSet of user-patient1",
		"Linked of token-" + hash, "Linked of hospitalsecret-" + hash}
	for _, name := range want {
		if !redacted[name] {
			t.Errorf("%s is shown whole", name)
		}
	}
	if len(redacted) != len(want) {
		t.Errorf("redacted are %v", redacted)
	}
}

func TestRedactionLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, data, want string }{
		{"CredentialSet", `{"credential":{"verifier":"v","token_hash":"t","sealed":"s"},"at":"x"}`, `{"at":"x","credential":{"sealed":"","token_hash":"","verifier":""}}`},
		{"SecretSet", `{"hash":"h","at":12345678901234567890}`, `{"at":12345678901234567890,"hash":""}`},
		{"WebhookSet", `{"at":"x"}`, `{"at":"x"}`},
		{"WebhookSet", `{"url":"http://h/?a=1&b=<2>","secret":"AAH/","at":"x"}`, `{"at":"x","secret":"","url":"http://h/?a=1&b=<2>"}`},
		{"OrderPaid", `{"hash":"h"}`, `{"hash":"h"}`},
	} {
		e := eventstore.Recorded{Event: eventstore.Event{Type: c.kind, Data: []byte(c.data)}, Stream: "x-1"}
		if _, data, _, err := redact(&e); err != nil || string(data) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.data, data, err, c.want)
		}
	}
	for _, broken := range []string{``, `[]`, `{"credential":1}`, `{"credential":`} {
		if _, _, _, err := redact(&eventstore.Recorded{Event: eventstore.Event{Type: "CredentialSet", Data: []byte(broken)}}); err == nil {
			t.Errorf("%q is shown", broken)
		}
	}
}
