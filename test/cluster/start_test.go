package cluster

import (
	"net/http"
	"strings"
	"testing"

	"orderengine/eventstore/memory"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/netfault"
	"orderengine/test/redistest"
)

// lacks fails the test unless the server is not ready, and says so of each of the parts, and of these only.
func lacks(t *testing.T, s *orderdtest.Server, parts ...string) {
	t.Helper()
	var got []string
	s.Eventually("not ready for want of "+strings.Join(parts, ", "), func() bool {
		r := s.As("").Get("/readyz?verbose")
		got = got[:0]
		for line := range strings.Lines(r.Body) {
			if name, missing := strings.CutPrefix(line, "[-] "); missing {
				got = append(got, name[:strings.IndexByte(name, ':')])
			}
		}
		return r.Status == http.StatusServiceUnavailable && strings.Join(got, " ") == strings.Join(parts, " ")
	})
}

// TestStartsBeforeLogAndRedis starts a server that reaches neither its log nor its Redis, and lets it reach one after
// the other.
func TestStartsBeforeLogAndRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	e := &estate{t: t, log: memory.New()}
	e.serveLog()
	log, views := netfault.Start(t, e.logAddr), netfault.Start(t, strings.TrimPrefix(redis.URL(), "redis://"))
	log.Cut()
	views.Cut()
	s := orderdtest.DemoUnready(t, "--eventstore", logURL(log.Addr()), "--views", "redis://"+views.Addr())
	p := s.As(orderdtest.Patient1)
	s.As("").Get("/livez").Want(t, http.StatusOK)
	lacks(t, s, "log", "views", "projector", "reactor")
	for _, get := range []string{"/qaorder/order/patient/list/", "/qaorder/tag/list/"} {
		if r := p.Get(get).Want(t, http.StatusServiceUnavailable); r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", r.Request)
		}
	}
	log.Heal()
	lacks(t, s, "views", "projector", "reactor")
	var o order
	place := func() orderdtest.Reply {
		return p.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online"))
	}
	s.Eventually("commands are taken", func() bool {
		r := place()
		if r.Status == http.StatusCreated {
			r.Into(t, &o)
		}
		return r.Status == http.StatusCreated
	})
	p.Get(path("detail", o.Number)).Want(t, http.StatusServiceUnavailable)
	views.Heal()
	s.AwaitReady()
	p.Get(path("detail", o.Number)).Want(t, http.StatusOK)
}

// TestStartsBeforeTheRedisCluster starts a server while no node of its Redis Cluster runs.
func TestStartsBeforeTheRedisCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	for _, node := range redis.Nodes {
		node.Kill()
	}
	s := orderdtest.DemoUnready(t, "--views", redis.URL())
	lacks(t, s, "views", "projector", "reactor")
	for _, node := range redis.Nodes {
		node.Restart(true)
	}
	redis.AwaitWhole()
	s.AwaitReady()
	s.As(orderdtest.Patient1).Get("/qaorder/order/patient/list/").Want(t, http.StatusOK)
}
