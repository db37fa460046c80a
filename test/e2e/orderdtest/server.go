package orderdtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"orderengine/cmd/engine"
)

// Quiet is a logger for what tests run themselves.
var Quiet = slog.New(slog.DiscardHandler)

const (
	patience = 60 * time.Second // how long anything may take on a busy machine before the test gives up
	poll     = 10 * time.Millisecond
)

// Server is one orderd with its own data folder. It may be stopped, killed and started again; the clients
// made by [Server.As] follow it to its new port.
type Server struct {
	t     testing.TB
	Data  string // ORDERD_DATA
	flags []string
	begin func(args ...string) (*process, error)
	// peers serve the same log and views. Requests go to one after the other, but for those that make something with a
	// pk: each server gives pks out of a block of its own, and tests tell what the pks of one are.
	peers []*Server
	turns atomic.Uint64

	mu      sync.Mutex
	process *process
	http    *http.Client
	logs    strings.Builder // of the processes that have ended
}

// process is one run of a server, as a child process or in this one.
type process struct {
	terminate, kill func()
	signal          func(os.Signal)
	addr            string // host:port
	stdout, stderr  *output
	exited          chan struct{}
	code            int // once exited is closed
}

// Demo starts a server with the documents' people and orders, and further flags, in this process, and stops
// it with the test.
func Demo(t testing.TB, flags ...string) *Server {
	t.Helper()
	s := newServer(t, inProcess, flags)
	s.flags = append(s.flags, "--demo")
	s.Start()
	return s
}

// DemoUnready is [Demo] for a server that takes requests but cannot be ready.
func DemoUnready(t testing.TB, flags ...string) *Server {
	t.Helper()
	s := newServer(t, inProcess, flags)
	s.flags = append(s.flags, "--demo")
	s.Serve()
	return s
}

// Bare is [Demo] without the demo: nobody is there.
func Bare(t testing.TB, flags ...string) *Server {
	t.Helper()
	s := newServer(t, inProcess, flags)
	s.Start()
	return s
}

// DemoProcess is [Demo] as a child process, which can be killed.
func DemoProcess(t testing.TB, flags ...string) *Server {
	t.Helper()
	s := newServer(t, child, flags)
	s.flags = append(s.flags, "--demo")
	s.Start()
	return s
}

// BareProcess is [Bare] as a child process, which can be killed.
func BareProcess(t testing.TB, flags ...string) *Server {
	t.Helper()
	s := newServer(t, child, flags)
	s.Start()
	return s
}

func child(args ...string) (*process, error) { return launch(nil, args...) }

func newServer(t testing.TB, begin func(args ...string) (*process, error), flags []string) *Server {
	t.Helper()
	s := &Server{t: t, Data: t.TempDir(), flags: flags, begin: begin}
	s.http = &http.Client{
		Transport: &http.Transport{
			DialContext:         s.dial,
			MaxIdleConnsPerHost: 256,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
	t.Cleanup(func() {
		s.Stop()
		s.http.CloseIdleConnections()
		if t.Failed() && testing.Verbose() {
			t.Logf("the server's log:\n%s", s.Log())
		}
	})
	return s
}

// dial reaches the process whatever address is called, so that a request may name the documents' own.
func (s *Server) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	addr := s.Addr()
	if addr == "" {
		return nil, errors.New("orderd is not running")
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// PatientKeys is the folder of the patients' data keys.
func (s *Server) PatientKeys() string {
	if at := slices.Index(s.flags, "--patient-keys"); at >= 0 {
		return s.flags[at+1]
	}
	return filepath.Join(s.Data, "keys", "patients")
}

// Addr is where the process listens, "" while there is none.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return ""
	}
	return s.process.addr
}

// turn is the server whose turn it is to have a request.
func (s *Server) turn() *Server {
	n := s.turns.Add(1) % uint64(1+len(s.peers))
	if n == 0 {
		return s
	}
	return s.peers[n-1]
}

// Launch runs orderd without waiting for it to serve; it is killed with the test.
func Launch(t testing.TB, env []string, args ...string) *Child {
	t.Helper()
	p, err := launch(env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill(); <-p.exited })
	return &Child{p}
}

// Child is a process that may never serve.
type Child struct{ p *process }

