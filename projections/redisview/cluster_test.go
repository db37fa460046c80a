package redisview_test

import (
	"fmt"
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
