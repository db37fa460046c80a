package viewtest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"orderengine/projections"
)

// eventOps are what the follower makes of one event: the order's document and four moves between indexes.
// Every order has four events, thousands of other events apart, and orders do not move in the order they came.
func eventOps(ops []projections.Op, random *rand.Rand, n uint64) []projections.Op {
	const apart, shuffle, first = 5000, 0x3FF, 1 << 20
	stage, number := n%4, n/4+first
	if stage > 0 {
		if number = (number - stage*apart) ^ shuffle; number < first {
			return ops // there is no such order yet
		}
	}
	order := fmt.Sprintf("order-%016x", number*0x9E3779B97F4A7C15)
	member := fmt.Sprintf("%016x-%s", number, order)
	doctor := fmt.Sprintf("doctor-%d", number%2_000)
	op := func(kind projections.OpKind, format string, args ...any) projections.Op {
		return projections.Op{Kind: kind, Key: fmt.Sprintf(format, args...), Member: member}
	}
	ops = append(ops,
		projections.Op{Kind: projections.Put, Key: order, Value: document(random)},
		op(projections.List, "status-%d", stage),
		op(projections.List, "%s-status-%d", doctor, stage))
	if stage == 0 {
		return append(ops, op(projections.List, "all"), op(projections.List, "patient-%d", random.IntN(100_000)))
	}
	return append(ops, op(projections.Unlist, "status-%d", stage-1), op(projections.Unlist, "%s-status-%d", doctor, stage-1))
}

// document has names that repeat and values that do not, as JSON does.
func document(random *rand.Rand) []byte {
	value := make([]byte, 0, 928)
	for len(value) < 900 {
		value = strconv.AppendUint(append(value, `"a field":"`...), random.Uint64(), 16)
	}
	return value[:900]
}

// BenchmarkCommit measures how many events a second a store takes, in batches of three sizes. open gives an empty store.
func BenchmarkCommit(b *testing.B, open func(*testing.B) projections.Views) {
	for _, events := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			store := open(b)
			random, n := rand.New(rand.NewPCG(1, 1)), uint64(0)
			var ops []projections.Op
			for b.Loop() {
				b.StopTimer()
				ops = ops[:0]
				from := n
				for range events {
					n++
					ops = eventOps(ops, random, n)
				}
				b.StartTimer()
				commit(b, store, projections.Batch{From: at(from), To: at(n), Ops: ops, Exact: true})
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkPage measures the first page of a short and of a long index.
func BenchmarkPage(b *testing.B, open func(*testing.B) projections.Views) {
	for _, members := range []int{100, 1_000_000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			store := open(b)
			fill(b, store, members)
			for b.Loop() {
				page, err := store.Page(b.Context(), "index", projections.Cut{Limit: 20, NewestFirst: true})
				if err != nil || len(page.Members) != 20 || page.Total != members {
					b.Fatalf("page of %d: %v", page.Total, err)
				}
			}
		})
	}
}

func fill(b *testing.B, store projections.Views, members int) {
	var ops []projections.Op
	from := uint64(0)
	for n := uint64(1); n <= uint64(members); n++ {
		ops = append(ops, projections.Op{Kind: projections.List, Key: "index", Member: fmt.Sprintf("%016d-order", n)})
		if len(ops) == 10_000 || n == uint64(members) {
			commit(b, store, projections.Batch{From: at(from), To: at(n), Ops: ops})
			ops, from = ops[:0], n
		}
	}
}
