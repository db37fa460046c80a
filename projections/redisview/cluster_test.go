package redisview_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/test/redistest"
)

func TestViewsInACluster(t *testing.T) { runSuite(t, redistest.StartCluster(t).URL(), true) }

// TestNodeOfAClusterByItself names one node of a cluster as if it were the only server.
func TestNodeOfAClusterByItself(t *testing.T) {
	node := redistest.StartCluster(t).Nodes[0]
	for i := range 3 { // one of these stands elsewhere
		store := mustOpen(t, node.URL(), redisview.Options{Namespace: fmt.Sprint("set-", i)})
		if _, err := store.Checkpoint(t.Context()); err != nil {
			if !errors.Is(err, projections.ErrUnavailable) || !strings.Contains(err.Error(), "name several of its nodes") {
				t.Errorf("checkpoint: %v, want what to do about it", err)
			}
			return
		}
	}
	t.Error("no namespace stands at another node")
}

// TestNoPartOfASetIsReadAfterItsSwitch: a server that has not heard of the switch yet would answer from before what
// others have replied to since.
func TestNoPartOfASetIsReadAfterItsSwitch(t *testing.T) {
	cluster := redistest.StartCluster(t)
	both := projections.Lineup{Serving: projections.Generation{Version: 1}, Building: projections.Generation{Version: 1, Number: 1}}
	client := clusterClient(t, cluster)
	for name, marked := range map[string]int{"whole": -1, "cut-short": 0, "first-lost": 3} {
		t.Run(name, func(t *testing.T) {
			g, err := redisview.OpenGenerations(t.Context(), cluster.URL(), redisview.Options{Namespace: name})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := g.Move(t.Context(), projections.Lineup{}, both); err != nil {
				t.Fatal(err)
			}
			old := mustOpen(t, cluster.URL(), redisview.Options{Namespace: name})
			commit(t, old, 0, 1)
			if _, err := old.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			at := position(1)
			if marked >= 0 { // and no others: its server has ended, or Redis lost the first mark
				if err := client.Set(t.Context(), fmt.Sprintf("{%s:v1:%d}:k", name, marked), "moved", 0).Err(); err != nil {
					t.Fatal(err)
				}
				at = eventstore.Position{}
			}
			if err := g.Switch(t.Context(), both, at); err != nil {
				t.Fatal(err)
			}
			for i := range 64 {
				if docs, err := old.Get(t.Context(), fmt.Sprint(i)); !errors.Is(err, projections.ErrMoved) {
					t.Errorf("document %d is read at %s, %v; want %v", i, docs.At, err, projections.ErrMoved)
				}
				if page, err := old.Page(t.Context(), fmt.Sprint(i), projections.Cut{Limit: 1}); !errors.Is(err, projections.ErrMoved) {
					t.Errorf("index %d is read at %s, %v; want %v", i, page.At, err, projections.ErrMoved)
				}
			}
			if is, err := g.Lineup(t.Context()); err != nil || is != (projections.Lineup{Serving: both.Building}) {
				t.Errorf("the line-up is %q, %v", is, err)
			}
		})
	}
}

// TestASwitchThatRedisLost in part, with a master: the servers serve the next set already, and the line-up and the first
// mark are from before. A server that comes then must not wait for the old set for ever.
func TestASwitchThatRedisLost(t *testing.T) {
	cluster := redistest.StartCluster(t)
	g, err := redisview.OpenGenerations(t.Context(), cluster.URL(), redisview.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	log := memory.New()
	event := eventstore.Event{ID: uuid.New(), Type: "Tested", Data: []byte("{}"), Metadata: eventstore.Metadata{Schema: 1}.Encode()}
	if _, err := log.Append(t.Context(), "a-1", eventstore.NoStream, []eventstore.Event{event}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	live, err := projections.OpenLive(t.Context(), projections.LiveOptions{Log: log, Generations: g, Version: 1, Readable: 1, Logger: quiet, Now: time.Now,
		Follow: func(v projections.Views) *projections.Follower {
			return projections.NewFollower(log, v, nil, quiet, time.Now)
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = live.Run(ctx) }()
	defer func() { cancel(); <-ended; live.Close() }()
	switched := func() bool {
		is, err := g.Lineup(t.Context())
		return err == nil && is == projections.Lineup{Serving: projections.Generation{Version: 1, Number: 1}}
	}
	eventually(t, "it is ready", func() bool { _, _, _, err := live.Status(); return err == nil })
	if err := live.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next set serves", switched)
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := clusterClient(t, cluster)
	for key, value := range map[string]string{"{orderd:v1:0}:lineup": "v1 v1.1", "{orderd:v1:0}:k": head.String()} {
		if err := client.Set(t.Context(), key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the next set serves again", switched)
}

func clusterClient(t *testing.T, cluster *redistest.Cluster) *redis.ClusterClient {
	t.Helper()
	node, err := redis.ParseURL(cluster.Nodes[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{node.Addr}})
	t.Cleanup(func() { client.Close() })
	return client
}
