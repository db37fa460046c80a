package viewtest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"orderengine/eventstore"
	"orderengine/projections"
)

var (
	names  = rapid.SampledFrom([]string{"", "a", "ab", "b", "a\x00", "\x00\x01", "\xff", "{a}"})
	values = rapid.OneOf(rapid.SampledFrom([][]byte{nil, {}, {0}, []byte("value")}), rapid.SliceOfN(rapid.Byte(), 0, 300))
	states = rapid.SampledFrom([]any{nil, nil, "text", map[string]int{"b": 1, "a": 2}, []any{nil, "<&>", 1.5}})
	op     = rapid.Custom(func(t *rapid.T) projections.Op {
		op := projections.Op{Kind: projections.OpKind(rapid.IntRange(1, 4).Draw(t, "kind")), Key: names.Draw(t, "key")}
		switch op.Kind {
		case projections.Put:
			if op.State = states.Draw(t, "state"); op.State == nil {
				op.Value = values.Draw(t, "value")
			}
		case projections.List, projections.Unlist:
			op.Member = names.Draw(t, "member")
		}
		return op
	})
	ops = rapid.SliceOfN(op, 0, 12)
)

// testModel does random batches, reads and wipes on the store and on the model.
func testModel(t *testing.T, h Harness) {
	rapid.Check(t, func(r *rapid.T) {
		if err := h.Views.Wipe(t.Context()); err != nil {
			r.Fatalf("wipe: %v", err)
		}
		m := NewModel()
		r.Repeat(map[string]func(*rapid.T){
			"commit": func(r *rapid.T) { modelCommit(r, h.Views, m) },
			"stale": func(r *rapid.T) {
				from := eventstore.Position{Commit: m.at.Commit, Prepare: m.at.Prepare + 1}
				wantStale(r, h.Views.Commit(r.Context(), projections.Batch{From: from, To: at(99), Ops: ops.Draw(r, "ops")}))
			},
			"get": func(r *rapid.T) { modelGet(r, h.Views, m) },
			"page": func(r *rapid.T) {
				wantPage(r, h.Views, m, names.Draw(r, "index"), projections.Cut{Offset: rapid.IntRange(-1, 9).Draw(r, "offset"),
					Limit: rapid.IntRange(-1, 9).Draw(r, "limit"), NewestFirst: rapid.Bool().Draw(r, "newest first"),
					Documents: projections.Documents{Of: names.Draw(r, "documents of"), Skip: rapid.IntRange(0, 2).Draw(r, "skip")}})
			},
			"range": func(r *rapid.T) {
				wantRange(r, h.Views, m, names.Draw(r, "index"), projections.Range{From: names.Draw(r, "from"),
					To: names.Draw(r, "to"), Limit: rapid.IntRange(-1, 9).Draw(r, "limit")})
			},
		})
		wantDump(r, h.Views, m.Dump())
	})
}

func modelCommit(r *rapid.T, v projections.Views, m *Model) {
	b := projections.Batch{From: m.at, To: at(m.at.Commit + 1), Ops: ops.Draw(r, "ops")}
	if b.Exact = rapid.Bool().Draw(r, "exact"); b.Exact {
		b.Ops = exact(m, b.Ops)
	}
	commit(r, v, b)
	m.Commit(b)
}

// exact leaves out the listings that an exact batch may not hold.
func exact(m *Model, ops []projections.Op) []projections.Op {
	type entry struct{ index, member string }
	seen := map[entry]bool{}
	return slices.DeleteFunc(slices.Clone(ops), func(op projections.Op) bool {
		if op.Kind != projections.List && op.Kind != projections.Unlist {
			return false
		}
		e := entry{op.Key, op.Member}
		out := seen[e] || m.indexes[op.Key][op.Member] == (op.Kind == projections.List)
		seen[e] = true
		return out
	})
}

func modelGet(r *rapid.T, v projections.Views, m *Model) {
	keys := rapid.SliceOfN(names, 0, 5).Draw(r, "keys")
	docs := get(r, v, keys...)
	if docs.At != m.at {
		r.Errorf("answer is at %s, want %s", docs.At, m.at)
	}
	for i, key := range keys {
		wantValue(r, "document "+key, docs.Values[i], m.value(key))
	}
}
