package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"orderengine/eventstore/embedded"
	"orderengine/eventstore/wire"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/redistest"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

const (
	clients     = 64
	orders      = 16 // that they share
	calls       = 5  // of each client in a schedule
	badTime     = 1500 * time.Millisecond
	price       = 1500      // fen, doctor1's for an online consultation
	funds       = 1_000_000 // fen, each patient's at first
	checkLimit  = time.Minute
	unknownTill = math.MaxInt64
)

// schedules is how many of them run: FAULTS=100 for the whole test, some seconds each.
func schedules(t *testing.T) int {
	t.Helper()
	text := os.Getenv("FAULTS")
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("FAULTS: %v", err)
	}
	return n
}

// world is a server with a log and a Redis behind bad networks, and a patient for each order.
type world struct {
	*orderdtest.Server
	t          *testing.T
	log, redis *proxy
	patients   []orderdtest.Client
	kept       []int // fen that each patient has to have paid in the end
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, log: newProxy(t, serveLog(t)), redis: newProxy(t, redistest.Start(t).URL()[len("redis://"):]), kept: make([]int, orders)}
	w.Server = orderdtest.DemoUnready(t, "--eventstore", "esdb://"+w.log.addr()+"?tls=false", "--views", "redis://"+w.redis.addr())
	w.AwaitReady()
	w.Eventually("the demo is made", func() bool { return w.As(orderdtest.Admin).Get("/admin/users/doctor1/").Status == http.StatusOK })
	for i := range orders {
		var made struct{ Token string }
		w.As(orderdtest.Admin).Send("POST", "/admin/users/", orderdtest.Form(fmt.Sprintf("username=p%d&password=secret-p%d", i, i))).
			Want(t, http.StatusCreated).Into(t, &made)
		w.As(orderdtest.Admin).Send("POST", fmt.Sprintf("/admin/users/p%d/topup/", i), orderdtest.Form("amount=10000.00")).Want(t, http.StatusOK)
		w.patients = append(w.patients, w.As(made.Token))
	}
	return w
}

// serveLog serves an embedded log over EventStoreDB's protocol, and gives its address.
func serveLog(t *testing.T) string {
	t.Helper()
	store, err := embedded.Open(filepath.Join(t.TempDir(), "log"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, ended := wire.New(store, wire.Options{Writable: true}), make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended, store.Close()); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// TestABadNetwork: in whatever way the networks to the log and to Redis fail, each order is one order.
func TestABadNetwork(t *testing.T) {
	w := newWorld(t)
	names := slices.Sorted(maps.Keys(faults))
	for n := range schedules(t) {
		seed := uint64(n) + uint64(time.Now().UnixNano())
		if fixed := os.Getenv("FAULTS_SEED"); fixed != "" {
			seed, _ = strconv.ParseUint(fixed, 10, 64)
		}
		w.schedule(seed, names)
		if t.Failed() {
			return
		}
	}
	w.reckon()
}

// schedule has the clients work on new orders while the networks are bad, and checks what they were told.
func (w *world) schedule(seed uint64, names []string) {
	w.t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1))
	shared := make([]*sharedOrder, orders)
	for i, p := range w.patients {
		shared[i] = &sharedOrder{w: w, patient: p, doctor: w.As(orderdtest.Doctor1)}
		var made struct {
			Number string `json:"order_number"`
		}
		p.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online")).Want(w.t, http.StatusCreated).Into(w.t, &made)
		shared[i].number = made.Number
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), badTime)
	defer cancel()
	var did []string
	var working sync.WaitGroup
	working.Go(func() { did = disturb(ctx, rand.New(rand.NewPCG(seed, 2)), names, w.log, w.redis) })
	for i := range clients {
		own := rand.New(rand.NewPCG(dice.Uint64(), 3))
		working.Go(func() {
			for range calls {
				shared[i%orders].act(i, own)
			}
		})
	}
	working.Wait()
	for i, o := range shared {
		last := o.look(clients, true)
		if last.paid {
			w.kept[i] += price
		}
		result, info := porcupine.CheckOperationsVerbose(order.ToModel(), o.history, checkLimit)
		if result != porcupine.Ok {
			path := filepath.Join(os.TempDir(), "order-"+o.number+".html")
			_ = porcupine.VisualizePath(order.ToModel(), info, path)
			w.t.Errorf("seed %d: order %s did what no order does (%s): %s\nthe networks: %v\n%s", seed, o.number, result, path, did, o.tale())
		}
	}
}

// sharedOrder is an order that several clients work on.
type sharedOrder struct {
	w               *world
	patient, doctor orderdtest.Client
	number          string
	status          atomic.Int64 // as somebody saw it last
	question        atomic.Int64 // its pk, 0 before it is known

	mu      sync.Mutex
	history []porcupine.Operation
}

