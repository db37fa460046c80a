package open_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderengine/domain/institution"
	"orderengine/httpapi/auth"
	"orderengine/test/e2e/orderdtest"
)

const auditToken = "demo-audit"

// cloudEvent is an envelope.
type cloudEvent struct {
	SpecVersion, ID, Source, Type, Subject, Time, DataContentType, DataSchema, Position, Stream string

	Revision *int64
	Data     json.RawMessage
}

func (w world) asHospital() orderdtest.Client {
	return w.nobody().With("Authorization", "Secret "+secret)
}

// replay reads a replay to its end.
func (w world) replay(c orderdtest.Client, query string) []cloudEvent {
	w.t.Helper()
	var events []cloudEvent
	for line := range strings.Lines(c.Get("/replay/events?"+query).Want(w.t, http.StatusOK).Body) {
		var e cloudEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		events = append(events, e)
	}
	return events
}

// refundAndStop has the hospital give back a part of one order and stop another.
func (w world) refundAndStop() {
	w.t.Helper()
	numbers := w.take(registration("replay-1").paidBy(3, "2026-01-15 08:00:00"), registration("replay-2").paidBy(3, "2026-01-15 09:00:00"))
	w.want("0", "refundGeneral", refundOf(numbers[0], "RR-1", "1").with("refundAmout", "200").with("partialOrAllrefund", "2"))
	w.want("0", "stopReg", of("secret", secret, "orderList", numbers[1]))
}

func TestReplayIsWhatXMLGives(t *testing.T) { everywhere(t, testReplayIsWhatXMLGives) }

func testReplayIsWhatXMLGives(t *testing.T, w world) {
	w.refundAndStop()
	rows := w.want("0", "eventsReplay", of("secret", secret, "position", "0")).Result.Rows
	events := w.replay(w.asHospital(), "")
	equal(t, "events", len(events), len(rows))
	for i, e := range events {
		var data map[string]string
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		for name, value := range data {
			equal(t, name, value, rows[i].get(name))
		}
		equal(t, "position", e.Position, rows[i].get("position"))
	}
	later := w.replay(w.asHospital(), "after="+events[0].Position)
	equal(t, "events after the first", len(later), len(events)-1)
	for _, e := range w.replay(w.asHospital(), "types=stop") {
		equal(t, "type", e.Type, "orderengine.hospital.RegistrationStopped.v1")
	}
	equal(t, "limited", len(w.replay(w.asHospital(), "limit=1")), 1)
	w.second()
	equal(t, "another's events", len(w.replay(w.nobody().With("Authorization", "Secret "+secret2), "")), 0)
}

// TestEveryEventFitsItsSchema replays the whole log of a server on which much has happened.
func TestEveryEventFitsItsSchema(t *testing.T) { everywhere(t, testEveryEventFitsItsSchema) }

func testEveryEventFitsItsSchema(t *testing.T, w world) {
	w.refundAndStop()
	compiled := map[string]*jsonschema.Schema{}
	compile := func(uri string) *jsonschema.Schema {
		if s := compiled[uri]; s != nil {
			return s
		}
		at, err := url.Parse(uri)
		if err != nil || !at.IsAbs() { // CloudEvents 1.0: an absolute URI
			t.Fatalf("%q: %v", uri, err)
		}
		text := w.nobody().Get(at.Path).Want(t, http.StatusOK).Body
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(uri, doc); err != nil {
			t.Fatal(err)
		}
		if called := doc.(map[string]any)["$id"]; called != uri {
			t.Errorf("the schema of %s calls itself %s", uri, called)
		}
		compiled[uri] = c.MustCompile(uri)
		return compiled[uri]
	}
	last, hospital := "", w.replay(w.asHospital(), "")
	for i, e := range append(hospital, w.replay(w.As(auditToken), "")...) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(e.Data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(e.DataSchema).Validate(value); err != nil {
			t.Errorf("%s: %v: %s", e.Type, err, e.Data)
		}
		if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Subject == "" || e.Time == "" {
			t.Errorf("envelope %+v", e)
		}
		if i >= len(hospital) && (len(e.Position) < len(last) || len(e.Position) == len(last) && e.Position <= last) {
			t.Errorf("%s after %s", e.Position, last)
		}
		if i >= len(hospital) {
			last = e.Position
		}
	}
	if len(compiled) < 20 {
		t.Errorf("only %d schemas were used", len(compiled))
	}
}

