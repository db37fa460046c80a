package redistest

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRestartKeepsOrDropsTheData(t *testing.T) {
	s := Start(t)
	url := s.URL()
	if !s.ask("SET a 1", "+OK") {
		t.Fatal("a running server does not take a value")
	}

	s.Restart(false)
	if !s.ask("GET a", "1") {
		t.Error("the value is lost after a restart that keeps the data")
	}
	s.Restart(true)
	if !s.ask("GET a", "$-1") {
		t.Error("the value is there after a restart that drops the data")
	}
	if s.URL() != url {
		t.Errorf("URL is %s after restarts, was %s", s.URL(), url)
	}
}

func TestStopEndsTheServer(t *testing.T) {
	s := Start(t)
	s.Stop()
	if s.ask("PING", "+PONG") {
		t.Error("a stopped server answers")
	}
	s.Stop()
	s.Restart(false)
	if !s.ask("PING", "+PONG") {
		t.Error("a server that was stopped twice does not come back")
	}
}

func TestServersAreSeparate(t *testing.T) {
	a, b := Start(t), Start(t)
	if a.URL() == b.URL() {
		t.Fatalf("two servers on %s", a.URL())
	}
	if !a.ask("SET k a", "+OK") || !b.ask("GET k", "$-1") {
		t.Error("a value of one server shows in another")
	}
}

func TestClusterMovesSlotsAndFailsOver(t *testing.T) {
	c := StartCluster(t)
	all := c.Masters()
	c.MoveSlots(all[0], all[1], 3)
	replica := c.Replica(all[2])
	all[2].Kill()
	c.await("its replica is the master", replica.IsMaster)
	all[2].Restart(false)
	c.AwaitWhole()
	if all[2].IsMaster() {
		t.Error("a master that was replaced comes back as one")
	}
}
