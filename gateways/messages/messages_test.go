package messages_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/hospital"
	"orderengine/domain/institution"
	"orderengine/domain/message"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/gateways/messages"
	"orderengine/gateways/vault"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const number = "1011202403010000001"

var at = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

type (
	orders    = decider.Decider[hospital.Order, hospital.Command, hospital.Event]
	hospitals = decider.Decider[institution.Hospital, institution.Command, institution.Event]
	all       = decider.Decider[message.Message, message.Command, message.Happening]
)

func model[S, C, E any](category string, codec *domain.Codec[E], decide func(S, C) ([]E, error), evolve func(S, E) S) decider.Model[S, C, E] {
	return decider.Model[S, C, E]{Category: category, Decide: decide, Evolve: evolve, Encode: codec.Encode, Decode: codec.Decode}
}

// world is a log with a hospital and an order of it that was paid, refunded in part and stopped.
type world struct {
	t         *testing.T
	store     *memory.Store
	orders    *orders
	hospitals *hospitals
	messages  *all
	vault     vault.Vault
	now       time.Time
}

func newWorld(t *testing.T) *world {
	store := memory.New()
	w := &world{t: t, store: store, now: at,
		orders:    decider.New(store, model(hospital.Category, hospital.Codec, hospital.Decide, hospital.Evolve), decider.Options{}),
		hospitals: decider.New(store, model(institution.Category, institution.Codec, institution.Decide, institution.Evolve), decider.Options{}),
		messages:  decider.New(store, model(message.Category, message.Codec, message.Decide, message.Evolve), decider.Options{}),
	}
	keys, err := vault.OpenKeyring(t.TempDir(), make([]byte, 32))
	w.must(err)
	patients := decider.New(store, model(account.Category, account.Codec, account.Decide, account.Evolve), decider.Options{})
	w.vault = vault.Vault{Users: patients, Keys: keys, Now: func() time.Time { return w.now }}
	_, err = patients.Execute(t.Context(), "patient1", call(), account.Register{Profile: account.Profile{Username: "patient1"}, At: at})
	w.must(err)
	_, err = w.hospitals.Execute(t.Context(), "H001", call(), institution.Register{Code: "H001", Name: "阳光医院", At: at})
	w.must(err)
	terms := hospital.Terms{Number: number, Hospital: "H001", Kind: hospital.Registration, Amount: 600, HisOrderNo: "HIS-1", Platform: 1,
		RegType: hospital.Booked, BookDate: "2024-03-02", Department: "内科", Doctor: "刘医生", Patient: "patient1", At: at}
	refund := hospital.RefundOrder{No: "1061202403010000002", HisNo: "R1", Type: hospital.ForPartialRefund, Amount: 200, Reason: "检查取消", Push: true, At: at}
	for _, c := range []hospital.Command{
		hospital.Place{Terms: terms},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_1", Amount: 600, At: at}},
		hospital.Refund{Hospital: "H001", Kind: hospital.Registration, Order: refund},
		hospital.Stop{Hospital: "H001", RefundNo: "1041202403010000003", At: at},
	} {
		_, err := w.orders.Execute(t.Context(), number, call(), c)
		w.must(err)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func call() decider.Call { return decider.Call{ID: uuid.New(), At: at} }

func (w *world) messenger(c messages.Channel) messages.Messenger {
	periods := process.Periods{Retry: []time.Duration{time.Minute}}
	return messages.Messenger{Orders: w.orders, Hospitals: w.hospitals, Messages: w.messages, Vault: w.vault, Channel: c, Periods: periods,
		Now: func() time.Time { return w.now }}
}

// composed are the messages in the log, in order, with what they say.
func (w *world) composed() []composed {
	w.t.Helper()
	var found []composed
	for batch, err := range w.store.Follow(w.t.Context(), eventstore.Position{}) {
		w.must(err)
		for _, e := range batch {
			if e.Type == "MessageComposed" {
				var c message.Content
				w.must(json.Unmarshal(e.Data, &c))
				found = append(found, composed{c, w.open(c)})
			}
		}
		head, err := w.store.Head(w.t.Context())
		w.must(err)
		if !batch[len(batch)-1].Position.Before(head) {
			return found
		}
	}
	return found
}

type composed struct {
	message.Content
	says message.Text
}

// open reads a message that is sealed.
func (w *world) open(m message.Content) (text message.Text) {
	w.t.Helper()
	patient, err := w.vault.Users.Load(w.t.Context(), m.Patient)
	w.must(err)
	w.must(w.vault.Open(patient.State.Person(), m.Purpose(), m.Text, &text))
	return text
}

func (w *world) load(id string) message.Message {
	w.t.Helper()
	r, err := w.messages.Load(w.t.Context(), id)
	w.must(err)
	return r.State
}

func TestTellComposesEachNoticeOnce(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.must(w.messenger(messages.Outbox{}).Tell(t.Context(), number))
	}
	found := w.composed()
	if len(found) != 2 {
		t.Fatalf("%d messages, want 2", len(found))
	}
	for i, want := range []string{
		"阳光医院：您的订单 1011202403010000001 的退费 2.00 元已受理，将原路退回，原因：检查取消。",
		"阳光医院：您预约的 2024-03-02 内科 刘医生 已停诊，订单 1011202403010000001 的费用 4.00 元将原路退回。",
	} {
		if m := found[i]; m.says.Text != want || m.Patient != "patient1" || m.Hospital != "H001" || m.Voucher != number {
			t.Errorf("message %+v, want %s", m, want)
		}
	}
	o, err := w.orders.Load(t.Context(), number)
	if err != nil || len(o.State.Untold) != 0 {
		t.Errorf("untold %+v, %v", o.State.Untold, err)
	}
}

// crashes fails the first time after the message was composed.
type crashes struct {
	*orders
	left int
}

var errCrash = errors.New("crash")

func (c *crashes) Execute(ctx context.Context, id string, call decider.Call, command hospital.Command) (decider.Result[hospital.Order], error) {
	if c.left--; c.left >= 0 {
		return decider.Result[hospital.Order]{}, errCrash
	}
	return c.orders.Execute(ctx, id, call, command)
}

func TestTellGoesOnAfterACrash(t *testing.T) {
	w := newWorld(t)
	m := w.messenger(messages.Outbox{})
	m.Orders = &crashes{w.orders, 2}
	for range 2 {
		if err := m.Tell(t.Context(), number); !errors.Is(err, errCrash) {
			t.Fatalf("error %v", err)
		}
	}
	w.must(m.Tell(t.Context(), number))
	if found := w.composed(); len(found) != 2 {
		t.Errorf("%d messages, want 2", len(found))
	}
}

// hook is a server of the patients' messages.
func hook(t *testing.T, statuses ...int) (channel messages.Webhook, got *[]*http.Request, bodies *[]string) {
	got, bodies = new([]*http.Request), new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got, *bodies = append(*got, r), append(*bodies, string(body))
		w.WriteHeader(statuses[min(len(*got), len(statuses))-1])
	}))
	t.Cleanup(s.Close)
	return messages.Webhook{URL: s.URL, Secret: "s3cret", Now: func() time.Time { return at }}, got, bodies
}

