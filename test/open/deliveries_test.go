package open_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

const (
	hookSecret  = "signs-what-is-delivered"
	hospitalURL = "/admin/hospitals/H001/"
	ledgerURL   = hospitalURL + "deliveries/"
)

// quick are the settings under which a hospital's failures take little time.
var quick = []string{"--webhook-timeout", "300ms", "--webhook-wait", "50ms"}

// process is a demo server that can be killed.
func process(t *testing.T, flags ...string) world {
	t.Helper()
	return world{orderdtest.DemoProcess(t, flags...), t}
}

// receiver is a hospital's server: it takes what is signed, and misbehaves as it is told.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	secret   string
	trouble  func() trouble
	batches  []string // as they came, with a good signature
	rejected int      // without one
}

// trouble is what a receiver does with a batch.
type trouble int

const (
	none trouble = iota
	answers500
	hangs
	closes         // without an answer
	takesAndIsMum  // takes it, then closes
	takesAndIsSlow // takes it, and answers when nobody listens any more
	allTroubles    = 6
)

func newReceiver(t *testing.T, trouble func() trouble) *receiver {
	h := &receiver{secret: hookSecret, trouble: trouble}
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

func fine() trouble { return none }

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server was killed
	}
	switch h.take(r.Header.Get("Signature"), string(body)) {
	case none:
		w.WriteHeader(http.StatusNoContent)
	case answers500:
		w.WriteHeader(http.StatusInternalServerError)
	case hangs, takesAndIsSlow:
		<-r.Context().Done()
	case closes, takesAndIsMum:
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (h *receiver) take(signature, body string) trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !isSigned(signature, h.secret, body, time.Now()) {
		h.rejected++
		return -1
	}
	what := h.trouble()
	if what == none || what == takesAndIsMum || what == takesAndIsSlow {
		h.batches = append(h.batches, body)
	}
	return what
}

// isSigned verifies a signature as the documentation tells hospitals to.
func isSigned(signature, secret, body string, now time.Time) bool {
	var seconds int64
	var given string
	if _, err := fmt.Sscanf(signature, "t=%d,v1=%s", &seconds, &given); err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", seconds, body)
	return hmac.Equal([]byte(given), []byte(hex.EncodeToString(mac.Sum(nil)))) && now.Sub(time.Unix(seconds, 0)).Abs() < 5*time.Minute
}

// got are the batches so far.
func (h *receiver) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.batches)
}

func (h *receiver) rejects() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rejected
}

