package cluster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"orderengine/eventstore"
	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/netfault"
	"orderengine/test/redistest"
)

const (
	defaultSchedules = 3 // FAULT_SCHEDULES=100 for the long run
	ordersAtOnce     = 32
	clientsOfOrder   = 2
	opsOfClient      = 8
	checkLimit       = 30 * time.Second // of one order's history
)

// faulty is two servers that reach their log and their Redis through a bad network.
type faulty struct {
	*estate
	links    []*netfault.Proxy // server 0's to the log and to Redis, then server 1's
	patients []string          // tokens
	names    []string
	paid     map[string]int // by patient: orders paid for
	views    *redisview.Store
}

// TestNetworkFaults has clients live orders at two servers while the network to the log and to Redis goes bad in
// random ways, time after time. What they hear of each order must be of one history; nothing that was answered is
// lost, and no money moves twice.
func TestNetworkFaults(t *testing.T) {
	schedules := orderdtest.Setting(t, "FAULT_SCHEDULES", defaultSchedules)
	seed := uint64(orderdtest.Setting(t, "FAULT_SEED", int(rand.Uint32())))
	t.Logf("FAULT_SEED=%d", seed)
	f := newFaulty(t)
	for n := range schedules {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		f.schedule(n, random)
		if t.Failed() {
			t.Fatalf("schedule %d failed", n)
		}
	}
	f.audit()
	f.checkViews()
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	redis := redistest.Start(t)
	f := &faulty{estate: prepare(t, redis.URL()), paid: map[string]int{}}
	for range 2 {
		log, views := netfault.Start(t, f.logAddr), netfault.Start(t, strings.TrimPrefix(redis.URL(), "redis://"))
		f.links = append(f.links, log, views)
		f.start("--eventstore", logURL(log.Addr()), "--views", "redis://"+views.Addr())
	}
	f.open()
	for i := range 4 {
		name := fmt.Sprint("payer", i)
		f.names, f.patients = append(f.names, name), append(f.patients, f.register(name, ""))
		f.servers[0].As(adminToken).Send("POST", "/admin/users/"+name+"/topup/", orderdtest.Form("amount=1000000.00")).Want(t, http.StatusOK)
	}
	store, err := redisview.Open(t.Context(), redis.URL(), redisview.Options{Version: projections.Version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	f.views = store
	return f
}

// subject is one order and what clients did to it.
type subject struct {
	number   string
	token    string // the patient's
	home     int    // the server of all its clients, -1 if they are at both
	question atomic.Int64

	mu      sync.Mutex
	history []porcupine.Operation
}

// schedule lets the network be bad once, and checks what the clients heard.
func (f *faulty) schedule(n int, random *rand.Rand) {
	t := f.t
	t.Helper()
	subjects := f.place(random)
	began := time.Now()
	var work sync.WaitGroup
	for i, s := range subjects {
		for c := range clientsOfOrder {
			random := rand.New(rand.NewPCG(random.Uint64(), uint64(i)))
			server := s.home
			if server < 0 {
				server = c % len(f.servers)
			}
			work.Go(func() { f.client(s, i*clientsOfOrder+c, server, began, random) })
		}
	}
	story := f.misbehave(random)
	work.Wait()
	for _, s := range f.servers {
		s.AwaitReady()
	}
	f.atTheEnd()
	for _, s := range subjects {
		for server := range f.servers {
			f.do(s, ordersAtOnce*clientsOfOrder, server, read, began)
		}
		f.check(n, s, story)
	}
}

// place makes and pays orders while all is well.
func (f *faulty) place(random *rand.Rand) []*subject {
	f.t.Helper()
	subjects := make([]*subject, ordersAtOnce)
	for i := range subjects {
		payer, home := i%len(f.patients), random.IntN(len(f.servers)+1)-1
		s := &subject{token: f.patients[payer], home: home}
		at := f.servers[max(home, 0)].As(s.token)
		var o order
		at.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor&order_type=online")).Want(f.t, http.StatusCreated).Into(f.t, &o)
		at.Send("PATCH", path("pay", o.Number), orderdtest.Form("channel=balance")).Want(f.t, http.StatusOK)
		s.number = o.Number
		f.paid[f.names[payer]]++
		subjects[i] = s
	}
	return subjects
}

// misbehave does a few things to the network, heals it, and tells what it did.
func (f *faulty) misbehave(random *rand.Rand) (story []string) {
	names := []string{"A-log", "A-redis", "B-log", "B-redis"}
	for range 2 + random.IntN(4) {
		i := random.IntN(len(f.links))
		link, kind := f.links[i], ""
		switch random.IntN(5) {
		case 0:
			kind = "delay"
			link.Delay(time.Duration(1+random.IntN(50)) * time.Millisecond)
		case 1:
			kind = "stall"
			link.Stall()
		case 2:
			kind = "cut"
			link.Cut()
		case 3:
			kind = "reset"
			link.Reset()
		case 4:
			kind = "half-close"
			link.HalfClose()
		}
		lasts := time.Duration(20+random.IntN(400)) * time.Millisecond
		if random.IntN(12) == 0 {
			lasts = 4 * time.Second // longer than a lease, and than a command waits
		}
		story = append(story, fmt.Sprintf("%s of %s for %s", kind, names[i], lasts))
		time.Sleep(lasts) // of the fault
		if random.IntN(2) == 0 {
			link.Heal()
		}
	}
	for _, link := range f.links {
		link.Heal()
	}
	return story
}

// client does a few things to an order, one after the other.
func (f *faulty) client(s *subject, id, server int, began time.Time, random *rand.Rand) {
	verbs := []verb{ask, answer, finish, evaluate, refund}
	if s.home >= 0 {
		verbs = append(verbs, read, read, read) // only the server that answered promises to show it
	}
	for range opsOfClient {
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond) // of load
		v := verbs[random.IntN(len(verbs))]
		if v == refund && random.IntN(3) > 0 {
			v = ask // or few orders would come far
		}
		f.do(s, id, server, v, began)
	}
}

// do does one thing and writes down what was heard.
func (f *faulty) do(s *subject, id, server int, v verb, began time.Time) {
	at := f.servers[server].As(s.token)
	op := porcupine.Operation{ClientId: id, Input: v, Call: int64(time.Since(began))}
	var r orderdtest.Reply
	switch v {
	case ask:
		r = at.Send("POST", "/qaorder/question/create/", orderdtest.JSON(`{"order":"`+s.number+`","condition_description":"咳嗽"}`))
		s.learn(f.t, r)
	case answer:
		question := s.question.Load()
		if question == 0 {
			return
		}
		r = f.servers[server].As(f.doctor).Send("POST", "/qaorder/answer/create/", orderdtest.JSON(fmt.Sprintf(`{"question":%d,"diagnosis_result":"多喝水"}`, question)))
	case finish, refund:
		r = at.Send("PUT", path(string(v), s.number), orderdtest.Form(""))
	case evaluate:
		r = at.Send("PUT", path("evaluate", s.number), orderdtest.Form("scores=5&content=ok"))
	case read:
		r = at.Get(path("detail", s.number))
	}
	op.Return = int64(time.Since(began))
	heard := outcome{}
	switch {
	case r.Status == http.StatusOK || r.Status == http.StatusCreated:
		if v == read {
			var o order
			r.Into(f.t, &o)
			heard.status = o.Status
		}
	case r.Refusal() != 0 && v != read:
		heard.refused = true
	case r.Status == http.StatusServiceUnavailable && v == read:
		return // it says that it does not know
	case r.Status == http.StatusServiceUnavailable:
		heard.unknown, op.Return = true, math.MaxInt64
	default:
		f.t.Errorf("%s: %d %.300s %v", r.Request, r.Status, r.Body, r.Err)
		return
	}
	op.Output = heard
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = append(s.history, op)
}

// learn keeps the question's pk from the reply to asking it.
func (s *subject) learn(t *testing.T, r orderdtest.Reply) {
	if r.Status != http.StatusCreated {
		return
	}
	var q struct{ PK int64 }
	r.Into(t, &q)
	s.question.Store(q.PK)
}

// check looks for one history that agrees with all that the clients heard of an order.
func (f *faulty) check(n int, s *subject, story []string) {
	f.t.Helper()
	if result := porcupine.CheckOperationsTimeout(orderModel, s.history, checkLimit); result != porcupine.Ok {
		slices.SortFunc(s.history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
		var b strings.Builder
		for _, op := range s.history {
			fmt.Fprintf(&b, "%12s %12s client %d %s\n", time.Duration(op.Call), time.Duration(op.Return), op.ClientId, orderModel.DescribeOperation(op.Input, op.Output))
		}
		f.t.Errorf("schedule %d, order %s at server %d: %s\n%s\n%s", n, s.number, s.home, result, strings.Join(story, "; "), &b)
	}
}

// atTheEnd waits until the views hold all of the log.
func (f *faulty) atTheEnd() {
	f.t.Helper()
	f.eventually(patience, "the views are at the log's end", func() bool {
		head, err := f.log.Head(f.t.Context())
		at, viewsErr := f.views.Checkpoint(f.t.Context())
		return err == nil && viewsErr == nil && at == head && head != (eventstore.Position{})
	})
}

// audit compares each payer's wallet with the orders that were not given back.
func (f *faulty) audit() {
	t := f.t
	t.Helper()
	for i, name := range f.names {
		kept := 0
		f.eventually(patience, "all is given back to "+name, func() bool {
			f.atTheEnd()
			cancelled := f.count(f.patients[i], "6")
			kept = f.paid[name] - cancelled
			want := fmt.Sprintf("%d.00", 1000000-15*kept)
			var user struct{ Balance string }
			f.servers[0].As(adminToken).Get("/admin/users/"+url.PathEscape(name)+"/").Want(t, http.StatusOK).Into(t, &user)
			return user.Balance == want
		})
		t.Logf("%s paid for %d orders and keeps %d", name, f.paid[name], kept)
	}
}

// count is how many orders of a patient have a status.
func (f *faulty) count(token, status string) int {
	f.t.Helper()
	var l list
	f.servers[1].As(token).Get("/qaorder/order/patient/list/?status="+status).Want(f.t, http.StatusOK).Into(f.t, &l)
	return l.Count
}
