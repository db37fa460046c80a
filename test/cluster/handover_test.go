package cluster

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
	"orderengine/test/redistest"
)

// TestLeaderIsKilled kills -9 whoever leads while clients at both servers write and read, and starts it again.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	killLeaders(t, redistest.Start(t).URL(), 3)
}

// killLeaders kills so many leaders, one after the other.
func killLeaders(t *testing.T, views string, times int) {
	t.Helper()
	e := newEstate(t, views, nil, nil)
	l := e.begin(4)
	for range times {
		leader, other := e.leader()
		l.atLeast(20)
		e.hear(other)
		leader.Kill()
		e.takesOver(other)
		leader.Start()
	}
	l.atLeast(20)
	l.settle()
	e.checkViews()
}

// TestLeaderStandsStill stops whoever leads for longer than its lease, and lets it go on: it finds that another
// leads, changes nothing, and serves on.
func TestLeaderStandsStill(t *testing.T) {
	t.Parallel()
	e := newEstate(t, redistest.Start(t).URL(), nil, nil)
	l := e.begin(4)
	for range 2 {
		leader, other := e.leader()
		l.atLeast(20)
		e.hear(other)
		leader.Pause()
		e.takesOver(other)
		leader.Continue()
		if leads(leader, "projector") || leads(leader, "reactor") {
			t.Error("a leader that stood still leads on")
		}
		leader.AwaitReady()
		if !leads(other, "projector") || !leads(other, "reactor") {
			t.Error("who took over does not lead any more")
		}
	}
	l.atLeast(20)
	l.settle()
	e.checkViews()
}

// TestLeaderIsStopped ends whoever leads by SIGTERM: it gives its leases back, and nobody has to wait for them to end.
func TestLeaderIsStopped(t *testing.T) {
	t.Parallel()
	e := newEstate(t, redistest.Start(t).URL(), nil, nil)
	l := e.begin(2)
	leader, other := e.leader()
	l.atLeast(10)
	e.hear(other)
	began := time.Now()
	leader.Terminate()
	e.takesOver(other)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("handed over in %s after SIGTERM", took)
	}
	leader.Stop()
	l.settle()
	e.checkViews()
}

// TestOneOfSeveralReacts has servers with views of their own, of which one is told to react: it alone carries out
// what is due, wherever that was written.
func TestOneOfSeveralReacts(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "embedded", []string{"--react=false"}, nil)
	l := e.begin(2)
	l.atLeast(20)
	e.servers[1].Kill()
	due := e.platform.Ledger().Total.Refunds
	l.atLeast(20)                                                // at the first server
	if made := e.platform.Ledger().Total.Refunds; made > due+4 { // of each client one may have been on its way
		t.Errorf("%d refunds were made without the server that reacts", made-due)
	}
	e.servers[1].Start()
	l.atLeast(20)
	l.settle()
}

// TestLeasesAreShown looks at what servers tell of their leases.
func TestLeasesAreShown(t *testing.T) {
	t.Parallel()
	e := newEstate(t, redistest.Start(t).URL(), nil, nil)
	leader, other := e.leader()
	ready := other.As("").Get("/readyz?verbose").Want(t, http.StatusOK).Body
	if !strings.Contains(ready, "[+] projector: follower of ") || !strings.Contains(ready, ", until 20") {
		t.Errorf("the follower's readiness:\n%s", ready)
	}
	for server, held := range map[*orderdtest.Server]string{leader: "1", other: "0"} {
		metrics := server.As("").Get("/metrics").Body
		for _, line := range []string{`orderd_lease_held{lease="projector"} `, `orderd_lease_terms_total{lease="projector"} `} {
			if !strings.Contains(metrics, line+held+"\n") {
				t.Errorf("the metrics have no line %s%s", line, held)
			}
		}
	}
}
