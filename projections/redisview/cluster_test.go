package redisview_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

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
