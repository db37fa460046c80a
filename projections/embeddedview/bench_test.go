package embeddedview_test

import (
	"testing"

	"orderengine/projections"
	"orderengine/projections/viewtest"
)

func fresh(b *testing.B) projections.Views { return mustOpen(b, b.TempDir()) }

func BenchmarkCommit(b *testing.B) { viewtest.BenchmarkCommit(b, fresh) }

func BenchmarkPage(b *testing.B) { viewtest.BenchmarkPage(b, fresh) }
