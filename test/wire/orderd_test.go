package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderengine/eventstore/memory"
	"orderengine/eventstore/wire"
	"orderengine/test/e2e/orderdtest"
)

// The demo's patient, and an order of theirs that is not paid.
const (
	patient = "48cebaf1955b6f45ee76515dbed221a1f229dd69"
	order   = "12257268238541425696240003"

	paidStatus = 1
)

// cluster is a server before a log in memory, which can be away.
type cluster struct {
	t      *testing.T
	addr   string
	store  *memory.Store
	server *wire.Server
	ended  chan error
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, addr: listener.Addr().String(), store: memory.New()}
	_ = listener.Close()
	t.Cleanup(c.stop)
	return c
}

func (c *cluster) start() {
	c.t.Helper()
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.server, c.ended = wire.New(c.store, wire.Options{Writable: true}), make(chan error, 1)
	go func() { c.ended <- c.server.Serve(listener) }()
}

func (c *cluster) stop() {
	if c.server == nil {
		return
	}
	if err := errors.Join(c.server.Close(), <-c.ended); err != nil {
		c.t.Error(err)
	}
	c.server = nil
}

// TestOrderdOnACluster starts a server whose cluster is not there, and takes the cluster away again: it says so,
// serves what it can, and goes on by itself.
func TestOrderdOnACluster(t *testing.T) {
	c := newCluster(t)
	server := orderdtest.DemoUnready(t, "--eventstore", "esdb://"+c.addr+"?tls=false")
	anyone, p := server.As(""), server.As(patient)
	anyone.Get("/livez").Want(t, http.StatusOK)
	ready := anyone.Get("/readyz?verbose").Want(t, http.StatusServiceUnavailable)
	if !strings.Contains(string(ready.Body), "[-] log") {
		t.Errorf("readiness without the cluster: %s", ready.Body)
	}
	if r := p.Get("/qaorder/order/patient/list/").Want(t, http.StatusServiceUnavailable); r.Header.Get("Retry-After") == "" {
		t.Errorf("%v %s", r.Header, r.Body)
	}
	c.start()
	server.AwaitReady()
	server.Eventually("the demo is made", func() bool { return p.Get("/qaorder/order/detail/"+order+"/").Status == http.StatusOK })

	c.stop()
	server.Eventually("not ready", func() bool { return anyone.Get("/readyz").Status == http.StatusServiceUnavailable })
	pay := func() orderdtest.Reply {
		return p.Send(http.MethodPatch, "/qaorder/order/pay/"+order+"/", orderdtest.Form("channel=balance"))
	}
	if r := pay().Want(t, http.StatusServiceUnavailable); r.Header.Get("Retry-After") == "" {
		t.Errorf("%v %s", r.Header, r.Body)
	}
	c.start()
	server.AwaitReady()
	server.Eventually("paid", func() bool { return pay().Status == http.StatusOK })
	var paid struct{ Status int }
	p.Get("/qaorder/order/detail/"+order+"/").Want(t, http.StatusOK).Into(t, &paid)
	if paid.Status != paidStatus {
		t.Errorf("status %d after it was paid", paid.Status)
	}

	second := orderdtest.Bare(t, "--eventstore", "esdb://"+c.addr+"?tls=false")
	second.As(patient).Get("/qaorder/order/detail/"+order+"/").Want(t, http.StatusOK).Into(t, &paid)
	if paid.Status != paidStatus {
		t.Errorf("status %d at another server", paid.Status)
	}
}

