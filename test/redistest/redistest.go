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
	"slices"
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
	flags  []string // further ones

	process *os.Process // nil while stopped
	exited  chan struct{}
	output  *bytes.Buffer // safe to read once exited is closed
}

// Start starts a server and ends it with the test. It fails the test if redis-server is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, freePort)
}

func start(t testing.TB, port func(testing.TB) int, flags ...string) *Server {
	t.Helper()
	s := &Server{t: t, binary: program(t, "redis-server"), dir: t.TempDir(), flags: flags}
	t.Cleanup(s.Kill)
	var err error
	for range 5 { // another process may take the free port before the server does
		s.port = port(t)
		if err = s.run(); err == nil {
			return s
		}
	}
	t.Fatalf("redis-server does not start: %v", err)
	return nil
}

func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install redis-server", name)
	}
	return path
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
	s.Kill()
}

// Restart stops the server if it runs and starts it on the same port, with the data it had or with none.
func (s *Server) Restart(empty bool) {
	s.t.Helper()
	s.Stop()
	if empty {
		// There is none after Kill.
		if err := os.Remove(filepath.Join(s.dir, "dump.rdb")); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
	if err := s.run(); err != nil {
		s.t.Fatalf("redis-server does not start again: %v", err)
	}
}

// Kill is kill -9: nothing is saved.
func (s *Server) Kill() {
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
	cmd.Args = append(cmd.Args, s.flags...)
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
	s.Kill()
	return fmt.Errorf("no answer on %s after %s", s.addr(), patience)
}

// ask says whether the answer to an inline command has the line want.
func (s *Server) ask(command, want string) bool { return slices.Contains(s.answer(command), want) }

// answer is the lines of the answer to an inline command; none if there is no server.
func (s *Server) answer(command string) (lines []string) {
	conn, err := net.DialTimeout("tcp", s.addr(), time.Second)
	if err != nil {
		return nil
	}
	defer conn.Close()
	// QUIT makes the server close the connection, so that the answer has an end. The errors show as a missing line.
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(conn, "%s\r\nQUIT\r\n", command)
	for found := bufio.NewScanner(conn); found.Scan(); {
		lines = append(lines, found.Text())
	}
	return lines
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
