package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

const (
	replayClients = 20
	replayWriters = 64
	replayBurst   = 200 * time.Millisecond
	auditToken    = "demo-audit"
)

// TestReplaysSurviveKills has 20 clients (orderctl replay --follow) read the log while 64 writers write, and kills the
// server 20 times, and a client each time: every client ends with the same sequence, which is the whole log.
// REPLAY_KILLS is how often.
func TestReplaysSurviveKills(t *testing.T) {
	t.Parallel()
	kills := orderdtest.Setting(t, "REPLAY_KILLS", defaultReplayKills)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	server := orderdtest.DemoProcess(t)
	front := newFront(t, server)
	clients := newReplayers(t, front)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var written atomic.Int64
	var writers sync.WaitGroup
	defer writers.Wait()
	for range replayWriters {
		writers.Go(func() { write(ctx, server, &written) })
	}
	for round := range kills {
		before := sizes(clients)
		server.Eventually("every client goes on", func() bool { return allGrown(clients, before) })
		time.Sleep(time.Duration(random.Int64N(int64(replayBurst)))) // the moment is the test
		server.Kill()
		clients[round%replayClients].restart()
		server.Start()
	}
	stop()
	writers.Wait()
	want := server.As(auditToken).Get("/replay/events").Want(t, http.StatusOK).Body
	for i, c := range clients {
		server.Eventually(fmt.Sprintf("client %d has all", i), func() bool { return c.size() >= int64(len(want)) })
		c.interrupt()
		got, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) < len(want) || string(got[:len(want)]) != want {
			t.Errorf("client %d has another sequence: %s", i, difference(want, string(got)))
		}
		if kills > 0 && !bytes.Contains(c.told.bytes(), []byte("coming back after position")) {
			t.Errorf("client %d was not told that the server went away", i)
		}
	}
	events := bytes.Count([]byte(want), []byte("\n"))
	t.Logf("%d kills, %d changes answered, %d events", kills, written.Load(), events)
	if written.Load() < int64(kills*replayWriters) || int64(events) < written.Load() {
		t.Error("there was hardly any load, or what was answered is not in the log")
	}
}

// write makes orders and cancels them until ctx ends.
func write(ctx context.Context, server *orderdtest.Server, written *atomic.Int64) {
	client := server.As(orderdtest.Patient1)
	for ctx.Err() == nil {
		var o told
		r := client.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online"))
		if r.Status != http.StatusCreated {
			select {
			case <-time.After(2 * time.Millisecond): // the server is away
			case <-ctx.Done():
			}
			continue
		}
		written.Add(1)
		if json.Unmarshal([]byte(r.Body), &o) == nil && client.Send("PUT", path("cancel", &o)).Status == http.StatusOK {
			written.Add(1)
		}
	}
}

// difference names the first line in which two sequences differ.
func difference(want, got string) string {
	w, g := bytes.Split([]byte(want), []byte("\n")), bytes.Split([]byte(got), []byte("\n"))
	for i := range min(len(w), len(g)) {
		if !bytes.Equal(w[i], g[i]) {
			return fmt.Sprintf("line %d is %.200s, want %.200s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// front is an address that leads to the server wherever it listens, as a load balancer does.
type front struct {
	net.Listener
	server *orderdtest.Server
	work   sync.WaitGroup
}

func newFront(t *testing.T, server *orderdtest.Server) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{Listener: listener, server: server}
	f.work.Go(f.accept)
	t.Cleanup(func() {
		f.Close()
		f.work.Wait()
	})
	return f
}

func (f *front) accept() {
	for {
		conn, err := f.Accept()
		if err != nil {
			return // it was closed
		}
		f.work.Go(func() { f.forward(conn) })
	}
}

func (f *front) forward(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", f.server.Addr())
	if err != nil {
		return
	}
	defer server.Close()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client) // either end may go at any time
		server.Close()
	})
	_, _ = io.Copy(client, server)
	client.Close()
	up.Wait()
}

// replayer is one orderctl replay --follow --output.
type replayer struct {
	t     *testing.T
	file  string
	start func() *exec.Cmd
	cmd   *exec.Cmd
	told  output
}

// output gathers what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

func newReplayers(t *testing.T, f *front) []*replayer {
	t.Helper()
	dir := t.TempDir()
	tool := filepath.Join(dir, "orderctl")
	if out, err := exec.Command("go", "build", "-o", tool, "orderengine/cmd/orderctl").CombinedOutput(); err != nil {
		t.Fatalf("build orderctl: %v\n%s", err, out)
	}
	all := make([]*replayer, replayClients)
	for i := range all {
		c := &replayer{t: t, file: filepath.Join(dir, fmt.Sprintf("client%d.ndjson", i))}
		c.start = func() *exec.Cmd {
			cmd := exec.Command(tool, "replay", "--follow", "--server", "http://"+f.Addr().String(), "--audit-token", auditToken, "--output", c.file)
			cmd.Stderr = &c.told
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return cmd
		}
		c.cmd = c.start()
		t.Cleanup(func() {
			if c.cmd != nil {
				_ = c.cmd.Process.Kill() // the test has failed
				_ = c.cmd.Wait()
			}
		})
		all[i] = c
	}
	return all
}

// restart is kill -9, and another run that goes on with the file.
func (c *replayer) restart() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	_ = c.cmd.Wait() // it was killed
	c.cmd = c.start()
}

// interrupt ends the client in good order.
func (c *replayer) interrupt() {
	c.t.Helper()
	err := c.cmd.Process.Signal(syscall.SIGTERM)
	if err = errors.Join(err, c.cmd.Wait()); err != nil {
		c.t.Errorf("orderctl: %v: %s", err, c.told.bytes())
	}
	c.cmd = nil
}

func (c *replayer) size() int64 {
	info, err := os.Stat(c.file)
	if err != nil {
		return 0 // it is not there yet
	}
	return info.Size()
}

func sizes(clients []*replayer) []int64 {
	all := make([]int64, len(clients))
	for i, c := range clients {
		all[i] = c.size()
	}
	return all
}

func allGrown(clients []*replayer, before []int64) bool {
	for i, c := range clients {
		if c.size() <= before[i] {
			return false
		}
	}
	return true
}
