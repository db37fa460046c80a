package esdb

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/storetest"
	"orderengine/eventstore/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet drops the log lines that tests provoke.
var quiet = slog.New(slog.DiscardHandler)

// cluster is a wire server on a port that stays its own through restarts.
type cluster struct {
	t       testing.TB
	addr    string
	options wire.Options
	backing wire.Store
	server  *wire.Server
	served  chan error
}

// serve starts a cluster of one node that holds what backing holds.
func serve(t testing.TB, backing wire.Store) *cluster {
	c := &cluster{t: t, addr: "127.0.0.1:0", backing: backing, options: wire.Options{Writable: true}}
	c.start()
	t.Cleanup(c.stop)
	return c
}

func (c *cluster) start() {
	c.t.Helper()
	listener, err := net.Listen("tcp", c.addr)
	for began := time.Now(); err != nil && time.Since(began) < 5*time.Second; {
		listener, err = net.Listen("tcp", c.addr) // what was closed may linger
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.addr = listener.Addr().String()
	c.server, c.served = wire.New(c.backing, c.options), make(chan error, 1)
	go func() { c.served <- c.server.Serve(listener) }()
}

func (c *cluster) stop() {
	c.t.Helper()
	if c.server == nil {
		return
	}
	if err := c.server.Close(); err != nil {
		c.t.Errorf("close: %v", err)
	}
	if err := <-c.served; err != nil {
		c.t.Errorf("serve: %v", err)
	}
	c.server = nil
}

// connectionString is the connection string of an address.
func connectionString(addr string) string { return "esdb://" + addr + "?tls=false" }

func open(t testing.TB, addr string) *Store {
	t.Helper()
	s, err := Open(connectionString(addr), Options{Logger: quiet, Patience: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// backings are the stores that the wire server is put before.
var backings = map[string]func(t testing.TB) wire.Store{
	"memory": func(t testing.TB) wire.Store { return memory.New() },
	"embedded": func(t testing.TB) wire.Store {
		s, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(s.Verify(context.Background()), s.Close()); err != nil {
				t.Error(err)
			}
		})
		return s
	},
}

func TestStore(t *testing.T) {
	for name, backing := range backings {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Harness {
				c := serve(t, backing(t))
				s := open(t, c.addr)
				return storetest.Harness{Store: s, Reopen: func(t *testing.T) eventstore.Store {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					c.stop()
					c.start()
					s = open(t, c.addr)
					return s
				}}
			})
		})
	}
}