func TestReplayRefusals(t *testing.T) { everywhere(t, testReplayRefusals) }

func testReplayRefusals(t *testing.T, w world) {
	for query, says := range map[string]string{
		"after=x": `"after"`, "after=99999999": `"after"`, "types=refund,nonsense": "nonsense", "limit=0": `"limit"`,
		"type=refund": `{"type":["There is no such parameter."]}`,
	} {
		contains(t, query, w.As(auditToken).Get("/replay/events?"+query).Want(t, http.StatusBadRequest).Body, says)
	}
	w.nobody().Get("/replay/events").Want(t, http.StatusUnauthorized)
	w.nobody().With("Authorization", "Secret wrong").Get("/replay/events").Want(t, http.StatusUnauthorized)
	w.patient1().Get("/replay/events").Want(t, http.StatusForbidden)
	w.admin().Get("/replay/events").Want(t, http.StatusForbidden)
	w.nobody().Get("/schemas/None.v1.json").Want(t, http.StatusNotFound)
}

// TestReplayGoesOnLive reads Server-Sent Events: what is there, then what comes, then again from the last id, and the
// server's stop ends it.
func TestReplayGoesOnLive(t *testing.T) {
	t.Parallel()
	for name, authorization := range map[string]string{"auditor": "Token " + auditToken, "hospital": "Secret " + secret} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, w world) { testReplayGoesOnLive(t, w, authorization) })
		})
	}
}

func testReplayGoesOnLive(t *testing.T, w world, authorization string) {
	w.refundAndStop()
	ids := live(t, w, authorization, "")
	first := <-ids
	w.refundOnce("live")
	want := w.replay(w.nobody().With("Authorization", authorization), "")
	equal(t, "first", first, want[0].Position)
	for _, e := range want[1:] {
		equal(t, "id", <-ids, e.Position)
	}
	again := live(t, w, authorization, first)
	equal(t, "resumed", <-again, want[1].Position)
	w.Stop()
	for range ids {
	}
	for range again {
	}
}

func (w world) refundOnce(his string) {
	w.t.Helper()
	number := w.take(registration(his).paidBy(3, "2026-01-16 08:00:00"))[0]
	w.want("0", "refundGeneral", refundOf(number, "R-"+his, "1"))
}

// live gives the ids of the events that a server sends, until it ends.
func live(t *testing.T, w world, authorization, lastID string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.Addr()+"/replay/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", lastID)
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Do(r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(fmt.Sprint(response), err)
	}
	ids := make(chan string, 10_000)
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-ended
		response.Body.Close()
		client.CloseIdleConnections()
	})
	go func() {
		defer close(ended)
		defer close(ids)
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				ids <- id
			}
		}
	}()
	return ids
}

// TestAReplayGivesNobodyACredential: an auditor's token is no way to anybody's account.
func TestAReplayGivesNobodyACredential(t *testing.T) {
	t.Parallel()
	w := demo(t)
	w.admin().Send("PATCH", "/admin/hospitals/H001/", body(fields{"webhook_url": "http://127.0.0.1:9/", "webhook_secret": hookSecret})).Want(t, http.StatusOK)
	all := w.As(auditToken).Get("/replay/events").Want(t, http.StatusOK).Body
	for name, secret := range map[string]string{"a password's verifier": "argon2", "a token's hash": auth.HashToken(orderdtest.Patient1),
		"a hospital's secret's hash": institution.HashSecret(secret), "a token": orderdtest.Patient1} {
		if strings.Contains(all, secret) {
			t.Errorf("the replay has %s", name)
		}
	}
	kinds := map[string]int{}
	for line := range strings.Lines(all) {
		var e struct {
			Type     string
			Redacted bool
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Redacted {
			kinds[e.Type]++
		}
	}
	for _, kind := range []string{"UserRegistered", "SecretSet", "WebhookSet", "Linked"} {
		if kinds["orderengine."+kind+".v1"] == 0 {
			t.Errorf("nothing of %s is redacted: %v", kind, kinds)
		}
	}
}
