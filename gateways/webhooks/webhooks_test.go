package webhooks_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/domain"
	"orderengine/domain/delivery"
	"orderengine/domain/institution"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/gateways/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef"

type (
	hospitals = decider.Decider[institution.Hospital, institution.Command, institution.Event]
	ledgers   = decider.Decider[delivery.Delivery, delivery.Command, delivery.Event]
)

func model[S, C, E any](category string, codec *domain.Codec[E], decide func(S, C) ([]E, error), evolve func(S, E) S) decider.Model[S, C, E] {
	return decider.Model[S, C, E]{Category: category, Decide: decide, Evolve: evolve, Encode: codec.Encode, Decode: codec.Decode}
}

// world is a log with hospitals, and what they may be told.
type world struct {
	t         *testing.T
	store     *memory.Store
	hospitals *hospitals
	ledgers   *ledgers
	key       webhooks.Key
	logs      *buffer

	mu     sync.Mutex
	events map[string]int // by hospital: event n has the position n
	hooks  []string       // hospitals with a webhook
	shift  time.Duration  // of the clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := memory.New()
	key, err := webhooks.NewKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: store, key: key, logs: &buffer{}, events: map[string]int{},
		hospitals: decider.New(store, model(institution.Category, institution.Codec, institution.Decide, institution.Evolve), decider.Options{}),
		ledgers:   decider.New(store, model(delivery.Category, delivery.Codec, delivery.Decide, delivery.Evolve), decider.Options{})}
}

type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.shift)
}

func (w *world) call() decider.Call { return decider.Call{ID: uuid.New(), Actor: "admin", At: w.now()} }

// hospital makes a hospital whose events go to a receiver.
func (w *world) hospital(code string, to http.Handler) {
	w.t.Helper()
	server := httptest.NewServer(to)
	w.t.Cleanup(server.Close)
	if _, err := w.hospitals.Execute(w.t.Context(), code, w.call(), institution.Register{Code: code, Name: "n", At: w.now()}); err != nil {
		w.t.Fatal(err)
	}
	w.hook(code, institution.Webhook{URL: server.URL + "/events?token=hidden", Secret: w.key.Seal(code, secret)})
}

func (w *world) hook(code string, hook institution.Webhook) {
	w.t.Helper()
	if _, err := w.hospitals.Execute(w.t.Context(), code, w.call(), institution.SetWebhook{Webhook: hook, At: w.now()}); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks = slices.DeleteFunc(w.hooks, func(c string) bool { return c == code })
	if hook.URL != "" {
		w.hooks = append(w.hooks, code)
	}
}

// happen gives a hospital more events.
func (w *world) happen(code string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[code] += n
}

func (w *world) after(_ context.Context, code string, after eventstore.Position, limit int) (events []webhooks.Event, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := int(after.Commit) + 1; n <= w.events[code] && len(events) < limit; n++ {
		p := eventstore.Position{Commit: uint64(n), Prepare: uint64(n)}
		events = append(events, webhooks.Event{Position: p, At: time.Now(), JSON: fmt.Appendf(nil, `{"id":"%d","source":"/hospitals/%s"}`, n, code)})
	}
	return events, nil
}

// courier is a server's that has begun its run.
func (w *world) courier(server string) *webhooks.Courier {
	return &webhooks.Courier{
		List: func(context.Context) ([]string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.hooks), nil
		},
		Events: w.after, Hospitals: w.hospitals, Ledgers: w.ledgers, Key: w.key, Sender: delivery.Sender{Server: server, Run: uuid.NewString()},
		Timeout: time.Second, MaxWait: time.Millisecond, Now: w.now, Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
}

// run runs a courier until stop is called, or the test ends.
func (w *world) run(c *webhooks.Courier) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) ledger(code string) delivery.Delivery {
	w.t.Helper()
	r, err := w.ledgers.Load(context.WithoutCancel(w.t.Context()), code)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.State
}

// lines are the ledger's, "<event> <what it is about>".
func (w *world) lines(code string) (lines []string) {
	w.t.Helper()
	for e, err := range w.store.ReadStream(context.WithoutCancel(w.t.Context()), "delivery-"+code, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		var d struct {
			After, Through string
			Failures       int
			Tries          int
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			w.t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s-%s %d", e.Type, d.After, d.Through, d.Failures+d.Tries)))
	}
	return lines
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("still not: %s; %v", what, w.hooks)
		}
	}
}

