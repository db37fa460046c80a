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
	l.settle()
	e.checkViews()
}

// TestMasterIsLost kills a master of a Redis Cluster under load: its replica takes over, and nothing is missing.
func TestMasterIsLost(t *testing.T) {
	t.Parallel()
	loseMasters(t, func(master, _ *redistest.Server, _ *load) { master.Kill() })
}

// TestReplicaThatHasNotHeardEverythingTakesOver keeps a replica from hearing what its master acknowledges, and kills
// the master: what the views lost with it is in the log, and comes back.
func TestReplicaThatHasNotHeardEverythingTakesOver(t *testing.T) {
	t.Parallel()
	e := loseMasters(t, func(master, replica *redistest.Server, l *load) {
		replica.Pause()
		l.atLeast(20)
		master.Kill()
		replica.Continue()
	})
	mended := 0
	for _, s := range e.servers {
		mended += strings.Count(s.Log(), "mending them")
	}
	if mended == 0 {
		t.Error("no part of the views was behind")
	}
}

// loseMasters loses each master of a Redis Cluster in its turn, under load, and has its replica take over.
func loseMasters(t *testing.T, lose func(master, replica *redistest.Server, l *load)) *estate {
	t.Helper()
	redis := redistest.StartCluster(t)
	e := newEstate(t, redis.URL(), nil, nil)
	l := e.begin(4)
	for _, master := range redis.Masters() {
		l.atLeast(20)
		replica := redis.Replica(master)
		lose(master, replica, l)
		e.eventually(patience, "the replica is the master", replica.IsMaster)
		l.atLeast(10)
		master.Restart(true)
		redis.AwaitWhole()
	}
	l.settle()
	e.checkViews()
	return e
}

// TestLeaderIsKilledOnACluster kills -9 whoever leads, mostly in the middle of a commit to several masters.
func TestLeaderIsKilledOnACluster(t *testing.T) {
	t.Parallel()
	killLeaders(t, redistest.StartCluster(t).URL(), 4)
}