// Wait gives the exit code and what was printed once the process has ended.
func (c *Child) Wait(t testing.TB) (code int, stdout, stderr string) {
	t.Helper()
	select {
	case <-c.p.exited:
	case <-time.After(patience):
		t.Fatal("orderd does not end")
	}
	return c.p.code, c.p.stdout.String(), c.p.stderr.String()
}

func launch(env []string, args ...string) (*process, error) {
	cmd := exec.Command(binary, args...)
	p := &process{stdout: new(output), stderr: new(output), exited: make(chan struct{})}
	// Both fail only if the process has ended already.
	p.signal = func(s os.Signal) { _ = cmd.Process.Signal(s) }
	p.terminate = sync.OnceFunc(func() { p.signal(syscall.SIGTERM) }) // a second one ends it at once
	p.kill = func() { _ = cmd.Process.Kill() }
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // the code says it
		p.code = cmd.ProcessState.ExitCode()
		close(p.exited)
	}()
	return p, nil
}

// inProcess runs the server as cmd/orderd does.
func inProcess(args ...string) (*process, error) {
	var config engine.Config
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{stdout: new(output), stderr: new(output), exited: make(chan struct{}), terminate: cancel}
	p.kill = func() { panic("only a child process can be killed") }
	p.signal = func(os.Signal) { panic("only a child process can be stopped for a while") }
	e, err := engine.Open(config, config.Logger(p.stderr))
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(p.exited)
		defer cancel()
		if err := errors.Join(e.Run(ctx, p.stdout), e.Close()); err != nil {
			p.code = 1
			fmt.Fprintln(p.stderr, err)
		}
	}()
	return p, nil
}

// Start starts the process and returns when it is ready.
func (s *Server) Start() {
	s.t.Helper()
	s.Serve()
	s.AwaitReady()
}

// Serve starts the process and returns when it takes requests, ready or not.
func (s *Server) Serve() {
	s.t.Helper()
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--data", s.Data}, s.flags...)
	p, err := s.begin(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(patience); p.addr == ""; time.Sleep(poll) {
		p.addr = p.stderr.serving()
		select {
		case <-p.exited:
			s.t.Fatalf("orderd ended with %d: %s", p.code, p.stderr.String())
		default:
		}
		if time.Now().After(end) {
			p.terminate()
			s.t.Fatalf("orderd does not serve: %s", p.stderr.String())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
}

// AwaitReady polls until /readyz is 200.
func (s *Server) AwaitReady() {
	s.t.Helper()
	s.Eventually("ready", func() bool { return s.As("").Get("/readyz").Status == http.StatusOK })
}

// Eventually polls until a condition holds.
func (s *Server) Eventually(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(poll) {
		if time.Now().After(end) {
			s.t.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

// Stop ends the process, a child by SIGTERM as a supervisor does, and checks that it ended well.
func (s *Server) Stop() {
	s.t.Helper()
	if p := s.take(); p != nil {
		p.terminate()
		s.ended(p, 0)
	}
}

// Terminate asks the process to end and does not wait for it; Stop does.
func (s *Server) Terminate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.terminate()
}

// Kill is kill -9.
func (s *Server) Kill() {
	s.t.Helper()
	if p := s.take(); p != nil {
		p.kill()
		s.ended(p, -1)
	}
}

// Pause is kill -STOP: the process stands still, and its connections stay, until Continue.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Continue is kill -CONT.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.signal(sig)
}

func (s *Server) take() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.process
	s.process = nil
	return p
}

func (s *Server) ended(p *process, want int) {
	s.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		s.t.Fatalf("orderd does not end:\n%s", p.stderr.String())
	}
	text := p.stderr.String()
	s.mu.Lock()
	s.logs.WriteString(text)
	s.mu.Unlock()
	if p.code != want {
		s.t.Errorf("orderd ended with %d: %s", p.code, text)
	}
	if strings.Contains(text, "DATA RACE") {
		s.t.Errorf("a race in orderd:\n%s", text)
	}
	s.http.CloseIdleConnections()
}

// Log is what all processes of the server have written to stderr.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.logs.String()
	if s.process != nil {
		text += s.process.stderr.String()
	}
	return text
}

// Welcome is what the process has written to stdout.
func (s *Server) Welcome() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.stdout.String()
}

// output gathers what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// serving is the address of the log line that says where the server listens.
func (o *output) serving() string {
	for line := range strings.Lines(o.String()) {
		var entry struct{ Msg, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
			return entry.Addr
		}
	}
	return ""
}
