package viewtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"orderengine/eventstore"
	"orderengine/projections"
)

func testEmpty(t *testing.T, h Harness) {
	if p := checkpoint(t, h.Views); p != (eventstore.Position{}) {
		t.Errorf("checkpoint of empty views is %s", p)
	}
	docs := get(t, h.Views, "a")
	wantValue(t, "a document of empty views", docs.Values[0], nil)
	if p := page(t, h.Views, "index", projections.Cut{Limit: 10, NewestFirst: true}); len(p.Members) != 0 || p.Total != 0 || p.At != (eventstore.Position{}) {
		t.Errorf("page of empty views is %+v", p)
	}
	wantDump(t, h.Views, "at 0\n")
	if docs := get(t, h.Views); docs.At != (eventstore.Position{}) {
		t.Errorf("get of no keys is at %s", docs.At)
	}
}

func testDocuments(t *testing.T, h Harness) {
	binary := "\x00\xff\r\n\xe4\x00 binary"
	commit(t, h.Views, step(1, put("a", "first"), put("b", binary), put("empty", ""),
		projections.Op{Kind: projections.Put, Key: "nil"}, put("gone", "x")))
	commit(t, h.Views, step(2, put("a", "second"), remove("gone"), remove("never")))

	docs := get(t, h.Views, "gone", "b", "a", "missing", "empty", "a", "nil")
	for i, want := range [][]byte{nil, []byte(binary), []byte("second"), nil, {}, []byte("second"), {}} {
		wantValue(t, fmt.Sprintf("value %d", i), docs.Values[i], want)
	}
	if docs.At != at(2) {
		t.Errorf("answer is at %s, want 2", docs.At)
	}
	if docs := get(t, h.Views); docs.At != at(2) {
		t.Errorf("answer without documents is at %s, want 2", docs.At)
	}
	wantDump(t, h.Views, "at 2\n"+
		`doc "a" "second"`+"\n"+`doc "b" "\x00\xff\r\n\xe4\x00 binary"`+"\n"+`doc "empty" ""`+"\n"+`doc "nil" ""`+"\n")
}

func testValuesAreCopies(t *testing.T, h Harness) {
	b := step(1, put("a", "kept"))
	commit(t, h.Views, b)
	copy(b.Ops[0].Value, "XXXX")
	first := get(t, h.Views, "a").Values[0]
	wantValue(t, "the value after its writer reused the bytes", first, []byte("kept"))
	copy(first, "YYYY")
	wantValue(t, "the value after a reader changed its bytes", get(t, h.Views, "a").Values[0], []byte("kept"))
}

// testKeysAreBytes uses names that run into each other if a store joins them carelessly.
func testKeysAreBytes(t *testing.T, h Harness) {
	names := []string{"", "a", "ab", "a\x00", "a\x00\x01", "a\x00\xff", "\x00", "\xff", "\xff\xff", "{a}", "a*", "ü"}
	m := NewModel()
	var ops []projections.Op
	for i, name := range names {
		ops = append(ops, put(name, fmt.Sprint(i)))
		for _, member := range names[i:] {
			ops = append(ops, list(name, member))
		}
	}
	b := step(1, ops...)
	m.Commit(b)
	commit(t, h.Views, b)
	wantDump(t, h.Views, m.Dump())
	for i, name := range names {
		wantValue(t, fmt.Sprintf("document %q", name), get(t, h.Views, name).Values[0], []byte(fmt.Sprint(i)))
		wantPage(t, h.Views, m, name, projections.Cut{Limit: 100})
		wantPage(t, h.Views, m, name, projections.Cut{Limit: 100, NewestFirst: true})
		for _, to := range names {
			wantRange(t, h.Views, m, "", projections.Range{From: name, To: to, Limit: 100})
		}
	}
}

func testPages(t *testing.T, h Harness) {
	const size = 25
	m := NewModel()
	for n := range uint64(size) {
		// 7 and 25 have no common divisor: the members come in another order than theirs.
		member := fmt.Sprintf("%03d", n*7%size)
		b := step(n+1, list("before", "x"), list("index", member), list("zbehind", "x"))
		m.Commit(b)
		commit(t, h.Views, b)
	}
	for _, newestFirst := range []bool{false, true} {
		for _, offset := range []int{-1, 0, 1, 5, 11, 12, 13, 20, 24, 25, 26, 1000} {
			for _, limit := range []int{-1, 0, 1, 7, 25, 100} {
				wantPage(t, h.Views, m, "index", projections.Cut{Offset: offset, Limit: limit, NewestFirst: newestFirst})
			}
		}
	}
	if first := page(t, h.Views, "index", projections.Cut{Limit: 1, NewestFirst: true}); first.Members[0] != "024" || first.Total != size {
		t.Errorf("newest of %d is %q, want 024 of %d", first.Total, first.Members[0], size)
	}
}

