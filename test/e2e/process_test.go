package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

// TestStopFinishesWhatIsInFlight sends SIGTERM in the middle of requests: they are answered, the process ends
// well, and after a restart the pks go on without a gap.
func TestStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	server := orderdtest.DemoProcess(t)
	const inFlight = 16
	body := "doctor=doctor1&order_type=online"
	conns := make([]net.Conn, inFlight)
	for i := range conns {
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
		fmt.Fprintf(conn, "POST /qaorder/order/create/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", patient1, len(body), body[:10])
	}
	// A connection counts as in flight once the server has read from it; a whole request after them tells.
	server.As("").Get("/livez").Want(t, 200)
	time.Sleep(50 * time.Millisecond)
	server.Terminate()
	server.Eventually("stopping", func() bool { return strings.Contains(server.Log(), `"msg":"stopping"`) })
	server.Eventually("closed to new requests", func() bool {
		conn, err := net.DialTimeout("tcp", server.Addr(), time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	pks := map[int64]bool{}
	for _, conn := range conns {
		if _, err := io.WriteString(conn, body[10:]); err != nil {
			t.Fatal(err)
		}
		reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("a request in flight had no reply: %v", err)
		}
		var o order
		if err := json.NewDecoder(reply.Body).Decode(&o); err != nil || reply.StatusCode != http.StatusCreated {
			t.Errorf("%d %v", reply.StatusCode, err)
		}
		pks[o.PK] = true
	}
	server.Stop()
	server.Start()
	for pk := int64(27); pk < 27+inFlight; pk++ {
		if !pks[pk] {
			t.Errorf("pk %d was not handed out: %v", pk, pks)
		}
	}
	if o := place(t, server); o.PK != 27+inFlight {
		t.Errorf("after the restart the next pk is %d, want %d", o.PK, 27+inFlight)
	}
	if got := listOf(t, server.As(patient1).Get("/qaorder/order/patient/list/?status=0")); got.Count != inFlight+1+4 {
		t.Errorf("%d unpaid orders", got.Count)
	}
}

// TestStopUnderLoad stops a busy server three times: every request is answered in full or not taken at all,
// and what was answered is there.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	server := orderdtest.DemoProcess(t)
	var mu sync.Mutex
	told := map[string]bool{}
	for range 3 {
		stop := make(chan struct{})
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					r := server.As(patient1).Send("POST", create, form("doctor=doctor1&order_type=online"))
					if r.Err != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					if r.Status != http.StatusCreated {
						t.Errorf("%d %s", r.Status, r.Body)
						return
					}
					o := orderOf(t, r)
					mu.Lock()
					told[o.OrderNumber] = true
					mu.Unlock()
				}
			})
		}
		time.Sleep(150 * time.Millisecond) // of load
		server.Stop()
		close(stop)
		work.Wait()
		server.Start()
	}
	for number := range told {
		server.As(patient1).Get(path("detail", number)).Want(t, 200)
	}
	if len(told) == 0 {
		t.Error("no order was made")
	}
}

// TestSecondProcessOnTheSameFolder is refused, and does the first no harm.
func TestSecondProcessOnTheSameFolder(t *testing.T) {
	t.Parallel()
	server := orderdtest.DemoProcess(t)
	code, _, stderr := orderdtest.Launch(t, nil, "serve", "--addr", "127.0.0.1:0", "--data", server.Data).Wait(t)
	if code != 1 || !strings.Contains(stderr, "ORDERD_DATA") {
		t.Errorf("ended with %d: %s", code, stderr)
	}
	placed(t, server, evaluated)
}

// TestWrongSettings end the server at once with the variable's name.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	badKey := t.TempDir()
	if err := os.MkdirAll(filepath.Join(badKey, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(badKey, "keys", "sandbox.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ variable, value, says string }{
		{"ORDERD_ADDR", "nonsense", "ORDERD_ADDR"},
		{"ORDERD_ADDR", "127.0.0.1:99999", "ORDERD_ADDR"},
		{"ORDERD_ADDR", busy.Addr().String(), "ORDERD_ADDR"},
		{"ORDERD_DATA", "", "ORDERD_DATA"},
		{"ORDERD_DATA", file, "ORDERD_DATA"},
		{"ORDERD_DATA", badKey, "ORDERD_DATA"},
		{"ORDERD_EVENTSTORE", "mysql://", "ORDERD_EVENTSTORE"},
		{"ORDERD_VIEWS", "memcached://x", "ORDERD_VIEWS"},
		{"ORDERD_VIEWS", "redis://", "ORDERD_VIEWS"},
		{"ORDERD_VIEWS", "redis://u:hunter2@h:x", "ORDERD_VIEWS"},
		{"ORDERD_PAYMENT", "cash", "ORDERD_PAYMENT"},
		{"ORDERD_TIMEZONE", "Mars/Olympus", "ORDERD_TIMEZONE"},
		{"ORDERD_TIMEZONE", "", "ORDERD_TIMEZONE"},
		{"ORDERD_LOG_LEVEL", "loud", "ORDERD_LOG_LEVEL"},
		{"ORDERD_DEMO", "maybe", "ORDERD_DEMO"},
	} {
		t.Run(c.variable+"="+filepath.Base(c.value), func(t *testing.T) {
			t.Parallel()
			env := []string{"ORDERD_ADDR=127.0.0.1:0", "ORDERD_DATA=" + t.TempDir(), c.variable + "=" + c.value}
			code, _, stderr := orderdtest.Launch(t, env, "serve").Wait(t)
			if code != 1 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "hunter2") || strings.Contains(stderr, "goroutine ") {
				t.Errorf("ended with %d: %s", code, stderr)
			}
		})
	}
	for _, args := range [][]string{{"serve", "--nonsense"}, {"serve", "argument"}, {"nonsense"}} {
		if code, _, stderr := orderdtest.Launch(t, nil, args...).Wait(t); code != 1 || !strings.HasPrefix(stderr, "orderd: ") {
			t.Errorf("%q: ended with %d: %s", args, code, stderr)
		}
	}
}