// TestServersFollowEachOther: what one server has answered, the other goes on from at once.
func TestServersFollowEachOther(t *testing.T) {
	c := newCluster(t)
	c.start()
	keys := t.TempDir()
	master := filepath.Join(keys, "master.key")
	if err := os.WriteFile(master, []byte(strings.Repeat("A", 43)+"=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--eventstore", "esdb://" + c.addr + "?tls=false", "--master-key-file", master, "--patient-keys", filepath.Join(keys, "patients")}
	first := orderdtest.Demo(t, flags...)
	first.Eventually("the demo is made", func() bool { return first.As(patient).Get("/qaorder/order/detail/"+order+"/").Status == http.StatusOK })
	second := orderdtest.Bare(t, append(flags, "--admin-token", orderdtest.Admin)...)
	for round := range 5 {
		one, other := first, second
		if round%2 == 1 {
			one, other = second, first
		}
		var made struct {
			Number string `json:"order_number"`
		}
		one.As(patient).Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online")).Want(t, 201).Into(t, &made)
		path := func(call string) string { return "/qaorder/order/" + call + "/" + made.Number + "/" }
		other.As(patient).Send("PATCH", path("pay"), orderdtest.Form("channel=balance")).Want(t, 200)
		var asked struct{ PK int64 }
		one.As(patient).Send("POST", "/qaorder/question/create/", orderdtest.Form("order="+made.Number+"&condition_description=x")).Want(t, 201).Into(t, &asked)
		other.As(orderdtest.Doctor1).Send("POST", "/qaorder/answer/create/", orderdtest.Form(fmt.Sprintf("question=%d&diagnosis_result=x", asked.PK))).Want(t, 201)
		one.As(patient).Send("PUT", path("finish")).Want(t, 200)
		other.As(patient).Send("PUT", path("evaluate"), orderdtest.Form("scores=5&content=x")).Want(t, 200)
		token := fmt.Sprintf("%040x", 7000+round)
		one.As(orderdtest.Admin).Send("PATCH", "/admin/users/patient2/", orderdtest.Form("password=another&token="+token)).Want(t, 200)
		other.As(token).Get("/wallet/statement/").Want(t, 200)
	}
}

// TestOrderdServesItsLog reads an embedded log with the stock client, which needs the certificate and the password.
func TestOrderdServesItsLog(t *testing.T) {
	cert, key := certificate(t)
	server := orderdtest.Demo(t, "--esdb-listen", "127.0.0.1:0", "--esdb-cert", cert, "--esdb-key", key, "--esdb-password", "opensesame")
	addr := logAddr(t, server)
	placed := 0
	_, err := readAll(t, "esdb://admin:opensesame@"+addr+"?tlsCAFile="+cert, func(e *esdb.RecordedEvent) {
		if e.EventType == "OrderPlaced" && strings.HasPrefix(e.StreamID, "qaorder-") {
			placed++
		}
	})
	if err != nil || placed != 7 {
		t.Errorf("%d orders of the demo, want 7: %v", placed, err)
	}
	for what, url := range map[string]string{
		"a wrong password": "esdb://admin:wrong@" + addr + "?tlsCAFile=" + cert,
		"no password":      "esdb://" + addr + "?tlsCAFile=" + cert,
		"no certificate":   "esdb://admin:opensesame@" + addr + "?maxDiscoverAttempts=1",
		"no TLS":           "esdb://admin:opensesame@" + addr + "?tls=false&maxDiscoverAttempts=1",
	} {
		if n, err := readAll(t, url, func(*esdb.RecordedEvent) {}); err == nil || n > 0 {
			t.Errorf("with %s: %d events, %v", what, n, err)
		}
	}
	client := connect(t, "esdb://admin:opensesame@"+addr+"?tlsCAFile="+cert)
	_, err = client.AppendToStream(t.Context(), "qaorder-x", esdb.AppendToStreamOptions{}, esdb.EventData{EventType: "OrderPlaced"})
	var refused *esdb.Error
	if !errors.As(err, &refused) || refused.Code() != esdb.ErrorCodeAccessDenied {
		t.Errorf("an append to a log that is served for reading: %v", err)
	}
}

// TestADeletedStreamStopsNothingElse puts a tombstone into an order's stream: views go on, also when they are made again.
func TestADeletedStreamStopsNothingElse(t *testing.T) {
	c := newCluster(t)
	c.start()
	for name, flags := range map[string][]string{
		"embedded": {"--esdb-listen", "127.0.0.1:0", "--esdb-insecure", "--esdb-writable"},
		"cluster":  {"--eventstore", "esdb://" + c.addr + "?tls=false"},
	} {
		t.Run(name, func(t *testing.T) {
			server := orderdtest.Demo(t, flags...)
			detail := func(number string) orderdtest.Reply {
				return server.As(patient).Get("/qaorder/order/detail/" + number + "/")
			}
			server.Eventually("the demo is made", func() bool { return server.Welcome() != "" })
			addr := c.addr
			if name == "embedded" {
				addr = logAddr(t, server)
			}
			if _, err := connect(t, "esdb://"+addr+"?tls=false").TombstoneStream(t.Context(), "qaorder-"+order, esdb.TombstoneStreamOptions{}); err != nil {
				t.Fatal(err)
			}
			var made struct {
				Number string `json:"order_number"`
			}
			server.As(patient).Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online")).Want(t, http.StatusCreated).Into(t, &made)
			detail(made.Number).Want(t, http.StatusOK)
			before := detail(order).Want(t, http.StatusOK).Body
			server.As(orderdtest.Admin).Send("POST", "/admin/rebuild/").Want(t, http.StatusAccepted)
			server.Eventually("the views are made again", func() bool {
				return strings.Contains(server.As(orderdtest.Admin).Get("/admin/rebuild/").Body, `"building":null`)
			})
			detail(made.Number).Want(t, http.StatusOK)
			if after := detail(order).Want(t, http.StatusOK).Body; after != before {
				t.Errorf("the order is\n%s, was\n%s", after, before)
			}
			if metrics := server.Metrics(); !strings.Contains(metrics, "orderd_follower_skipped_events_total 2\n") || !strings.Contains(metrics, "orderd_tree_ok 1\n") {
				t.Errorf("metrics %s", metrics)
			}
			server.AwaitReady()
			auditor := server.As("demo-audit")
			if replay := auditor.Get("/replay/events").Want(t, http.StatusOK).Body; !strings.Contains(replay, made.Number) || strings.Contains(replay, "$") {
				t.Errorf("the replay does not go past the tombstone: %s", replay)
			}
			if name == "embedded" { // a cluster does not give what was deleted
				if history := auditor.Get("/audit/orders/"+order+"/history/").Want(t, http.StatusOK).Body; !strings.Contains(history, "OrderPlaced") || strings.Contains(history, "$") {
					t.Errorf("history %s", history)
				}
			}
		})
	}
}

// logAddr is the address in the log line that says where the log is served.
func logAddr(t *testing.T, server *orderdtest.Server) (addr string) {
	t.Helper()
	server.Eventually("the log is served", func() bool {
		for line := range strings.Lines(server.Log()) {
			var entry struct{ Msg, Addr string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving the log" {
				addr = entry.Addr
			}
		}
		return addr != ""
	})
	return addr
}

func connect(t *testing.T, url string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(url)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// readAll reads the log from its beginning.
func readAll(t *testing.T, url string, each func(*esdb.RecordedEvent)) (n int, err error) {
	t.Helper()
	read, err := connect(t, url).ReadAll(t.Context(), esdb.ReadAllOptions{From: esdb.Start{}}, 1<<40)
	if err != nil {
		return 0, err
	}
	defer read.Close()
	for {
		e, err := read.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
		each(e.OriginalEvent())
	}
}

// certificate makes one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orderd"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}

// quiet drops the log lines that tests provoke.
var quiet = slog.New(slog.DiscardHandler)
