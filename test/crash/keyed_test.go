package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

const keyedKills = 15

// answeredCall is a request under a key with the reply that ended its repeats.
type answeredCall struct {
	key, method, path string
	body              orderdtest.Body
	reply             orderdtest.Reply
}

// insist sends a request under a key until it is answered, whatever happens to the server.
func insist(p *patient, key, method, path string, body orderdtest.Body, stop <-chan struct{}) (answeredCall, bool) {
	call := answeredCall{key: key, method: method, path: path, body: body}
	for {
		call.reply = p.client.With("Idempotency-Key", key).Send(method, path, body)
		if call.reply.Err == nil && call.reply.Status < http.StatusInternalServerError {
			return call, true
		}
		select {
		case <-stop:
			return call, false
		case <-time.After(2 * time.Millisecond): // the server is away
		}
	}
}

// TestKeysSurviveKills repeats keyed creates and payments across kills until each is answered: there is
// exactly one order for each key, paid once, and the reply stays the same.
func TestKeysSurviveKills(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	server := orderdtest.DemoProcess(t)
	all := newPatients(t, server, seed)
	finish, stop := make(chan struct{}), make(chan struct{})
	calls := make([][]answeredCall, len(all))
	var work sync.WaitGroup
	for i, p := range all {
		work.Go(func() { calls[i] = p.keyedLoad(finish, stop) })
	}
	for range keyedKills {
		time.Sleep(burstMin + time.Duration(random.Int64N(int64(burstRange)))) // of load
		server.Kill()
		server.Serve()
	}
	close(finish)
	server.AwaitReady()
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		close(stop)
		<-done
		t.Fatal("a keyed request is never answered")
	}
	for i, p := range all {
		p.checkKeyed(calls[i])
	}
}

// keyedLoad makes and pays orders, one after another, each under its own key.
func (p *patient) keyedLoad(finish, stop <-chan struct{}) (calls []answeredCall) {
	for n := 0; ; n++ {
		select {
		case <-finish:
			return calls
		default:
		}
		made, ok := insist(p, fmt.Sprintf("make-%d", n), "POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online"), stop)
		if !ok || made.reply.Status != http.StatusCreated {
			p.t.Errorf("create: %d %s", made.reply.Status, made.reply.Body)
			return calls
		}
		var o told
		made.reply.Into(p.t, &o)
		pay, ok := insist(p, fmt.Sprintf("pay-%d", n), "PATCH", path("pay", &o), orderdtest.Form("channel=balance"), stop)
		if !ok || pay.reply.Status != http.StatusOK {
			p.t.Errorf("pay: %d %s", pay.reply.Status, pay.reply.Body)
			return calls
		}
		p.orders[o.Number] = &told{Number: o.Number, Status: paid}
		calls = append(calls, made, pay)
	}
}

func (p *patient) checkKeyed(calls []answeredCall) {
	p.t.Helper()
	shown, _ := p.list(true)
	if len(shown) != len(p.orders) || len(p.orders)*2 != len(calls) {
		p.t.Errorf("%s: %d orders for %d keys, %d told", p.name, len(shown), len(calls)/2, len(p.orders))
	}
	for number := range p.orders {
		if shown[number] == nil || shown[number].Status != paid {
			p.t.Errorf("%s: order %s is %+v", p.name, number, shown[number])
		}
	}
	p.count()
	for _, c := range calls {
		again := p.client.With("Idempotency-Key", c.key).Send(c.method, strings.TrimSuffix(c.path, "/"), c.body)
		if again.Status != c.reply.Status || again.Body != c.reply.Body {
			p.t.Errorf("%s: %s again: %d %s, was %d %s", p.name, c.key, again.Status, again.Body, c.reply.Status, c.reply.Body)
		}
	}
}