// receiver is a hospital's server. It checks the form of what it is sent, and does as it is told.
type receiver struct {
	t  *testing.T
	mu sync.Mutex
	// answer is what it does with the nth request, from 1; nil takes all.
	answer func(n int, w http.ResponseWriter, r *http.Request) (taken bool)
	sent   []string // batches as they came, "1 2 3"
	taken  []string
	n      int
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was stopped
	}
	var events []struct{ ID, Source string }
	if err := json.Unmarshal(body, &events); err != nil || len(events) == 0 || len(events) > webhooks.MaxBatch || r.Method != http.MethodPost ||
		r.Header.Get("Content-Type") != "application/cloudevents-batch+json" {
		h.t.Errorf("%s %v %d: %.200s", r.Method, r.Header, len(events), body)
	}
	if !signed(r.Header.Get("Signature"), secret, body) || signed(r.Header.Get("Signature"), secret+"x", body) {
		h.t.Errorf("signature %s", r.Header.Get("Signature"))
	}
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	h.mu.Lock()
	h.n++
	n := h.n
	h.sent = append(h.sent, strings.Join(ids, " "))
	h.mu.Unlock()
	if h.answer == nil || h.answer(n, w, r) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.taken = append(h.taken, ids...)
	}
}

// signed verifies a signature as the documentation says.
func signed(signature, secret string, body []byte) bool {
	t, mac, ok := strings.Cut(strings.TrimPrefix(signature, "t="), ",v1=")
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "%s.%s", t, body)
	return ok && hmac.Equal([]byte(mac), []byte(hex.EncodeToString(h.Sum(nil))))
}

func (h *receiver) batches() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sent)
}

func (h *receiver) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.taken)
}

func (h *receiver) has(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.taken) >= n
}

func (h *receiver) requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

func numbers(from, to int) string {
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprint(n))
	}
	return strings.Join(all, " ")
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%q", any(got)), fmt.Sprintf("%q", any(want)); g != w {
		t.Errorf("%s:\n%s, want\n%s", what, g, w)
	}
}

func TestEventsAreDeliveredInOrderAndInBatches(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.happen("H1", 120)
	w.hospital("H1", h)
	stop := w.run(w.courier("s1"))
	w.eventually("120 events", func() bool { return h.has(120) })
	w.happen("H1", 1)
	w.eventually("one more", func() bool { return h.has(121) && w.ledger("H1").Cursor == "121" })
	stop()
	equal(t, "batches", h.batches(), []string{numbers(1, 50), numbers(51, 100), numbers(101, 120), "121"})
	equal(t, "ledger", w.lines("H1"), []string{"BatchSent -50 0", "BatchDelivered -50 1", "BatchSent 50-100 0", "BatchDelivered 50-100 1",
		"BatchSent 100-120 0", "BatchDelivered 100-120 1", "BatchSent 120-121 0", "BatchDelivered 120-121 1"})
}

// TestABatchIsSentUntilItIsTaken has a hospital that does all but take it.
func TestABatchIsSentUntilItIsTaken(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	h.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			<-r.Context().Done() // until the sender has had enough
		case 3:
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case 4:
			panic(http.ErrAbortHandler) // closes the connection
		case 5:
			w.WriteHeader(http.StatusGone)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
		return n > 5
	}
	w.happen("H1", 3)
	w.hospital("H1", h)
	c := w.courier("s1")
	stop := w.run(c)
	w.eventually("five failures", func() bool { s := c.Statuses(); return len(s) == 1 && s[0].Failures == 5 && !s[0].Since.IsZero() })
	status := c.Statuses()[0]
	equal(t, "why", status.Why, "it answered 410 Gone")
	if status.Oldest.IsZero() || status.Hospital != "H1" {
		t.Errorf("status %+v", status)
	}
	w.eventually("taken", func() bool { return h.has(3) && w.ledger("H1").Cursor == "3" })
	w.eventually("a status without failures", func() bool { return c.Status("H1") == webhooks.Status{Hospital: "H1", Delivered: 3} })
	stop()
	if s := c.Statuses(); len(s) != 0 { // another server delivers, maybe: an old failure or lag would be shown for ever
		t.Errorf("after the end: %+v", s)
	}
	for _, sent := range h.batches() {
		equal(t, "what was sent", sent, "1 2 3")
	}
	equal(t, "ledger", w.lines("H1"), []string{"BatchSent -3 0", "DeliveryFailed -3 1", "DeliveryFailed -3 2", "DeliveryFailed -3 4", "BatchDelivered -3 6"})
	equal(t, "log lines of the failure and its end", fmt.Sprint(w.logs.count("does not take"), w.logs.count("takes its events again"), w.logs.count("\n")), "1 1 2")
	if w.logs.count("hidden")+w.logs.count(secret) > 0 {
		t.Error("the log tells the address or the secret")
	}
}

