package redisview_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/projections/viewtest"
	"orderengine/test/redistest"
)

func TestViewsInACluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	sets := 0
	viewtest.Run(t, func(t *testing.T) viewtest.Harness {
		sets++
		opts := redisview.Options{Namespace: fmt.Sprint("set-", sets)}
		store := mustOpen(t, cluster.URL(), opts)
		return viewtest.Harness{Views: store, Parted: true, Reopen: func(t *testing.T) projections.Views {
			if err := store.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			store = mustOpen(t, cluster.URL(), opts)
			return store
		}}
	})
}

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
	node, err := redis.ParseURL(cluster.Nodes[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{node.Addr}})
	defer client.Close()
	for name, cut := range map[string]bool{"whole": false, "cut-short": true} {
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
			if cut { // by the end of its server
				if err := client.Set(t.Context(), "{cut-short:v1:0}:k", "moved", 0).Err(); err != nil {
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
				if page, err := old.Page(t.Context(), fmt.Sprint(i), 0, 1, false); !errors.Is(err, projections.ErrMoved) {
					t.Errorf("index %d is read at %s, %v; want %v", i, page.At, err, projections.ErrMoved)
				}
			}
			if is, err := g.Lineup(t.Context()); err != nil || is != (projections.Lineup{Serving: both.Building}) {
				t.Errorf("the line-up is %q, %v", is, err)
			}
		})
	}
}
