// Package redistest starts real Redis servers for tests, each on a free loopback port with its own folder.
package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	patience = 20 * time.Second // how long a server may take to answer its first PING
	poll     = 5 * time.Millisecond
)

// Server is one redis-server process. It writes nothing to disk on its own.
type Server struct {
	t      testing.TB
	binary string
	dir    string
	port   int

	process *os.Process // nil while stopped
	exited  chan struct{}
	output  *bytes.Buffer // safe to read once exited is closed
}

// Start starts a server and ends it with the test. It fails the test if redis-server is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: apt-get install redis-server")
	}
	s := &Server{t: t, binary: binary, dir: t.TempDir()}
	t.Cleanup(s.kill)
	for range 5 { // another process may take the free port before the server does
		s.port = freePort(t)
		if err = s.run(); err == nil {
			return s
		}
	}
	t.Fatalf("redis-server does not start: %v", err)
	return nil
}

// URL is where clients find the server, redis://127.0.0.1:port; it stays the same over restarts.
func (s *Server) URL() string { return "redis://" + s.addr() }

// Stop saves the data for [Server.Restart] and kills the server. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	if !s.ask("SAVE", "+OK") {
		s.t.Fatal("redis-server does not save its data")
	}
	s.kill()
}

// Restart stops the server if it runs and starts it on the same port, with the data it had or with none.
func (s *Server) Restart(empty bool) {
	s.t.Helper()
	s.Stop()
	if empty {
		if err := os.Remove(filepath.Join(s.dir, "dump.rdb")); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.run(); err != nil {
		s.t.Fatalf("redis-server does not start again: %v", err)
	}
}

func (s *Server) kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Kill() // fails only if it has ended already
	<-s.exited
	s.process = nil
}

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// run starts the process and returns when it answers.
func (s *Server) run() error {
	output, exited := new(bytes.Buffer), make(chan struct{})
	cmd := exec.Command(s.binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port),
		"--dir", s.dir, "--save", "", "--appendonly", "no")
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait() // it is always killed, which Wait calls an error
		close(exited)
	}()
	s.process, s.exited, s.output = cmd.Process, exited, output
	return s.await()
}

// await polls until the process answers; a stranger who took the port does not count.
func (s *Server) await() error {
	self := fmt.Sprintf("process_id:%d", s.process.Pid)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(poll) {
		if s.ask("PING", "+PONG") && s.ask("INFO server", self) {
			return nil
		}
		select {
		case <-s.exited:
			s.process = nil
			return errors.New(s.output.String())
		default:
		}
	}
	s.kill()
	return fmt.Errorf("no answer on %s after %s", s.addr(), patience)
}

// ask says whether the answer to an inline command has the line want.
func (s *Server) ask(command, want string) bool {
	conn, err := net.DialTimeout("tcp", s.addr(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	// QUIT makes the server close the connection, so that the answer has an end. The errors show as a missing line.
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(conn, "%s\r\nQUIT\r\n", command)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == want {
			return true
		}
	}
	return false
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