func (h *receiver) set(change func(h *receiver)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

// eventsOf are the events of a batch.
func eventsOf(t *testing.T, batch string) []cloudEvent {
	t.Helper()
	var events []cloudEvent
	if err := json.Unmarshal([]byte(batch), &events); err != nil {
		t.Fatalf("%v: %s", err, batch)
	}
	return events
}

// once are the events that came, each once, as a receiver knows them by id. A batch is what follows the one before, or
// just that one again.
func (h *receiver) once(t *testing.T) (ids []string) {
	t.Helper()
	batches := h.got()
	for i, batch := range batches {
		if i > 0 && batch == batches[i-1] {
			continue
		}
		for _, e := range eventsOf(t, batch) {
			if slices.Contains(ids, e.ID) {
				t.Errorf("batch %d has %s again, which is not a whole batch again", i, e.ID)
			}
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// deliverTo has a hospital's events delivered to a receiver.
func (w world) deliverTo(code string, h *receiver) {
	w.t.Helper()
	hook := fields{"webhook_url": h.URL + "/events", "webhook_secret": hookSecret}
	w.admin().Send("PATCH", "/admin/hospitals/"+code+"/", body(hook)).Want(w.t, http.StatusOK)
}

// ledger is what administrators are shown of deliveries.
type ledger struct {
	State, Cursor, Why string
	Lag, Tries         int
	Delivered, Count   int
	OldestTime         *string `json:"oldest_time"`
	Results            []struct{ Event, After, Through, By, Why string }
}

func (w world) ledger(code string) (l ledger) {
	w.t.Helper()
	w.admin().Get("/admin/hospitals/"+code+"/deliveries/?page_size=100").Want(w.t, http.StatusOK).Into(w.t, &l)
	return l
}

// stopAll imports paid registrations and stops them, which makes two events of each.
func (w world) stopAll(code, secret, name string, n int) {
	w.t.Helper()
	var lines, numbers []string
	for i := range n {
		lines = append(lines, registration(fmt.Sprintf("%s-%d", name, i)).and(fields{"hospital": code, "branch": nil}).paidBy(3, "2026-01-15 08:00:00").line())
	}
	equal(w.t, "imported", w.imports(strings.Join(lines, "\n")).Taken, n)
	for _, r := range w.trades(secret, "2026-01-15 08:00:00", "2026-01-15 08:00:00") {
		if strings.HasPrefix(r.get("hisOrderNo"), name+"-") && r.get("tradeType") == "1" {
			numbers = append(numbers, r.get("orderNo"))
		}
	}
	equal(w.t, "found", len(numbers), n)
	w.want("0", "stopReg", of("secret", secret, "orderList", strings.Join(numbers, ",")))
}

// TestDeliveriesSurviveEverything has a hospital that misbehaves in every way and a server that is killed meanwhile: the
// hospital has every event in the end, in order, and what it has twice are whole batches.
func TestDeliveriesSurviveEverything(t *testing.T) {
	t.Parallel()
	w := process(t, quick...)
	w.second()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	wild := newReceiver(t, func() trouble { return trouble(random.IntN(allTroubles)) })
	calm := newReceiver(t, fine)
	w.deliverTo(h001, wild)
	w.deliverTo("H002", calm)
	for round := range 3 {
		w.stopAll(h001, secret, fmt.Sprintf("wild%d", round), 30)
		w.stopAll("H002", secret2, fmt.Sprintf("calm%d", round), 2)
		before := len(wild.got())
		w.Eventually("a batch is taken", func() bool { return len(wild.got()) > before })
		w.Kill()
		if round == 1 { // views that are made again make nobody be sent anything again
			if err := os.RemoveAll(filepath.Join(w.Data, "views")); err != nil {
				t.Fatal(err)
			}
		}
		w.Start()
	}
	want := func(secret string) (ids []string) {
		for _, e := range w.replay(w.nobody().With("Authorization", "Secret "+secret), "") {
			ids = append(ids, e.ID)
		}
		return ids
	}
	equal(t, "events to be delivered", fmt.Sprint(len(want(secret)), len(want(secret2))), "180 12")
	w.Eventually("all is delivered", func() bool { return w.ledger(h001).Lag == 0 && w.ledger("H002").Lag == 0 })
	for _, c := range []struct {
		h      *receiver
		secret string
	}{{wild, secret}, {calm, secret2}} {
		equal(t, "what came", strings.Join(c.h.once(t), " "), strings.Join(want(c.secret), " "))
	}
	if batches := wild.got(); len(batches) == len(slices.Compact(slices.Clone(batches))) {
		t.Log("the hospital had nothing twice")
	}
	l := w.ledger(h001)
	equal(t, "the end", l.State+" at "+l.Cursor, "waiting at "+want(secret)[179])
}

// TestADeadHospitalDelaysNoOther, and is seen by the person on call, once in the log.
func TestADeadHospitalDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := world{orderdtest.Demo(t, "--webhook-timeout", "1m"), t}
	w.second()
	dead, alive := newReceiver(t, func() trouble { return hangs }), newReceiver(t, fine)
	w.deliverTo(h001, dead)
	w.deliverTo("H002", alive)
	w.stopAll(h001, secret, "dead", 1)
	for n := range 3 {
		w.stopAll("H002", secret2, fmt.Sprintf("alive%d", n), 1)
		w.Eventually("the other has its events", func() bool { return len(alive.once(t)) == 2*(n+1) })
	}
	equal(t, "the dead one's", len(dead.got()), 0)
	l := w.ledger(h001)
	if l.State != "sending" || l.Lag != 2 || l.OldestTime == nil {
		t.Errorf("the dead one's ledger: %+v", l)
	}
	dead.set(func(h *receiver) { h.trouble = func() trouble { return answers500 } })
	dead.CloseClientConnections()
	w.Eventually("it fails", func() bool { return w.ledger(h001).Tries >= 2 })
	contains(t, "readyz", w.nobody().Get("/readyz?verbose").Want(t, http.StatusOK).Body, "[+] webhooks: 2 hospitals, failing: H001 since ")
	metrics := w.nobody().Get("/metrics").Body
	for _, line := range []string{`orderd_webhook_failures\{hospital="H001"\} [1-9]`, `orderd_webhook_failures\{hospital="H002"\} 0`,
		`orderd_webhook_lag_seconds\{hospital="H001"\} [0-9.]+`, `orderd_webhook_lag_seconds\{hospital="H002"\} 0`, `orderd_webhook_delivered_events_total\{hospital="H002"\} 6`} {
		if !regexp.MustCompile("(?m)^" + line).MatchString(metrics) {
			t.Errorf("the metrics have no %s", line)
		}
	}
	dead.set(func(h *receiver) { h.trouble = fine })
	w.Eventually("it has its events", func() bool { return len(dead.once(t)) == 2 && w.ledger(h001).State == "waiting" })
	equal(t, "told", fmt.Sprint(strings.Count(w.Log(), "a hospital does not take its events"), strings.Count(w.Log(), "a hospital takes its events again")), "1 1")
}

// TestRedelivery sends again from a position, and looks at the whole of what administrators are shown.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	w := world{orderdtest.Demo(t, quick...), t}
	h := newReceiver(t, fine)
	w.refundAndStop()
	w.deliverTo(h001, h)
	w.Eventually("delivered", func() bool { return w.ledger(h001).Delivered == 3 })
	all := eventsOf(t, h.got()[0])
	equal(t, "the first delivery", len(all), 3)
	events := w.replay(w.asHospital(), "")
	for i := range all {
		equal(t, "the event", fmt.Sprintf("%+v", all[i]), fmt.Sprintf("%+v", events[i]))
	}
	after := all[0].Position
	w.admin().Send("POST", ledgerURL+"redeliver/", body(fields{"after": after})).Want(t, http.StatusOK)
	w.Eventually("delivered again", func() bool { return w.ledger(h001).Delivered == 5 })
	again := eventsOf(t, h.got()[1])
	equal(t, "again", len(again), 2)
	equal(t, "the first of them", again[0].ID, all[1].ID)

	g := newGolden(t)
	g.check("deliveries", w.ledgerShown(g, h, w.admin().Get(ledgerURL+"?page_size=100")))
	for text, status := range map[string]int{`{"after":"x"}`: 400, `{"after":99999999}`: 400, `{}`: 400, `{"after":""}`: 400} {
		contains(t, text, w.admin().Send("POST", ledgerURL+"redeliver/", orderdtest.JSON(text)).Want(t, status).Body, `{"after":["`)
	}
	w.admin().Get("/admin/hospitals/H009/deliveries/").Want(t, http.StatusNotFound)
	w.admin().Send("POST", "/admin/hospitals/H009/deliveries/redeliver/", orderdtest.JSON(`{"after":0}`)).Want(t, http.StatusNotFound)
	for token, status := range map[string]int{"": 401, orderdtest.Patient1: 403, auditToken: 403} {
		w.As(token).Get(ledgerURL).Want(t, status)
	}
	// A hospital that is given a webhook late need not be sent what was before.
	w.second()
	w.stopAll("H002", secret2, "late", 1)
	late := w.replay(w.nobody().With("Authorization", "Secret "+secret2), "")
	w.admin().Send("POST", "/admin/hospitals/H002/deliveries/redeliver/", body(fields{"after": late[0].Position})).Want(t, http.StatusOK)
	second := newReceiver(t, fine)
	w.deliverTo("H002", second)
	w.Eventually("the last event", func() bool { return slices.Equal(second.once(t), []string{late[1].ID}) })
}

// ledgerShown is a reply without what differs from run to run.
func (w world) ledgerShown(g *golden, h *receiver, r orderdtest.Reply) string {
	text := strings.ReplaceAll(shown(w.t, "GET "+ledgerURL, r), h.URL, "<receiver>")
	text = regexp.MustCompile(`"(cursor|after|through)":"([1-9][0-9]*)"`).ReplaceAllStringFunc(text, func(found string) string {
		name, position, _ := strings.Cut(strings.Trim(found, `"`), `":"`)
		return `"` + name + `":"` + g.named("position", position) + `"`
	})
	text = regexp.MustCompile(`_time":"[^"]{19,26}"|"time":"[^"]{19,26}"`).ReplaceAllStringFunc(text, func(found string) string {
		name, _, _ := strings.Cut(found, `":"`)
		return name + `":"<time>"`
	})
	text = regexp.MustCompile(`"by":"[0-9a-f]{16}"`).ReplaceAllString(text, `"by":"<server>"`)
	return strings.ReplaceAll(text, `},{`, "},\n{")
}

// TestAWrongSecretIsNoticed by the hospital, which is sent its events when they agree.
func TestAWrongSecretIsNoticed(t *testing.T) {
	t.Parallel()
	w := world{orderdtest.Demo(t, quick...), t}
	h := newReceiver(t, fine)
	h.set(func(h *receiver) { h.secret = "another-secret-that-is-long" })
	w.deliverTo(h001, h)
	w.refundOnce("wrong")
	w.Eventually("refused", func() bool { return h.rejects() > 1 && w.ledger(h001).Why == "it answered 401 Unauthorized" })
	equal(t, "taken", len(h.got()), 0)
	w.admin().Send("PATCH", hospitalURL, body(fields{"webhook_secret": "another-secret-that-is-long"})).Want(t, http.StatusOK)
	w.Eventually("taken", func() bool { return len(h.once(t)) == 1 })
	for name, hostile := range map[string]struct {
		signature, body string
		at              time.Time
	}{
		"no signature":      {"", "[]", time.Now()},
		"an old one":        {"t=1,v1=6b4d9ee7d0a7fb9d6c2e3d1a", "[]", time.Now()},
		"another signature": {"t=" + fmt.Sprint(time.Now().Unix()) + ",v1=00", "[]", time.Now()},
	} {
		if isSigned(hostile.signature, h.secret, hostile.body, hostile.at) {
			t.Errorf("%s is believed", name)
		}
	}
	// Neither secret is in the log of the events, of the server, or in a reply.
	shownTo := w.Log() + w.admin().Get("/admin/hospitals/").Body + w.admin().Get(ledgerURL).Body + w.As(auditToken).Get("/replay/events").Body
	for _, secret := range []string{hookSecret, "another-secret-that-is-long"} {
		if strings.Contains(shownTo, secret) {
			t.Errorf("%s is told", secret)
		}
	}
}

// TestWebhookSettings refuses what cannot be called, and names the field.
func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	w := demo(t)
	admin := w.admin().With("Accept-Language", "en")
	good := fields{"webhook_url": "https://his.example/events?x=1", "webhook_secret": hookSecret}
	for _, c := range []struct {
		f     fields
		field string
	}{
		{fields{"webhook_url": "https://his.example/"}, "webhook_secret"},
		{fields{"webhook_secret": hookSecret}, "webhook_secret"},
		{good.and(fields{"webhook_secret": "short"}), "webhook_secret"},
		{good.and(fields{"webhook_url": "his.example/events"}), "webhook_url"},
		{good.and(fields{"webhook_url": "ftp://his.example/"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://:80/"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://user:password@his.example/"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://his.example/#x"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://his example/"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://医院.example/"}), "webhook_url"},
		{good.and(fields{"webhook_url": "http://his.example/" + strings.Repeat("x", 1000)}), "webhook_url"},
		{good.and(fields{"webhook_url": []int{1}}), "webhook_url"},
	} {
		r := admin.Send("PATCH", hospitalURL, body(c.f)).Want(t, http.StatusBadRequest)
		if !strings.HasPrefix(r.Body, `{"`+c.field+`":["`) {
			t.Errorf("%s: %s", c.f.line(), r.Body)
		}
		f := c.f.and(fields{"code": "H003", "name": "x"})
		admin.Send("POST", "/admin/hospitals/", body(f)).Want(t, http.StatusBadRequest)
	}
	admin.Get("/admin/hospitals/H003/").Want(t, http.StatusNotFound)
	shows := func(r orderdtest.Reply) string {
		var h struct {
			WebhookURL *string `json:"webhook_url"`
		}
		r.Into(t, &h)
		if h.WebhookURL == nil || strings.Contains(r.Body, hookSecret) {
			t.Fatalf("shown: %s", r.Body)
		}
		return *h.WebhookURL
	}
	patch := func(f fields) string {
		t.Helper()
		return shows(admin.Send("PATCH", hospitalURL, body(f)).Want(t, http.StatusOK))
	}
	equal(t, "none yet", shows(admin.Get(hospitalURL)), "")
	equal(t, "set", patch(good), "https://his.example/events?x=1")
	equal(t, "another address keeps the secret", patch(fields{"webhook_url": "http://10.0.0.1:1/"}), "http://10.0.0.1:1/")
	equal(t, "another secret keeps the address", patch(fields{"webhook_secret": hookSecret + "2"}), "http://10.0.0.1:1/")
	equal(t, "another field keeps both", patch(fields{"name": "阳光"}), "http://10.0.0.1:1/")
	equal(t, "shown", shows(admin.Get(hospitalURL)), "http://10.0.0.1:1/")
	equal(t, "taken away", patch(fields{"webhook_url": ""}), "")
	equal(t, "taken away again", patch(fields{"webhook_url": nil}), "")
	admin.Send("PATCH", hospitalURL, body(fields{"webhook_url": "http://10.0.0.1:1/"})).Want(t, http.StatusBadRequest) // the secret went with it
	equal(t, "made with the hospital", shows(admin.Send("POST", "/admin/hospitals/", body(good.and(fields{"code": "H003", "name": "x"}))).Want(t, http.StatusCreated)),
		"https://his.example/events?x=1")
	var set []string
	for _, e := range w.replay(w.As(auditToken), "types=WebhookSet") {
		set = append(set, string(e.Data))
	}
	if len(set) != 5 || bytes.Contains([]byte(set[3]), []byte("secret")) {
		t.Errorf("%d events: %s", len(set), set)
	}
}