func (w *world) one() string {
	w.t.Helper()
	m := message.Content{ID: uuid.NewString(), Hospital: "H001", Event: message.Unpaid, Patient: "patient1", Voucher: "123456789", At: at}
	sealed, err := w.vault.Seal(w.t.Context(), call(), m.Patient, m.Purpose(), message.Text{Params: map[string]string{"payAmout": "236"}, Text: "请缴费 236 元"})
	w.must(err)
	m.Text = sealed
	_, err = w.messages.Execute(w.t.Context(), m.ID, call(), message.Compose{Content: m})
	w.must(err)
	return m.ID
}

func TestWebhookIsSignedAndSentOnce(t *testing.T) {
	w := newWorld(t)
	channel, got, bodies := hook(t, 200)
	id := w.one()
	for range 3 {
		w.must(w.messenger(channel).Send(t.Context(), id))
	}
	if len(*got) != 1 {
		t.Fatalf("sent %d times", len(*got))
	}
	r, body := (*got)[0], (*bodies)[0]
	want := `{"id":"` + id + `","hospital":"H001","event":"26","patient":"patient1","voucher":"123456789","params":{"payAmout":"236"},"text":"请缴费 236 元","at":"2024-03-01T08:00:00Z"}`
	if body != want || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Idempotency-Key") != id {
		t.Errorf("%s %v\n%s\nwant %s", r.Method, r.Header, body, want)
	}
	if signature := r.Header.Get("Signature"); signature != messages.Sign("s3cret", at, []byte(body)) || !strings.HasPrefix(signature, "t=1709280000,v1=") {
		t.Errorf("signature %s", signature)
	}
	if m := w.load(id); m.Status != message.Sent || m.Ref != "webhook" || !m.SentAt.Equal(at) {
		t.Errorf("message %+v", m)
	}
}

func TestFailedMessagesAreTriedAgainAndThenParked(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []int
		sent     int
		status   message.Status
	}{
		{"down for a while", []int{500, 429, 204}, 3, message.Sent},
		{"down for ever", []int{503}, 10, message.Parked},
		{"refused", []int{422}, 1, message.Parked},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			channel, got, _ := hook(t, c.statuses...)
			id := w.one()
			for range 20 {
				w.must(w.messenger(channel).Send(t.Context(), id))
				w.must(w.messenger(channel).Send(t.Context(), id)) // not due
				w.now = w.now.Add(2 * time.Minute)
			}
			m := w.load(id)
			if len(*got) != c.sent || m.Status != c.status || (m.Why == "") != (c.status == message.Sent) {
				t.Fatalf("sent %d times, %s: %s; want %d, %s", len(*got), m.Status, m.Why, c.sent, c.status)
			}
			if m.Status != message.Parked {
				return
			}
			_, err := w.messages.Execute(t.Context(), id, call(), message.Retry{By: "admin", At: w.now})
			w.must(err)
			w.must(w.messenger(messages.Outbox{}).Send(t.Context(), id))
			if m = w.load(id); m.Status != message.Sent || m.Ref != "outbox" {
				t.Errorf("retried: %+v", m)
			}
		})
	}
}

