package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/domain/process"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/wire"
	"orderengine/gateways/vault"
	"orderengine/projections"
	"orderengine/projections/embeddedview"
	"orderengine/projections/redisview"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

const (
	adminToken = "the-token-of-the-administrators"
	handOver   = 5 * time.Second
	patience   = 60 * time.Second
)

var retries = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}

// estate is a log behind EventStoreDB's protocol, a payment platform, and the servers that share both and their views.
type estate struct {
	t        *testing.T
	log      *memory.Store
	logAddr  string
	views    string // URL
	platform *pingpp.Platform
	flags    []string
	servers  []*orderdtest.Server
	doctor   string // token
}

// newEstate starts a server as a child process for each list of further flags, with a doctor.
func newEstate(t *testing.T, views string, each ...[]string) *estate {
	t.Helper()
	e := prepare(t, views)
	for _, further := range each {
		e.start(further...)
	}
	e.open()
	return e
}

// prepare makes an estate without servers.
func prepare(t *testing.T, views string) *estate {
	t.Helper()
	e := &estate{t: t, log: memory.New(), views: views, platform: pingpp.Start(t, pingpp.Options{
		AutoPay: true, PayAfter: 10 * time.Millisecond, RefundAfter: 20 * time.Millisecond, RefundsRepeat: true})}
	e.serveLog()
	private, public := e.platform.KeyFiles(t)
	config := e.platform.Config()
	e.flags = []string{"--eventstore", logURL(e.logAddr), "--views", views, "--admin-token", adminToken,
		"--payment", "pingpp", "--pingpp-url", config.BaseURL, "--pingpp-key", config.APIKey, "--pingpp-app", config.App,
		"--pingpp-private-key", private, "--pingpp-public-key", public, "--retry", "200ms,400ms,800ms"}
	e.flags = append(e.flags, patientKeys(t)...)
	return e
}

// patientKeys are the flags of servers that share the patients' data keys.
func patientKeys(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	master := filepath.Join(dir, "master.key")
	if _, err := vault.NewMasterKeyFile(master); err != nil {
		t.Fatal(err)
	}
	return []string{"--master-key-file", master, "--patient-keys", filepath.Join(dir, "patients")}
}

func logURL(addr string) string { return "esdb://" + addr + "?tls=false" }

// start starts a server; a flag that is given again overrules the common one.
func (e *estate) start(further ...string) {
	e.t.Helper()
	e.servers = append(e.servers, orderdtest.BareProcess(e.t, slices.Concat(e.flags, further)...))
}

// open makes the doctor, and has the first server hear of payments.
func (e *estate) open() {
	e.t.Helper()
	e.hear(e.servers[0])
	e.doctor = e.register("doctor", "&price_online=15.00&price_monthly=70.00")
}

func (e *estate) serveLog() {
	e.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	e.logAddr = listener.Addr().String()
	server, ended := wire.New(e.log, wire.Options{Writable: true}), make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	e.t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; err != nil {
			e.t.Error(err)
		}
	})
}

// hear has the platform send its notices to a server.
func (e *estate) hear(s *orderdtest.Server) {
	e.platform.SetWebhook("http://" + s.Addr() + "/qaorder/pay/notify/")
}

// register makes a user at the first server and gives the token.
func (e *estate) register(name, fields string) string {
	e.t.Helper()
	var made struct{ Token string }
	e.servers[0].As(adminToken).Send("POST", "/admin/users/", orderdtest.Form("username="+name+"&password=a-password-of-somebody"+fields)).
		Want(e.t, http.StatusCreated).Into(e.t, &made)
	return made.Token
}

// leads says that a server has a lease, as it says itself.
func leads(s *orderdtest.Server, lease string) bool {
	return strings.Contains(s.As("").Get("/readyz?verbose").Body, "[+] "+lease+": leader, ")
}

// leader is the server that projects, and another that does not.
func (e *estate) leader() (leader, other *orderdtest.Server) {
	e.t.Helper()
	e.eventually(patience, "one leader", func() bool {
		leader, other = nil, nil
		leaders := 0
		for _, s := range e.servers {
			if leads(s, "projector") {
				leader, leaders = s, leaders+1
			} else {
				other = s
			}
		}
		return leaders == 1 && other != nil
	})
	return leader, other
}

func (e *estate) eventually(limit time.Duration, what string, holds func() bool) {
	e.t.Helper()
	for end := time.Now().Add(limit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			e.t.Fatalf("after %s still not: %s", limit, what)
		}
	}
}

// takesOver waits for a server to have both leases, and fails the test if that takes longer than the hand-over may.
func (e *estate) takesOver(s *orderdtest.Server) {
	e.t.Helper()
	began := time.Now()
	e.eventually(handOver, "the other server leads", func() bool { return leads(s, "projector") && leads(s, "reactor") })
	e.t.Logf("handed over in %s", time.Since(began).Round(time.Millisecond))
}

// checkViews compares what the servers' views hold with views made anew from the log. The reactor may still note what
// the platform has already done, so it dumps until nothing was appended meanwhile.
func (e *estate) checkViews() {
	e.t.Helper()
	shared, err := redisview.Open(e.t.Context(), e.views, redisview.Options{Version: projections.Version})
	if err != nil {
		e.t.Fatal(err)
	}
	defer shared.Close()
	var got, want string
	e.eventually(patience, "the views are at the end of a log that stands still", func() bool {
		head, err := e.log.Head(e.t.Context())
		if err != nil {
			e.t.Fatal(err)
		}
		if at, err := shared.Checkpoint(e.t.Context()); err != nil || at != head {
			return false
		}
		var dump bytes.Buffer
		if err := shared.Dump(e.t.Context(), &dump); errors.Is(err, projections.ErrStale) {
			return false
		} else if err != nil {
			e.t.Fatal(err)
		}
		got, want = dump.String(), e.rebuilt()
		now, err := e.log.Head(e.t.Context())
		if err != nil {
			e.t.Fatal(err)
		}
		return now == head
	})
	if got != want {
		e.t.Errorf("the views are not those of the log: %s", difference(got, want))
	}
}

// rebuilt is a dump of views that were made from the log alone.
func (e *estate) rebuilt() string {
	e.t.Helper()
	fresh, err := embeddedview.Open(e.t.TempDir(), embeddedview.Options{})
	if err != nil {
		e.t.Fatal(err)
	}
	defer fresh.Close()
	periods := process.Defaults
	periods.Retry = retries
	follower := projections.NewFollower(e.log, fresh, projections.All(periods), orderdtest.Quiet, time.Now)
	ctx, stop := context.WithCancel(e.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = follower.Run(ctx) }() // it ends with ctx
	head, err := e.log.Head(ctx)
	if err != nil {
		e.t.Fatal(err)
	}
	e.eventually(patience, "views are made from the log", func() bool { return follower.Await(ctx, head) == nil })
	stop()
	<-done
	var dump bytes.Buffer
	if err := fresh.Dump(e.t.Context(), &dump); err != nil {
		e.t.Fatal(err)
	}
	return dump.String()
}

// difference is the first line that is not the same.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is\n%.300s\nwant\n%.300s", i, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