// TestLogsTellNoSecrets grep the log of whole lifecycles, each request in it, for what must not be there.
func TestLogsTellNoSecrets(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		for _, level := range []string{"debug", "info"} {
			server := s.demo(t, "--log-level", level)
			secrets := []string{patient1, patient2, doctor1, doctor2, admin, "password", "secret-", "无过敏史", "无吸烟史", "咳嗽三天", "多喝水", "少熬夜",
				"http://1.jpg", "肺结核", "头孢", "悄悄话", "guess-token", "Bearer", "wrong-password", "key-of-a-client"}
			token := register(t, server, "silent", "&name=悄悄话")
			secrets = append(secrets, token)
			o := placed(t, server, evaluated)
			server.As(patient1).Send("DELETE", path("destroy", o.OrderNumber)).Want(t, 204)
			refunded := placed(t, server, paid)
			server.As(patient1).Send("PUT", path("refund", refunded.OrderNumber)).Want(t, 200)
			server.As(patient1).Send("PATCH", path("pay", place(t, server).OrderNumber), form("channel=alipay")).Want(t, 200)
			server.As("").Send("POST", "/user/login/", form("username=patient1&password=demo")).Want(t, 200)
			server.As("").Send("POST", "/user/login/", form("username=patient1&password=wrong-password")).Want(t, 400)
			server.As("guess-token").Get("/qaorder/order/patient/list/?secret-=1").Want(t, 401)
			server.As("").With("Authorization", "Bearer "+patient1).Get("/qaorder/order/patient/list/").Want(t, 401)
			keyed(server.As(patient1), "key-of-a-client").Send("POST", create, form("doctor=doctor1&order_type=online")).Want(t, 201)
			server.As(patient1).Send("POST", create, jsonBody(`{"doctor":"悄悄话`)).Want(t, 400)
			server.As(patient1).Send("POST", "/qaorder/question/create/", jsonBody(`{"order":"x","condition_description":"悄悄话","allergy_history":["悄悄话"]}`)).Want(t, 400)
			server.As(admin).Send("PATCH", "/admin/users/silent/", form("password=secret-2&token="+strings.Repeat("e", 40))).Want(t, 200)
			server.Stop()
			requests := 0
			for line := range strings.Lines(server.Log()) {
				var entry map[string]any
				if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == nil || entry["level"] == nil || entry["time"] == nil {
					t.Errorf("no JSON log line: %q: %v", line, err)
				}
				if entry["msg"] == "request" {
					requests++
				}
				for _, secret := range append(secrets, strings.Repeat("e", 40)) {
					if strings.Contains(line, secret) {
						t.Errorf("the log tells %q: %s", secret, line)
					}
				}
			}
			if (level == "debug") != (requests > 10) {
				t.Errorf("at level %s the log has %d requests", level, requests)
			}
		}
	})
}

// TestWelcome is what a newcomer reads: the people, and a line that works.
func TestWelcome(t *testing.T) {
	t.Parallel()
	server := orderdtest.DemoProcess(t)
	text := server.Welcome()
	for _, want := range []string{patient1, patient2, doctor1, doctor2, admin, "http://" + server.Addr() + "/qaorder/order/create/"} {
		if !strings.Contains(text, want) {
			t.Errorf("the welcome has no %s:\n%s", want, text)
		}
	}
	pks := place(t, server).PK
	server.Stop()
	server.Start() // the demo is made once
	if o := place(t, server); o.PK != pks+1 {
		t.Errorf("after a restart the next pk is %d", o.PK)
	}
	if got := balance(t, server, "patient1"); got != "1000.00" {
		t.Errorf("patient1 has %s after a second start", got)
	}
	if got := listOf(t, server.As(patient1).Get("/qaorder/order/patient/list/")); got.Count != 8 {
		t.Errorf("patient1 has %d orders after a second start", got.Count)
	}
}

// TestAdminCallsAreClosedWithoutAToken: no token, not even an empty one, opens them.
func TestAdminCallsAreClosedWithoutAToken(t *testing.T) {
	t.Parallel()
	server := orderdtest.Bare(t)
	for _, token := range []string{admin, "x"} {
		server.As(token).Get("/admin/users/").Want(t, 401)
	}
	server.As("").With("Authorization", "Token ").Get("/admin/users/").Want(t, 401)
	server.As("").With("Authorization", `Token ""`).Get("/admin/users/").Want(t, 401)
	server.As("").Send("POST", "/user/login/", form("username=patient1&password=demo")).Want(t, 400)
}

// TestMetrics has the requests and the positions.
func TestMetrics(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		place(t, server)
		server.As(patient1).Send("BREW", create)
		page := server.Metrics()
		for _, want := range []string{`orderd_http_request_seconds_count{method="POST",route="Order Create",status="201"} 1`, `method="other",route="Order Create",status="405"`,
			fmt.Sprintf("orderd_views_ready %d\n", s.Servers), "orderd_log_position ", "orderd_follower_failures_total 0\n", "go_goroutines "} {
			if !strings.Contains(page, want) {
				t.Errorf("the metrics %s have no %q", page, want)
			}
		}
		for _, secret := range []string{patient1, "doctor1", "detail/"} {
			if strings.Contains(page, secret) {
				t.Errorf("the metrics tell %s", secret)
			}
		}
	})
}
