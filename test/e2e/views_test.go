package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
	"orderengine/test/redistest"
)

// TestRedisGoesAndComesBack stops Redis: commands go on, reads say 503, and when it is back, with its data or
// without, reads are right again; at no moment is a read wrong.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		empty bool
	}{{"with its data", false}, {"empty", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			server := orderdtest.Demo(t, "--views", redis.URL())
			p := server.As(patient1)
			before := placed(t, server, paid)
			for round := range 3 {
				count := listOf(t, p.Get("/qaorder/order/patient/list/")).Count
				redis.Stop()
				server.Eventually("not ready", func() bool { return server.As("").Get("/readyz").Status == http.StatusServiceUnavailable })
				mustContain(t, server.As("").Get("/readyz?verbose"), "[-] views")
				server.As("").Get("/livez").Want(t, 200)
				for _, get := range []string{path("detail", before.OrderNumber), "/qaorder/order/patient/list/", "/qaorder/user/doctor1/", "/qaorder/tag/list/"} {
					r := p.Get(get).Want(t, http.StatusServiceUnavailable)
					if r.Header.Get("Retry-After") == "" || detail(t, r) != "Service temporarily unavailable, try again later." {
						t.Errorf("%s: %v %s", r.Request, r.Header, r.Body)
					}
				}
				o := commandsWithoutViews(t, server)
				redis.Restart(c.empty && round != 1)
				// From now on a read may be refused, but never wrong.
				server.Eventually("the new order is read", func() bool {
					r := p.Get(path("detail", o.OrderNumber))
					if r.Status == http.StatusServiceUnavailable {
						return false
					}
					if got := orderOf(t, r.Want(t, 200)); got.Status != answered {
						t.Fatalf("round %d: read in status %d after it was answered", round, got.Status)
					}
					return true
				})
				if got := listOf(t, p.Get("/qaorder/order/patient/list/")); got.Count != count+1 || got.Results[0].OrderNumber != o.OrderNumber {
					t.Errorf("round %d: %d orders, want %d", round, got.Count, count+1)
				}
				server.AwaitReady()
				if got := orderOf(t, p.Get(path("detail", before.OrderNumber))); got.Status != paid {
					t.Errorf("the order from before is %d", got.Status)
				}
			}
		})
	}
}

// commandsWithoutViews leads an order to 已回答 while the views are away, each command quickly.
func commandsWithoutViews(t *testing.T, server *orderdtest.Server) order {
	t.Helper()
	p, d := server.As(patient1), server.As(doctor1)
	began := time.Now()
	o := place(t, server)
	p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance")).Want(t, 200)
	asked := p.Send("POST", "/qaorder/question/create/", question(o.OrderNumber)).Want(t, 201)
	var q struct{ PK int64 }
	asked.Into(t, &q)
	d.Send("POST", "/qaorder/answer/create/", answer(q.PK)).Want(t, 201)
	if r := p.Send("PATCH", path("pay", o.OrderNumber), form("channel=wx")); r.Refusal() != -1 {
		t.Errorf("a refusal without views: %d %s", r.Status, r.Body)
	}
	if took := time.Since(began); took > 4*time.Second { // five commands that waited would take 10 s
		t.Errorf("five commands took %s", took)
	}
	return o
}