// act is one call of a client: often what leads on, now and then anything.
func (o *sharedOrder) act(client int, dice *rand.Rand) {
	next := []string{"pay", "ask", "answer", "finish", "evaluate", look, look}[o.status.Load()]
	switch n := dice.IntN(10); {
	case n < 2:
		next = look
	case n < 4:
		next = []string{"pay", "cancel", "ask", "refund", "answer", "finish", "evaluate"}[dice.IntN(7)]
	}
	if next == look || next == "answer" && o.question.Load() == 0 {
		o.look(client, false)
		return
	}
	o.change(client, next, dice.IntN(3) > 0, dice)
}

// change sends a call that changes the order. With a key it is sent again until its outcome is known.
func (o *sharedOrder) change(client int, name string, keyed bool, dice *rand.Rand) {
	sender := o.patient
	if name == "answer" {
		sender = o.doctor
	}
	if keyed {
		sender = sender.With("Idempotency-Key", strconv.FormatUint(dice.Uint64(), 36))
	}
	question := o.question.Load()
	began := time.Now()
	t := outcomeOf(o.w.t, o.send(sender, name, question))
	for end := began.Add(time.Minute); keyed && t.outcome == unknown && time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		t = outcomeOf(o.w.t, o.send(sender, name, question))
	}
	if t.outcome == done {
		o.status.Store(int64(moves[name].to))
	}
	o.record(client, name, began, t)
}

func (o *sharedOrder) send(c orderdtest.Client, name string, question int64) orderdtest.Reply {
	path := "/qaorder/order/" + name + "/" + o.number + "/"
	switch name {
	case "pay":
		return c.Send("PATCH", path, orderdtest.Form("channel=balance"))
	case "ask":
		return c.Send("POST", "/qaorder/question/create/", orderdtest.Form("order="+o.number+"&condition_description=x"))
	case "answer":
		return c.Send("POST", "/qaorder/answer/create/", orderdtest.Form(fmt.Sprintf("question=%d&diagnosis_result=x", question)))
	case "evaluate":
		return c.Send("PUT", path, orderdtest.Form("scores=5&content=x"))
	default:
		return c.Send("PUT", path)
	}
}

// outcomeOf is what a reply says of a change.
func outcomeOf(t *testing.T, r orderdtest.Reply) told {
	t.Helper()
	switch {
	case r.Status/100 == 2:
		return told{outcome: done}
	case r.Refusal() < 0:
		return told{outcome: refused}
	case r.Err == nil && r.Status != http.StatusServiceUnavailable:
		t.Errorf("%s: %d %s", r.Request, r.Status, r.Body)
	}
	return told{outcome: unknown}
}

// look reads the order, until that succeeds if it must.
func (o *sharedOrder) look(client int, must bool) state {
	for end := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		began := time.Now()
		r := o.patient.Get("/qaorder/order/detail/" + o.number + "/")
		if r.Status != http.StatusOK {
			if r.Status != http.StatusServiceUnavailable {
				o.w.t.Errorf("%s: %d %s %v", r.Request, r.Status, r.Body, r.Err)
			}
			if must && time.Now().Before(end) {
				continue
			}
			if must {
				o.w.t.Errorf("order %s cannot be read: %s", o.number, r.Body)
			}
			return state{}
		}
		var shown struct {
			Status   int
			Question *struct{ PK int64 }
		}
		r.Into(o.w.t, &shown)
		if shown.Question != nil {
			o.question.Store(shown.Question.PK)
		}
		o.status.Store(int64(shown.Status))
		o.record(client, look, began, told{status: shown.Status})
		return state{status: shown.Status, paid: shown.Status != unpaid && shown.Status != cancelled}
	}
}

func (o *sharedOrder) record(client int, name string, began time.Time, t told) {
	ended := time.Now().UnixNano()
	if t.outcome == unknown {
		ended = unknownTill
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.history = append(o.history, porcupine.Operation{ClientId: client, Input: name, Call: began.UnixNano(), Output: t, Return: ended})
}

// tale is the history for people.
func (o *sharedOrder) tale() (text string) {
	slices.SortFunc(o.history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, op := range o.history {
		took := "never ended"
		if op.Return != unknownTill {
			took = time.Duration(op.Return - op.Call).String()
		}
		text += fmt.Sprintf("%12s client %2d %-8s %+v %s\n", time.Duration(op.Call-o.history[0].Call), op.ClientId, op.Input, op.Output, took)
	}
	return text
}

// reckon waits until each patient has paid for what was kept, once, and has all else back.
func (w *world) reckon() {
	w.t.Helper()
	for i, kept := range w.kept {
		want := fmt.Sprintf("%d.%02d", (funds-kept)/100, (funds-kept)%100)
		var user struct{ Balance string }
		w.Eventually(fmt.Sprintf("p%d has %s", i, want), func() bool {
			w.As(orderdtest.Admin).Get(fmt.Sprintf("/admin/users/p%d/", i)).Want(w.t, http.StatusOK).Into(w.t, &user)
			return user.Balance == want
		})
	}
}
