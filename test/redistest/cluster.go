package redistest

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	masters = 3
	// nodeTimeout is after how many milliseconds of silence a node is taken for dead.
	nodeTimeout = "1000"
	// busOffset is how far a node's port for the other nodes is above the one for clients.
	busOffset = 10000
)

// Cluster is three masters with a replica each.
type Cluster struct {
	t     testing.TB
	Nodes []*Server
}

// StartCluster starts a cluster and ends it with the test. It fails the test if redis-server or redis-cli is not installed.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	args := []string{"--cluster", "create"}
	for range 2 * masters {
		node := start(t, freeClusterPort, "--cluster-enabled", "yes", "--cluster-node-timeout", nodeTimeout,
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
		c.Nodes, args = append(c.Nodes, node), append(args, node.addr())
	}
	c.Manage(append(args, "--cluster-replicas", "1", "--cluster-yes")...)
	c.AwaitWhole()
	return c
}

// URL names all nodes.
func (c *Cluster) URL() string {
	var addrs []string
	for _, node := range c.Nodes {
		addrs = append(addrs, node.addr())
	}
	return "redis://" + strings.Join(addrs, ",")
}

// AwaitWhole waits until every node that runs serves all slots, as far as it knows, and every master has a replica
// that has heard everything.
func (c *Cluster) AwaitWhole() {
	c.t.Helper()
	c.await("the cluster is whole", func() bool {
		for _, node := range c.Nodes {
			if node.process == nil {
				continue
			}
			if !node.ask("CLUSTER INFO", "cluster_state:ok") || !node.ask("CLUSTER INFO", fmt.Sprintf("cluster_known_nodes:%d", 2*masters)) {
				return false
			}
			if !node.IsMaster() && !node.ask("INFO replication", "master_link_status:up") {
				return false
			}
		}
		return len(c.Masters()) == masters
	})
}

// Masters are the nodes that are masters and run.
func (c *Cluster) Masters() (found []*Server) {
	for _, node := range c.Nodes {
		if node.process != nil && node.IsMaster() {
			found = append(found, node)
		}
	}
	return found
}

// Replica is the replica of a master that runs.
func (c *Cluster) Replica(of *Server) *Server {
	c.t.Helper()
	for _, node := range c.Nodes {
		if node != of && node.process != nil && node.ask("INFO replication", "master_port:"+strconv.Itoa(of.port)) {
			return node
		}
	}
	c.t.Fatalf("%s has no replica", of.addr())
	return nil
}

// Manage runs redis-cli with arguments and gives what it says.
func (c *Cluster) Manage(args ...string) string {
	c.t.Helper()
	out, err := exec.Command(program(c.t, "redis-cli"), args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// MoveSlots moves so many slots, with their keys, from one master to another.
func (c *Cluster) MoveSlots(from, to *Server, slots int) {
	c.t.Helper()
	c.Manage("--cluster", "reshard", from.addr(), "--cluster-from", from.ID(), "--cluster-to", to.ID(),
		"--cluster-slots", strconv.Itoa(slots), "--cluster-yes")
}

// IsMaster says that a node of a cluster takes itself for a master.
func (s *Server) IsMaster() bool { return s.ask("INFO replication", "role:master") }

// ID is a node's name in its cluster.
func (s *Server) ID() string {
	s.t.Helper()
	lines := s.answer("CLUSTER MYID")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "$") {
		s.t.Fatalf("%s does not tell its name: %q", s.addr(), lines)
	}
	return lines[1]
}

// Pause is kill -STOP: the server stands still, and its connections stay, until Continue.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Continue is kill -CONT.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func (c *Cluster) await(what string, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(3 * patience); !holds(); time.Sleep(10 * poll) {
		if time.Now().After(end) {
			c.t.Fatalf("after %s still not: %s", 3*patience, what)
		}
	}
}

// freeClusterPort is a free port whose bus port is free too.
func freeClusterPort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := freePort(t)
		if port > 65535-busOffset {
			continue
		}
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+busOffset))); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port for a node of a cluster")
	return 0
}
