// Package viewtest is the one suite that every view store passes.
package viewtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Harness is a store under test.
type Harness struct {
	// Views is empty when the test begins.
	Views projections.Views
	// Reopen closes the store that was opened last and opens the same views, as the next process would.
	Reopen func(t *testing.T) projections.Views
	// Parted says that a commit is not one step, as [projections.Parted] has it.
	Parted bool
}

// Dumper is the optional ability of a store to list all that it holds. Stores that hold the same at the
// same checkpoint dump the same bytes. The lines, in this order and then in byte order, quoted as Go does:
//
//	at 17
//	count "index" 2
//	doc "key" "value"
//	member "index" "member"
type Dumper interface {
	Dump(ctx context.Context, to io.Writer) error
}

// Run runs the suite; open gives every test views of its own and releases them when the test ends.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"Empty", testEmpty},
		{"Documents", testDocuments},
		{"ValuesAreCopies", testValuesAreCopies},
		{"KeysAreBytes", testKeysAreBytes},
		{"Pages", testPages},
		{"Ranges", testRanges},
		{"ListAndUnlistAreIdempotent", testIdempotent},
		{"OpsOfABatchApplyInOrder", testOrder},
		{"BigBatch", testBigBatch},
		{"UnknownOp", testUnknownOp},
		{"StaleCommitChangesNothing", testStale},
		{"SameBatchTwiceIsOnce", testTwice},
		{"OneOfTwoFollowersWins", testFollowersRace},
		{"LeadersFollowEachOther", testLeaders},
		{"CheckpointSurvivesReopen", testReopen},
		{"InterruptedAndResumed", testInterrupted},
		{"WipeAndRebuild", testWipe},
		{"AnswersAreTrueAtTheirCheckpoint", testConsistent},
		{"WipedPages", testWipedPages},
		{"CancelledCalls", testCancelled},
		{"Model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// tb is what the helpers need of a test, plain or of rapid.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func at(n uint64) eventstore.Position { return eventstore.Position{Commit: n, Prepare: n} }

// step is the batch that takes the views from checkpoint n-1 to n.
func step(n uint64, ops ...projections.Op) projections.Batch {
	from := eventstore.Position{}
	if n > 1 {
		from = at(n - 1)
	}
	return projections.Batch{From: from, To: at(n), Ops: ops}
}

func put(key, value string) projections.Op {
	return projections.Op{Kind: projections.Put, Key: key, Value: []byte(value)}
}

func remove(key string) projections.Op {
	return projections.Op{Kind: projections.Delete, Key: key}
}

func list(index, member string) projections.Op {
	return projections.Op{Kind: projections.List, Key: index, Member: member}
}

func unlist(index, member string) projections.Op {
	return projections.Op{Kind: projections.Unlist, Key: index, Member: member}
}

func commit(t tb, v projections.Views, b projections.Batch) {
	t.Helper()
	if err := v.Commit(t.Context(), b); err != nil {
		t.Fatalf("commit from %s to %s: %v", b.From, b.To, err)
	}
}

func checkpoint(t tb, v projections.Views) eventstore.Position {
	t.Helper()
	p, err := v.Checkpoint(t.Context())
	if err != nil {
		t.Fatalf("checkpoint: %v", err)
	}
	return p
}

func get(t tb, v projections.Views, keys ...string) projections.Docs {
	t.Helper()
	docs, err := v.Get(t.Context(), keys...)
	if err != nil {
		t.Fatalf("get %q: %v", keys, err)
	}
	if len(docs.Values) != len(keys) {
		t.Fatalf("get of %d keys answers %d values", len(keys), len(docs.Values))
	}
	return docs
}

func page(t tb, v projections.Views, index string, cut projections.Cut) projections.Page {
	t.Helper()
	p, err := v.Page(t.Context(), index, cut)
	if err != nil {
		t.Fatalf("page of %q, %+v: %v", index, cut, err)
	}
	return p
}

func dump(t tb, v projections.Views) string {
	t.Helper()
	d, ok := v.(Dumper)
	if !ok {
		t.Fatalf("%T does not list what it holds", v)
	}
	var b bytes.Buffer
	if err := d.Dump(t.Context(), &b); err != nil {
		t.Fatalf("dump: %v", err)
	}
	return b.String()
}

// wantValue fails unless the value is byte for byte what is wanted; nil is no document.
func wantValue(t tb, what string, got []byte, want []byte) {
	t.Helper()
	if (got == nil) != (want == nil) || !bytes.Equal(got, want) {
		t.Errorf("%s is %s, want %s", what, show(got), show(want))
	}
}

func show(value []byte) string {
	if value == nil {
		return "missing"
	}
	if len(value) > 40 {
		return "a long value"
	}
	return string(append([]byte("value "), value...))
}

func wantStale(t tb, err error) {
	t.Helper()
	if !errors.Is(err, projections.ErrStale) {
		t.Errorf("commit on another checkpoint: %v, want %v", err, projections.ErrStale)
	}
}

func wantDump(t tb, v projections.Views, want string) {
	t.Helper()
	if got := dump(t, v); got != want {
		t.Errorf("the views hold\n%.2000s\nwant\n%.2000s", got, want)
	}
}