func testRanges(t *testing.T, h Harness) {
	m := NewModel()
	var ops []projections.Op
	for n := range 25 {
		ops = append(ops, list("index", fmt.Sprintf("%03d", n*7%25)), list("inde", "x"), list("indexx", "x"))
	}
	b := step(1, ops...)
	m.Commit(b)
	commit(t, h.Views, b)
	for _, from := range []string{"", "000", "0", "0105", "024", "024\xff", "1", "\xff"} {
		for _, to := range []string{"", "000", "010", "0105", "024", "1", "\xff"} {
			for _, limit := range []int{-1, 0, 1, 7, 25, 100} {
				wantRange(t, h.Views, m, "index", projections.Range{From: from, To: to, Limit: limit})
			}
		}
	}
	wantRange(t, h.Views, m, "none", projections.Range{Limit: 10})
}

func wantRange(t tb, v projections.Views, m *Model, index string, r projections.Range) {
	t.Helper()
	got, err := v.Range(t.Context(), index, r)
	if err != nil {
		t.Fatalf("range %+v of %q: %v", r, index, err)
	}
	if want := m.stretch(index, r); !slices.Equal(got.Members, want.Members) || got.At != want.At {
		t.Errorf("range %+v of %q is %+v, want %+v", r, index, got, want)
	}
}

func wantPage(t tb, v projections.Views, m *Model, index string, cut projections.Cut) {
	t.Helper()
	got, want := page(t, v, index, cut), m.page(index, cut)
	if !slices.Equal(got.Members, want.Members) || len(got.Values) != len(want.Values) || got.Total != want.Total || got.At != want.At {
		t.Errorf("page of %q, %+v, is %+v, want %+v", index, cut, got, want)
		return
	}
	for i, value := range want.Values {
		wantValue(t, "document of member "+want.Members[i], got.Values[i], value)
	}
}

func testIdempotent(t *testing.T, h Harness) {
	commit(t, h.Views, step(1, list("i", "a"), list("i", "a"), list("i", "b")))
	commit(t, h.Views, step(2, list("i", "a"), unlist("i", "never"), unlist("none", "a")))
	wantDump(t, h.Views, "at 2\ncount \"i\" 2\nmember \"i\" \"a\"\nmember \"i\" \"b\"\n")
	commit(t, h.Views, step(3, unlist("i", "a"), unlist("i", "a")))
	commit(t, h.Views, step(4, unlist("i", "a")))
	wantDump(t, h.Views, "at 4\ncount \"i\" 1\nmember \"i\" \"b\"\n")
	commit(t, h.Views, step(5, unlist("i", "b")))
	wantDump(t, h.Views, "at 5\n")
	commit(t, h.Views, step(6, list("i", "b")))
	wantDump(t, h.Views, "at 6\ncount \"i\" 1\nmember \"i\" \"b\"\n")
}

func testOrder(t *testing.T, h Harness) {
	commit(t, h.Views, step(1, put("old", "1"), list("i", "old")))
	commit(t, h.Views, step(2,
		put("a", "1"), put("a", "2"), remove("a"), put("a", "3"),
		put("b", "1"), remove("b"),
		remove("old"), put("old", "2"), remove("old"),
		list("i", "a"), unlist("i", "a"), list("i", "a"),
		unlist("i", "b"), list("i", "b"), unlist("i", "b"),
		unlist("i", "old"), list("i", "old"),
		put("i", "a document named as the index"),
	))
	wantDump(t, h.Views, "at 2\ncount \"i\" 2\ndoc \"a\" \"3\"\ndoc \"i\" \"a document named as the index\"\n"+
		"member \"i\" \"a\"\nmember \"i\" \"old\"\n")
}

func testBigBatch(t *testing.T, h Harness) {
	m := NewModel()
	var ops []projections.Op
	for i := range 5000 {
		key := fmt.Sprintf("order-%05d", i)
		ops = append(ops, put(key, key+strings.Repeat("x", 500)), list("all", key), list("mod-"+key[10:], key), unlist("open", key))
	}
	for i := range 100 {
		ops = append(ops, put(fmt.Sprintf("large-%d", i), strings.Repeat("\x00y", 10_000)))
	}
	for i := range 2000 {
		ops = append(ops, remove(fmt.Sprintf("order-%05d", i)), unlist("all", fmt.Sprintf("order-%05d", i)))
	}
	b := step(1, ops...)
	m.Commit(b)
	commit(t, h.Views, b)
	if got := dump(t, h.Views); got != m.Dump() {
		t.Errorf("a batch of %d ops leaves %d bytes of dump, want other %d", len(ops), len(got), len(m.Dump()))
	}
	wantPage(t, h.Views, m, "all", projections.Cut{Offset: 1490, Limit: 20, NewestFirst: true})
	want := bytes.Repeat([]byte("\x00y"), 10_000)
	wantValue(t, "a value of 20 KB", get(t, h.Views, "large-42").Values[0], want)
}

func testUnknownOp(t *testing.T, h Harness) {
	commit(t, h.Views, step(1, put("a", "1")))
	if err := h.Views.Commit(t.Context(), step(2, put("a", "2"), projections.Op{Kind: 99, Key: "b"})); err == nil {
		t.Error("an op of unknown kind is taken")
	}
	wantDump(t, h.Views, "at 1\ndoc \"a\" \"1\"\n")
}
