package redisview_test

import (
	"fmt"
	"testing"

	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/projections/viewtest"
	"orderengine/test/redistest"
)

func fresh(b *testing.B) projections.Views {
	return mustOpen(b, redistest.Start(b).URL(), redisview.Options{})
}

func BenchmarkCommit(b *testing.B) { viewtest.BenchmarkCommit(b, fresh) }

func BenchmarkPage(b *testing.B) { viewtest.BenchmarkPage(b, fresh) }

func BenchmarkCommitInACluster(b *testing.B) {
	cluster := redistest.StartCluster(b)
	sets := 0
	viewtest.BenchmarkCommit(b, func(b *testing.B) projections.Views {
		sets++
		return mustOpen(b, cluster.URL(), redisview.Options{Namespace: fmt.Sprint("set-", sets)})
	})
}