// TestARedirectIsTriedAgainAndThenParked: where it leads did not ask for the message, and a POST that becomes a GET is
// answered 200 by a page that was told nothing.
func TestARedirectIsTriedAgainAndThenParked(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		w, tries := newWorld(t), 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tries++
			http.Redirect(w, r, elsewhere.URL, status)
		}))
		t.Cleanup(s.Close)
		id := w.one()
		for range 20 {
			w.must(w.messenger(messages.Webhook{URL: s.URL, Secret: "s", Now: func() time.Time { return at }}).Send(t.Context(), id))
			w.now = w.now.Add(2 * time.Minute)
		}
		if m := w.load(id); tries != 10 || m.Status != message.Parked || !strings.Contains(m.Why, strconv.Itoa(status)) {
			t.Errorf("%d: sent %d times, %s: %s", status, tries, m.Status, m.Why)
		}
	}
}

// TestNothingIsSaidOfWhoIsHidden: what was composed is dropped, and nothing more is composed.
func TestNothingIsSaidOfWhoIsHidden(t *testing.T) {
	for name, hide := range map[string]account.Command{
		"erased":     account.Erase{By: "admin", Why: "asked for it", At: at},
		"restricted": account.Restrict{By: "admin", Why: "asked for it", Until: at.AddDate(1, 0, 0), At: at},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			channel, got, _ := hook(t, 200)
			id := w.one()
			_, err := w.vault.Users.Execute(t.Context(), "patient1", call(), hide)
			w.must(err)
			w.must(w.messenger(channel).Send(t.Context(), id))
			w.must(w.messenger(channel).Tell(t.Context(), number))
			if m := w.load(id); len(*got) != 0 || m.Status != message.Dropped || !strings.Contains(m.Why, name) {
				t.Errorf("sent %d times, %s: %s", len(*got), m.Status, m.Why)
			}
			if o, err := w.orders.Load(t.Context(), number); err != nil || len(o.State.Untold) != 0 {
				t.Errorf("untold %+v, %v", o.State.Untold, err)
			}
		})
	}
}

// TestAnAnswerThatRepeatsTheMessageIsNotKept: it would stand in the log, where nobody could erase it.
func TestAnAnswerThatRepeatsTheMessageIsNotKept(t *testing.T) {
	w := newWorld(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(422)
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(s.Close)
	id := w.one()
	w.must(w.messenger(messages.Webhook{URL: s.URL, Secret: "s", Now: func() time.Time { return at }}).Send(t.Context(), id))
	if m := w.load(id); m.Status != message.Parked || strings.Contains(m.Why, "236") || !strings.Contains(m.Why, "422") {
		t.Errorf("%s: %s", m.Status, m.Why)
	}
}

// TestNothingIsKeptOfAnAnswerThatIsNoHTTP: net/http's errors repeat what they could not read.
func TestNothingIsKeptOfAnAnswerThatIsNoHTTP(t *testing.T) {
	for name, begin := range map[string]string{
		"an echo": "", "a status": "HTTP/1.1 ", "a header": "HTTP/1.1 200 OK\r\n", "an address": "HTTP/1.1 302 Found\r\nLocation: http://[",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = conn.Write(slices.Concat([]byte(begin), body, []byte("\r\n\r\n")))
				_ = conn.Close()
			}
		}))
		t.Cleanup(s.Close)
		w := newWorld(t)
		id := w.one()
		w.must(w.messenger(messages.Webhook{URL: s.URL, Secret: "s", Now: func() time.Time { return at }}).Send(t.Context(), id))
		if m := w.load(id); m.Status != message.Queued || m.Why != "it did not answer in HTTP" {
			t.Errorf("%s: %s: %s", name, m.Status, m.Why)
		}
	}
}

// TestTheAddressIsNotKept: it may hold a token or a password, and why a message was not sent stands in the log.
func TestTheAddressIsNotKept(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for name, c := range map[string]struct{ url, why string }{
		"cannot be reached": {away.URL + "/robot/send?access_token=hunter2", "connection refused"},
		"has a password":    {strings.Replace(away.URL, "://", "://robot:hunter2@", 1), "connection refused"},
		"is none":           {"http://robot:hunter2/send", "cannot be called"},
	} {
		w := newWorld(t)
		id := w.one()
		w.must(w.messenger(messages.Webhook{URL: c.url, Secret: "s", Now: func() time.Time { return at }}).Send(t.Context(), id))
		if m := w.load(id); m.Status != message.Queued || strings.Contains(m.Why, "hunter2") || !strings.Contains(m.Why, c.why) {
			t.Errorf("an address that %s: %s: %s", name, m.Status, m.Why)
		}
	}
}
