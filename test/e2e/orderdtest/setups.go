package orderdtest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"orderengine/eventstore/memory"
	"orderengine/eventstore/wire"
	"orderengine/test/redistest"
)

// Setup is one way to run the product.
type Setup struct {
	Name    string
	Servers int // that share what the flags name; requests go to one after the other
	// Flags starts what the servers share, and gives their flags.
	Flags func(t testing.TB) []string
}

// Setups are all that a test runs on which takes one.
var Setups = []Setup{
	{"embedded", 1, func(testing.TB) []string { return nil }},
	{"redis", 1, func(t testing.TB) []string { return []string{"--views", redistest.Start(t).URL()} }},
	{"cluster", 1, clustered},
	TwoServers,
}

// TwoServers share a log and a Redis.
var TwoServers = Setup{"two servers", 2, func(t testing.TB) []string { return append(clustered(t), "--patient-keys", t.TempDir()) }}

// clustered has the log behind EventStoreDB's protocol, and the views in Redis.
func clustered(t testing.TB) []string {
	return []string{"--eventstore", "esdb://" + serveLog(t) + "?tls=false", "--views", redistest.Start(t).URL()}
}

// serveLog serves an empty log over EventStoreDB's protocol until the test ends, and gives its address.
func serveLog(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, served := wire.New(memory.New(), wire.Options{Writable: true}), make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// Everywhere runs a test on every set-up.
func Everywhere(t *testing.T, test func(t *testing.T, s Setup)) {
	t.Parallel()
	for _, s := range Setups {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// Demo is the package's Demo on the set-up; flags come after its own. With several servers it is the first, and its
// clients send their requests to one after the other.
func (s Setup) Demo(t testing.TB, flags ...string) *Server {
	t.Helper()
	flags = append(s.Flags(t), flags...)
	first := Demo(t, flags...)
	first.Eventually("the demo is made", func() bool { return first.Welcome() != "" }) // a cluster need not be there at the start
	for range s.Servers - 1 {
		next := newServer(t, inProcess, append(flags[:len(flags):len(flags)], "--demo"))
		copyKeys(t, first, next)
		next.Start()
		first.peers = append(first.peers, next)
	}
	return first
}

// copyKeys gives a server the keys of another: servers of one log sign for one another.
func copyKeys(t testing.TB, from, to *Server) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(to.Data, "keys"), os.DirFS(filepath.Join(from.Data, "keys"))); err != nil {
		t.Fatal(err)
	}
}
