package netfault

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// echo is a server that sends each line back.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); _, _ = io.Copy(conn, conn) }()
		}
	}()
	return listener.Addr().String()
}

type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func connect(t *testing.T, p *Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

// say sends a line and gives what came back within a time.
func (c *client) say(line string, within time.Duration) (string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		return "", err
	}
	return c.r.ReadString('\n')
}

func (c *client) works(what string) {
	c.t.Helper()
	if got, err := c.say("hello", patience); err != nil || got != "hello\n" {
		c.t.Errorf("%s: %q, %v", what, got, err)
	}
}

func TestFaults(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	c.works("a good network")

	p.Delay(50 * time.Millisecond)
	began := time.Now()
	c.works("a slow network")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("an answer in %s through two delays of 50 ms", took)
	}
	p.Heal()

	p.Stall()
	if _, err := c.say("held", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("through a stalled network: %v", err)
	}
	p.Heal()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if got, err := c.r.ReadString('\n'); err != nil || got != "held\n" {
		t.Errorf("what was held up comes as %q, %v", got, err)
	}

	p.HalfClose()
	if _, err := c.say("unheard", patience); err == nil {
		t.Error("a half-closed connection answers")
	}
	c = connect(t, p)
	c.works("a new connection")
	p.Reset()
	if _, err := c.say("lost", patience); err == nil {
		t.Error("a connection that was reset answers")
	}
	c = connect(t, p)
	c.works("a new connection")
	p.Cut()
	if _, err := c.say("lost", patience); err == nil {
		t.Error("a connection that was cut answers")
	}
	if _, err := connect(t, p).say("lost", patience); err == nil {
		t.Error("a cut network takes connections")
	}
	p.Heal()
	connect(t, p).works("a healed network")
}