// TestAHospitalDelaysNoOther has one that hangs.
func TestAHospitalDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := make(chan struct{})
	dead := &receiver{t: t, answer: func(int, http.ResponseWriter, *http.Request) bool { <-release; return true }}
	alive := &receiver{t: t}
	w.hospital("H1", dead)
	w.hospital("H2", alive)
	w.happen("H1", 10)
	c := w.courier("s1")
	c.Timeout = 20 * time.Second
	w.run(c)
	w.eventually("the dead one is asked", func() bool { return dead.requests() == 1 })
	for n := range 5 {
		w.happen("H2", 1)
		w.eventually("the other has its event", func() bool { return alive.has(n + 1) })
	}
	equal(t, "requests to the dead one", dead.requests(), 1)
	close(release)
}

// TestARestartSendsTheSameBatchAgain stops a server between the batch and its acknowledgement.
func TestARestartSendsTheSameBatchAgain(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.happen("H1", 2)
	begun := delivery.Send{Batch: delivery.Batch{Through: "2", Count: 2}, Sender: delivery.Sender{Server: "s1", Run: "killed"}, At: w.now()}
	if _, err := w.ledgers.Execute(t.Context(), "H1", w.call(), begun); err != nil {
		t.Fatal(err)
	}
	w.happen("H1", 3)
	w.hospital("H1", h)
	w.run(w.courier("s1"))
	w.eventually("all five", func() bool { return h.has(5) && w.ledger("H1").Cursor == "5" })
	equal(t, "batches", h.batches(), []string{"1 2", "3 4 5"})
	equal(t, "ledger", w.lines("H1"), []string{"BatchSent -2 0", "BatchSent -2 0", "BatchDelivered -2 1", "BatchSent 2-5 0", "BatchDelivered 2-5 1"})
}

// TestTwoServersAreNeverBothSending: the second takes over when the lease of the first has run out.
func TestTwoServersAreNeverBothSending(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.happen("H1", 2)
	begun := delivery.Send{Batch: delivery.Batch{Through: "2", Count: 2}, Sender: delivery.Sender{Server: "s1", Run: "dead"}, At: w.now()}
	if _, err := w.ledgers.Execute(t.Context(), "H1", w.call(), begun); err != nil {
		t.Fatal(err)
	}
	w.hospital("H1", h)
	c := w.courier("s2")
	asked := make(chan struct{}, 100)
	c.Events = func(ctx context.Context, code string, after eventstore.Position, limit int) ([]webhooks.Event, error) {
		asked <- struct{}{}
		return w.after(ctx, code, after, limit)
	}
	w.run(c)
	for range 3 {
		<-asked
	}
	equal(t, "requests while the other has it", h.requests(), 0)
	w.mu.Lock()
	w.shift = delivery.Lease
	w.mu.Unlock()
	w.eventually("taken over", func() bool { return h.has(2) })
}

// TestManyServersSendEachBatchOnce has three servers of one log that all see the same.
func TestManyServersSendEachBatchOnce(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.hospital("H1", h)
	for _, name := range []string{"s1", "s2", "s3"} {
		c := w.courier(name)
		options := decider.Options{Shared: true}
		c.Ledgers = decider.New(w.store, model(delivery.Category, delivery.Codec, delivery.Decide, delivery.Evolve), options)
		w.run(c)
	}
	for n := range 6 {
		w.happen("H1", 7)
		w.eventually("delivered", func() bool { return h.has(7 * (n + 1)) })
	}
	equal(t, "what came", strings.Join(h.all(), " "), numbers(1, 42))
}

// TestStoppingWaitsForTheAnswer, so that what was taken is not sent again by the next run.
func TestStoppingWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	w, release := newWorld(t), make(chan struct{})
	h := &receiver{t: t, answer: func(int, http.ResponseWriter, *http.Request) bool { <-release; return true }}
	w.happen("H1", 1)
	w.hospital("H1", h)
	c := w.courier("s1")
	c.Timeout = 30 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	w.eventually("sent", func() bool { return h.requests() == 1 })
	cancel()
	close(release)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	equal(t, "cursor", w.ledger("H1").Cursor, "1")
}

