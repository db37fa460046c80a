package cluster

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"orderengine/domain"
	"orderengine/test/e2e/orderdtest"
)

// order is what clients see of one.
type order struct {
	Number string `json:"order_number"`
	Status int    `json:"status"`
}

type list struct {
	Count   int     `json:"count"`
	Results []order `json:"results"`
}

// The documents' statuses.
const (
	unpaid    = 0
	paid      = 1
	cancelled = 6
)

const price = domain.Fen(1500)

func path(call, number string) string { return "/qaorder/order/" + call + "/" + number + "/" }

// load is clients at every server, who make, pay and give back orders, and read after each what they wrote.
type load struct {
	e    *estate
	over atomic.Bool
	work sync.WaitGroup

	mu     sync.Mutex
	orders map[string]int // by number: the status that was last answered
}

// client is one patient at one server.
type client struct {
	*load
	as    orderdtest.Client
	count int // orders
}

// begin starts n clients at each server.
func (e *estate) begin(n int) *load {
	e.t.Helper()
	l := &load{e: e, orders: map[string]int{}}
	for i, s := range e.servers {
		for j := range n {
			c := &client{load: l, as: s.As(e.register(fmt.Sprintf("patient%d-%d", i, j), ""))}
			l.work.Go(func() {
				for !l.over.Load() && !e.t.Failed() {
					c.live()
				}
			})
		}
	}
	return l
}

// live leads an order from its making to its refund. A client whose server has gone goes away.
func (c *client) live() {
	o, ok := c.send("POST", "/qaorder/order/create/", "doctor=doctor&order_type=online", http.StatusCreated)
	if !ok {
		return
	}
	c.count++
	c.reads(o.Number, unpaid)
	if _, ok := c.send("PATCH", path("pay", o.Number), "channel=alipay", http.StatusOK); !ok {
		return
	}
	if !c.until(o.Number, paid) {
		return
	}
	if _, ok := c.send("PUT", path("refund", o.Number), "", http.StatusOK); ok {
		c.reads(o.Number, cancelled)
	}
}

// send does a command, again while the server says that it cannot. ok is false if there was no answer: whether it
// was done is not known then.
func (c *client) send(method, path, form string, want int) (o order, ok bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r := c.as.Send(method, path, orderdtest.Form(form))
		switch r.Status {
		case 0:
			time.Sleep(10 * time.Millisecond) // the server is gone, or comes back
			return o, false
		case http.StatusServiceUnavailable:
			continue
		case want:
			r.Into(c.e.t, &o)
			return o, true
		default:
			c.e.t.Errorf("%s: %d %.300s", r.Request, r.Status, r.Body)
			return o, false
		}
	}
	c.e.t.Errorf("%s %s: not in %s", method, path, patience)
	return o, false
}

// get reads, again while the server says that it cannot; ok is false if there was no answer.
func (c *client) get(path string, into any) (ok bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		switch r := c.as.Get(path); r.Status {
		case 0:
			return false
		case http.StatusServiceUnavailable:
		case http.StatusOK:
			r.Into(c.e.t, into)
			return true
		default:
			c.e.t.Errorf("%s: %d %.300s", r.Request, r.Status, r.Body)
			return false
		}
	}
	c.e.t.Errorf("%s: not in %s", path, patience)
	return false
}

// reads checks that this client's own server shows what it has answered: the order in its status, at the head of
// the patient's list.
func (c *client) reads(number string, status int) {
	c.mu.Lock()
	c.orders[number] = status
	c.mu.Unlock()
	var o order
	if c.get(path("detail", number), &o) && o.Status != status {
		c.e.t.Errorf("order %s is in status %d after it was answered to be %d", number, o.Status, status)
	}
	var l list
	if c.get("/qaorder/order/patient/list/", &l) && (l.Count < c.count || l.Results[0].Number != number || l.Results[0].Status != status) {
		c.e.t.Errorf("the list after %s was answered to be %d: %d of %d orders, %+v", number, status, l.Count, c.count, l.Results[:min(1, len(l.Results))])
	}
}

// until waits for what the platform's notice brings.
func (c *client) until(number string, status int) bool {
	var o order
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if !c.get(path("detail", number), &o) {
			return false
		}
		if o.Status == status {
			return true
		}
	}
	c.e.t.Errorf("order %s is in status %d after %s, want %d", number, o.Status, patience, status)
	return false
}

// settle ends the load and waits until every refund is done, and checks that each was done once and nothing answered was
// lost.
func (l *load) settle() {
	t := l.e.t
	t.Helper()
	l.over.Store(true)
	l.work.Wait()
	refunds := 0
	for _, status := range l.orders {
		if status == cancelled {
			refunds++
		}
	}
	if refunds == 0 {
		t.Fatal("nothing was given back")
	}
	l.e.eventually(patience, "all is given back", func() bool {
		ledger := l.e.platform.Ledger()
		for number, status := range l.orders {
			if status == cancelled && ledger.Orders[number].Refunded < price {
				return false
			}
		}
		return ledger.Counts.Undelivered == 0
	})
	ledger := l.e.platform.Ledger()
	for number, e := range ledger.Orders {
		if e.Refunds > 1 || e.Repeated > 0 || e.Refunded > price || e.Held() < 0 {
			t.Errorf("order %s: %+v", number, e)
		}
	}
	t.Logf("%d orders, %d given back, by %d requests in all", len(l.orders), refunds, ledger.Counts.Requests)
}

// atLeast returns when so many more orders were made.
func (l *load) atLeast(n int) {
	l.e.t.Helper()
	made := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.orders) }
	n += made()
	l.e.eventually(patience, "more orders", func() bool { return made() >= n })
}
