package redisview_test

import (
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