func TestRedeliveryGivesUpWhatFails(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	h.answer = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			rw.WriteHeader(http.StatusUnprocessableEntity)
		}
		return n > 1
	}
	w.happen("H1", 4)
	w.hospital("H1", h)
	c := w.courier("s1")
	c.MaxWait = delivery.MaxWait // nobody waits so long
	w.run(c)
	w.eventually("failed", func() bool { return w.ledger("H1").Failures == 1 })
	redeliver := func(after string) {
		t.Helper()
		if _, err := w.ledgers.Execute(t.Context(), "H1", w.call(), delivery.Redeliver{After: after, By: "admin", At: w.now()}); err != nil {
			t.Fatal(err)
		}
	}
	redeliver("2")
	w.eventually("past it", func() bool { return h.has(2) && w.ledger("H1").Cursor == "4" })
	redeliver("1")
	w.eventually("again", func() bool { return h.has(5) && w.ledger("H1").Cursor == "4" })
	equal(t, "batches", h.batches(), []string{"1 2 3 4", "3 4", "2 3 4"})
}

// TestAChangedWebhookIsTriedAtOnce, however long the wait was.
func TestAChangedWebhookIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	h.answer = func(_ int, rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusNotFound)
		return false
	}
	w.happen("H1", 1)
	w.hospital("H1", h)
	c := w.courier("s1")
	c.MaxWait = delivery.MaxWait
	w.run(c)
	w.eventually("failed often enough for a long wait", func() bool { return w.ledger("H1").Failures >= 2 })
	good := &receiver{t: t}
	server := httptest.NewServer(good)
	defer server.Close()
	w.hook("H1", institution.Webhook{URL: server.URL, Secret: w.key.Seal("H1", secret)})
	w.eventually("delivered", func() bool { return good.has(1) })
	equal(t, "what was sent", good.batches(), []string{"1"})
}

// TestWithoutItsKeyAServerLeavesTheBatchToOthers, and says so: the secret was sealed with another key.
func TestWithoutItsKeyAServerLeavesTheBatchToOthers(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.happen("H1", 1)
	w.hospital("H1", h)
	c := w.courier("s1")
	c.Key, _ = webhooks.NewKey(bytes.Repeat([]byte{8}, 32))
	w.run(c)
	w.eventually("told", func() bool { return c.Status("H1").Why == webhooks.ErrSealed.Error() })
	if s := c.Status("H1"); s.Failures != 1 || s.Since.IsZero() || s.Oldest.IsZero() {
		t.Errorf("status %+v", s)
	}
	equal(t, "requests", h.requests(), 0)
	equal(t, "ledger", len(w.lines("H1")), 0)
	w.run(w.courier("s2"))
	w.eventually("delivered by the other", func() bool { return h.has(1) })
	equal(t, "log lines", w.logs.count("\n"), 1)
	w.hook("H1", institution.Webhook{})
	w.eventually("nobody is delivered to", func() bool { return c.Status("H1") == webhooks.Status{} })
}

// TestAWebhookThatIsTakenAwayEndsTheDeliveries, and one that comes back goes on where they were.
func TestAWebhookThatIsTakenAwayEndsTheDeliveries(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.happen("H1", 1)
	w.hospital("H1", h)
	c := w.courier("s1")
	w.run(c)
	w.eventually("delivered", func() bool { return h.has(1) && w.ledger("H1").Cursor == "1" })
	loaded, err := w.hospitals.Load(t.Context(), "H1")
	if err != nil {
		t.Fatal(err)
	}
	w.hook("H1", institution.Webhook{})
	w.eventually("nobody is delivered to", func() bool { return len(c.Statuses()) == 0 })
	w.happen("H1", 2)
	w.hook("H1", loaded.State.Webhook)
	w.eventually("the rest", func() bool { return h.has(3) })
	equal(t, "batches", h.batches(), []string{"1", "2 3"})
}

// forgetful cannot write acknowledgements for a while.
type forgetful struct {
	*ledgers
	mu   sync.Mutex
	left int
}

func (f *forgetful) Execute(ctx context.Context, id string, call decider.Call, c delivery.Command) (decider.Result[delivery.Delivery], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := c.(delivery.Acknowledge); ok && f.left > 0 {
		f.left--
		return decider.Result[delivery.Delivery]{}, eventstore.ErrUnavailable
	}
	return f.ledgers.Execute(ctx, id, call, c)
}

func TestWhatWasTakenIsNotSentAgainWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &receiver{t: t}
	w.happen("H1", 1)
	w.hospital("H1", h)
	c := w.courier("s1")
	c.Ledgers = &forgetful{ledgers: w.ledgers, left: 2}
	w.run(c)
	w.eventually("written down", func() bool { return w.ledger("H1").Cursor == "1" })
	equal(t, "batches", h.batches(), []string{"1"})
}