// TestRedisIsEmptiedUnderLoad wipes the views while clients write and read: no read is wrong.
func TestRedisIsEmptiedUnderLoad(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	server := orderdtest.Demo(t, "--views", redis.URL())
	tokens := []string{patient1, patient2}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		atOnce(4, func(i int) (last orderdtest.Reply) {
			p := server.As(tokens[i%2])
			for {
				select {
				case <-stop:
					return last
				default:
				}
				var o order
				made := p.Send("POST", "/qaorder/order/create/", form("doctor=doctor1&order_type=online"))
				if made.Status != http.StatusCreated {
					t.Errorf("%d %s %v", made.Status, made.Body, made.Err)
					return made
				}
				made.Into(t, &o)
				if last = p.Get(path("detail", o.OrderNumber)); last.Status != 200 && last.Status != 503 {
					t.Errorf("%s: %d %s", last.Request, last.Status, last.Body)
				}
			}
		})
	}()
	for range 3 {
		time.Sleep(100 * time.Millisecond) // of load
		redis.Restart(true)
		server.Eventually("read", func() bool {
			return server.As(patient1).Get(path("detail", "12257268228937975696240003")).Status == 200
		})
	}
	close(stop)
	<-done
	server.AwaitReady()
	for _, token := range tokens {
		list := listOf(t, server.As(token).Get("/qaorder/order/patient/list/?page_size=100&page=last"))
		for _, o := range list.Results {
			if got := orderOf(t, server.As(token).Get(path("detail", o.OrderNumber)).Want(t, 200)); got != o && got.Question == nil {
				t.Errorf("listed %+v, is %+v", o, got)
			}
		}
	}
}

// TestTwoLogsShareARedis has servers of two logs on one Redis, which a cluster does not part by a database's number: each
// has its own views and leases.
func TestTwoLogsShareARedis(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	servers := []*orderdtest.Server{orderdtest.Demo(t, "--views", redis.URL()), orderdtest.Demo(t, "--views", redis.URL(), "--views-namespace", "second")}
	for round := range 3 {
		for i, server := range servers {
			p := server.As(patient1)
			count := listOf(t, p.Get("/qaorder/order/patient/list/").Want(t, http.StatusOK)).Count
			o := placed(t, server, paid)
			p.Send("PUT", path("refund", o.OrderNumber)).Want(t, http.StatusOK)
			server.Eventually("the reactor has given the money back", func() bool {
				rows := historyOf(t, server, o.OrderNumber)
				return rows[len(rows)-1].Type == "RefundSucceeded"
			})
			if got := listOf(t, p.Get("/qaorder/order/patient/list/").Want(t, http.StatusOK)).Count; got != count+1 {
				t.Errorf("round %d, server %d: %d orders, want %d", round, i, got, count+1)
			}
		}
	}
	for i, server := range servers {
		if strings.Contains(server.Log(), "rebuilding") || strings.Contains(server.Log(), "views have moved") {
			t.Errorf("server %d: %s", i, server.Log())
		}
	}
}

// TestServerStartsWithoutRedis has Redis away at the start: commands work, reads come with Redis.
func TestServerStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.Stop()
	server := orderdtest.DemoUnready(t, "--views", redis.URL())
	o := place(t, server)
	server.As(patient1).Get(path("detail", o.OrderNumber)).Want(t, 503)
	server.As("").Get("/readyz").Want(t, 503)
	redis.Restart(false)
	server.AwaitReady()
	server.As(patient1).Get(path("detail", o.OrderNumber)).Want(t, 200)
}

// TestEmbeddedViewsAreRebuilt loses the embedded views' folder: the server makes them again from the log.
func TestEmbeddedViewsAreRebuilt(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	o := placed(t, server, evaluated)
	want := picture(t, server, o.OrderNumber)
	server.Stop()
	removeAll(t, server.Data+"/views")
	server.Start()
	if got := picture(t, server, o.OrderNumber); got != want {
		t.Errorf("rebuilt\n%s\nwas\n%s", got, want)
	}
}

// TestRedisPasswordIsNotShown fails to reach a Redis whose URL holds a password.
func TestRedisPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	server := orderdtest.DemoUnready(t, "--views", "redis://user:hunter2@127.0.0.1:1/0")
	place(t, server)
	server.As(patient1).Get("/qaorder/order/patient/list/").Want(t, 503)
	ready := server.As("").Get("/readyz?verbose").Want(t, 503)
	if strings.Contains(server.Log()+ready.Body, "hunter2") {
		t.Errorf("the password is shown: %s %s", ready.Body, server.Log())
	}
}
