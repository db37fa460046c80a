package cluster

import (
	"strings"
	"testing"

	"orderengine/test/redistest"
)

// TestSlotsAreMoved moves slots of a Redis Cluster from master to master while clients at two servers write and read.
func TestSlotsAreMoved(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	e := newEstate(t, redis.URL(), nil, nil)
	l := e.begin(4)
	l.atLeast(20)
	masters := redis.Masters()
	for i, from := range masters {
		redis.MoveSlots(from, masters[(i+1)%len(masters)], 2000)
		l.atLeast(10)
	}
	l.end()
	l.settle()
	e.checkViews()
}

// TestMasterIsLost kills a master of a Redis Cluster under load: its replica takes over, and nothing is missing.
func TestMasterIsLost(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	e := newEstate(t, redis.URL(), nil, nil)
	l := e.begin(4)
	for _, master := range redis.Masters() {
		l.atLeast(20)
		replica := redis.Replica(master)
		master.Kill()
		e.eventually(patience, "the replica is the master", replica.IsMaster)
		l.atLeast(10)
		master.Restart(true)
		redis.AwaitWhole()
	}
	l.end()
	l.settle()
	e.checkViews()
}

// TestReplicaThatHasNotHeardEverythingTakesOver keeps a replica from hearing what its master acknowledges, and kills
// the master: what the views lost with it is in the log, and comes back.
func TestReplicaThatHasNotHeardEverythingTakesOver(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	e := newEstate(t, redis.URL(), nil, nil)
	l := e.begin(4)
	for _, master := range redis.Masters() {
		l.atLeast(20)
		replica := redis.Replica(master)
		replica.Pause()
		l.atLeast(20)
		master.Kill()
		replica.Continue()
		e.eventually(patience, "the replica is the master", replica.IsMaster)
		l.atLeast(10)
		master.Restart(true)
		redis.AwaitWhole()
	}
	l.end()
	l.settle()
	e.checkViews()
	mended := 0
	for _, s := range e.servers {
		mended += strings.Count(s.Log(), "mending them")
	}
	if mended == 0 {
		t.Error("no part of the views was behind")
	}
}

// TestLeaderIsKilledOnACluster kills -9 whoever leads, mostly in the middle of a commit to several masters.
func TestLeaderIsKilledOnACluster(t *testing.T) {
	t.Parallel()
	e := newEstate(t, redistest.StartCluster(t).URL(), nil, nil)
	l := e.begin(4)
	for range 4 {
		leader, other := e.leader()
		l.atLeast(20)
		e.hear(other)
		leader.Kill()
		e.takesOver(other)
		leader.Start()
	}
	l.end()
	l.settle()
	e.checkViews()
}
