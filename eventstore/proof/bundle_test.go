package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

func bundleOf(t testing.TB, tree running, log *memory.Store, streams ...string) Bundle {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := tree.Bundle(ctx, log, "order 1", streams)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encoded(t testing.TB, b Bundle) []byte {
	t.Helper()
	file, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// small is a bundle of the streams order-1 (5 events) and order-2 (4), and one without events.
func small(t testing.TB) (Bundle, Key) {
	t.Helper()
	tree, log, key := built(t, 14)
	return bundleOf(t, tree, log, "order-1", "order-2", "refusal-order-1"), key
}

func TestABundleIsVerified(t *testing.T) {
	b, key := small(t)
	v, err := Verify(encoded(t, b), key.Verifier())
	want := []StreamCount{{"order-1", 5}, {"order-2", 4}, {"refusal-order-1", 0}}
	if err != nil || v.Checkpoint.Size != 14 || !slices.Equal(v.Streams, want) || len(v.Bundle.Events) != 9 {
		t.Fatalf("%+v %v", v, err)
	}
	if e := v.Bundle.Events[1]; e.Name() != "order-1@1" || string(e.Data) != `{"n":4}` || e.Index != 4 {
		t.Errorf("%+v", e)
	}
}

// TestBundleBytes pins the file, but for what the key and chance decide.
func TestBundleBytes(t *testing.T) {
	tree, log, _ := built(t, 4)
	b := bundleOf(t, tree, log, "order-0", "refusal-order-0")
	b.Checkpoint, _, _ = strings.Cut(b.Checkpoint, "\n\n")
	b.Statement, _, _ = strings.Cut(b.Statement, "\n\n")
	got := encoded(t, b)
	file := filepath.Join("testdata", "bundle.golden.json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the bundle is\n%s\nwant\n%s %v", got, want, err)
	}
}

// TestEveryManipulationIsNamed does to a bundle what somebody might, and wants it called what it is.
func TestEveryManipulationIsNamed(t *testing.T) {
	fresh, key := small(t)
	other, otherKey := small(t)
	for name, c := range map[string]struct {
		do    func(b *Bundle)
		kind  Kind
		event string
	}{
		"data":               {func(b *Bundle) { b.Events[2].Data = Text(`{"n":8}`) }, Changed, "order-1@2"},
		"metadata":           {func(b *Bundle) { b.Events[3].Metadata = Text(`{}`) }, Changed, "order-1@3"},
		"type":               {func(b *Bundle) { b.Events[0].Type = "Undone" }, Changed, "order-1@0"},
		"id":                 {func(b *Bundle) { b.Events[0].ID[3]++ }, Changed, "order-1@0"},
		"index":              {func(b *Bundle) { b.Events[5].Index++ }, Changed, "order-2@0"},
		"index far away":     {func(b *Bundle) { b.Events[5].Index = 1 << 60 }, Changed, "order-2@0"},
		"proof":              {func(b *Bundle) { b.Events[1].Proof[0][0] ^= 1 }, Changed, "order-1@1"},
		"proof cut":          {func(b *Bundle) { b.Events[1].Proof = b.Events[1].Proof[1:] }, Changed, "order-1@1"},
		"dropped":            {func(b *Bundle) { b.Events = slices.Delete(b.Events, 1, 2) }, Dropped, "order-1@1"},
		"first dropped":      {func(b *Bundle) { b.Events = slices.Delete(b.Events, 0, 1) }, Dropped, "order-1@0"},
		"truncated":          {func(b *Bundle) { b.Events = slices.Delete(b.Events, 3, 5) }, Truncated, "order-1@3"},
		"last truncated":     {func(b *Bundle) { b.Events = b.Events[:8] }, Truncated, "order-2@3"},
		"no events":          {func(b *Bundle) { b.Events = nil }, Truncated, "order-1@0"},
		"inserted twice":     {func(b *Bundle) { b.Events = slices.Insert(b.Events, 2, b.Events[1]) }, Inserted, "order-1@1"},
		"inserted after":     {func(b *Bundle) { e := b.Events[4]; e.Revision = 5; b.Events = slices.Insert(b.Events, 5, e) }, Inserted, "order-1@5"},
		"inserted negative":  {func(b *Bundle) { e := b.Events[4]; e.Revision = -1; b.Events = slices.Insert(b.Events, 5, e) }, Inserted, "order-1@-1"},
		"of another stream":  {func(b *Bundle) { e := b.Events[4]; e.Stream = "order-9"; b.Events = append(b.Events, e) }, Inserted, "order-9@4"},
		"a refusal invented": {func(b *Bundle) { e := b.Events[0]; e.Stream = "refusal-order-1"; b.Events = append(b.Events, e) }, Inserted, "refusal-order-1@0"},
		"reordered":          {func(b *Bundle) { b.Events[1], b.Events[2] = b.Events[2], b.Events[1] }, Reordered, "order-1@2"},
		"streams reordered":  {func(b *Bundle) { b.Events = append(b.Events[5:9:9], b.Events[:5]...) }, Reordered, "order-2@0"},
		"swapped, renumbered": {func(b *Bundle) {
			b.Events[1], b.Events[2] = b.Events[2], b.Events[1]
			b.Events[1].Revision, b.Events[2].Revision = 1, 2
		}, Changed, "order-1@1"},
		"dropped, renumbered": {func(b *Bundle) {
			b.Events = slices.Delete(b.Events, 1, 2)
			for i := range 4 {
				b.Events[i].Revision = eventstore.Revision(i)
			}
		}, Truncated, "order-1@4"},
		"subject":                  {func(b *Bundle) { b.Subject = "order 2" }, WrongCheckpoint, ""},
		"format":                   {func(b *Bundle) { b.Format = 2 }, Malformed, ""},
		"checkpoint's size":        {func(b *Bundle) { b.Checkpoint = strings.Replace(b.Checkpoint, "\n14\n", "\n13\n", 1) }, WrongKey, ""},
		"checkpoint of another":    {func(b *Bundle) { b.Checkpoint = other.Checkpoint }, WrongKey, ""},
		"statement of another":     {func(b *Bundle) { b.Statement = other.Statement }, WrongKey, ""},
		"statement's count":        {func(b *Bundle) { b.Statement = strings.Replace(b.Statement, `"order-1" 5 `, `"order-1" 4 `, 1) }, WrongKey, ""},
		"notes swapped":            {func(b *Bundle) { b.Checkpoint, b.Statement = b.Statement, b.Checkpoint }, WrongKey, ""},
		"checkpoint twice":         {func(b *Bundle) { b.Statement = b.Checkpoint }, WrongCheckpoint, ""},
		"all of another's":         {func(b *Bundle) { *b = other }, WrongKey, ""},
		"checkpoint of other size": {func(b *Bundle) { b.Checkpoint = smaller(t, key) }, WrongCheckpoint, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := copied(t, fresh)
			c.do(&b)
			wantFault(t, encoded(t, b), key.Verifier(), c.kind, c.event)
		})
	}
	wantFault(t, encoded(t, fresh), otherKey.Verifier(), WrongKey, "")
}

// smaller is a checkpoint of the same key about another tree.
func smaller(t *testing.T, key Key) string {
	t.Helper()
	signed, err := key.sign(Checkpoint{13, bytes.Repeat([]byte{1}, HashSize)})
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func copied(t testing.TB, b Bundle) Bundle {
	t.Helper()
	v := verifier{}
	if !v.parse(encoded(t, b)) {
		t.Fatal(v.faults)
	}
	return v.verdict.Bundle
}

func wantFault(t *testing.T, file []byte, key note.Verifier, kind Kind, event string) {
	t.Helper()
	_, err := Verify(file, key)
	var faults *FaultError
	if !errors.As(err, &faults) || faults.Faults[0].Kind != kind || faults.Faults[0].Event != event || faults.Faults[0].Why == "" {
		t.Errorf("found %v, want first %s: %s", err, kind, event)
	}
}

// TestEveryFlippedByteIsFound: each byte of a small bundle, each bit of it.
func TestEveryFlippedByteIsFound(t *testing.T) {
	tree, log, key := built(t, 4)
	file := encoded(t, bundleOf(t, tree, log, "order-0", "refusal-order-0"))
	for i := range file {
		for bit := range 8 {
			damaged := bytes.Clone(file)
			damaged[i] ^= 1 << bit
			if _, err := Verify(damaged, key.Verifier()); err == nil {
				t.Errorf("byte %d as %q instead of %q goes unseen", i, damaged[i], file[i])
			}
		}
	}
	for i := range file {
		if _, err := Verify(file[:i], key.Verifier()); err == nil {
			t.Errorf("cut after %d bytes goes unseen", i)
		}
	}
	for _, more := range []string{" ", "\n", "{}"} {
		if _, err := Verify(append(bytes.Clone(file), more...), key.Verifier()); err == nil {
			t.Errorf("%q at the end goes unseen", more)
		}
	}
}

// TestNoManipulationGoesUnseen draws any mix of events of this and another bundle.
func TestNoManipulationGoesUnseen(t *testing.T) {
	fresh, key := small(t)
	tree, log, _ := built(t, 60)
	stranger := bundleOf(t, tree, log, "order-0", "order-1", "order-2")
	whole := string(encoded(t, fresh))
	pool := append(slices.Clone(fresh.Events), stranger.Events...)
	rapid.Check(t, func(r *rapid.T) {
		b := fresh
		b.Events = slices.Clone(fresh.Events)
		for range rapid.IntRange(1, 4).Draw(r, "manipulations") {
			at := rapid.IntRange(0, max(0, len(b.Events)-1)).Draw(r, "at")
			switch what := rapid.IntRange(0, 3).Draw(r, "what"); {
			case what == 0 || len(b.Events) == 0:
				b.Events = slices.Insert(b.Events, min(at, len(b.Events)), rapid.SampledFrom(pool).Draw(r, "event"))
			case what == 1:
				b.Events = slices.Delete(b.Events, at, at+1)
			case what == 2:
				b.Events[at] = rapid.SampledFrom(pool).Draw(r, "event")
			default:
				e := &b.Events[at]
				e.Revision = eventstore.Revision(rapid.IntRange(0, 6).Draw(r, "revision"))
			}
		}
		file, err := b.Encode()
		if err != nil {
			r.Fatal(err)
		}
		_, err = Verify(file, key.Verifier())
		if (err == nil) != (string(file) == whole) {
			r.Fatalf("found %v in\n%s", err, file)
		}
	})
}

// TestBytesThatAreNoText come through as they are.
func TestBytesThatAreNoText(t *testing.T) {
	log, key := memory.New(), newKey(t)
	defer log.Close()
	e := event(1)
	e.Data, e.Metadata = []byte{0xff, 0, '"'}, []byte("<>&\u2028\x00 \\u003c 咳嗽")
	if _, err := log.Append(context.Background(), "a b\n\"c", eventstore.NoStream, []eventstore.Event{e}); err != nil {
		t.Fatal(err)
	}
	tree := start(t, filepath.Join(t.TempDir(), "tree"), log, key, Options{})
	b := bundleOf(t, tree, log, "a b\n\"c")
	v, err := Verify(encoded(t, b), key.Verifier())
	if err != nil || !bytes.Equal(v.Bundle.Events[0].Data, e.Data) || !bytes.Equal(v.Bundle.Events[0].Metadata, e.Metadata) {
		t.Errorf("%+v %v", v.Bundle.Events, err)
	}
}

// TestABundleWaits for the tree, and no longer than it may.
func TestABundleWaits(t *testing.T) {
	log, key := filled(t, 3), newKey(t)
	tree, err := Open(filepath.Join(t.TempDir(), "tree"), log, key, Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := tree.Bundle(short, log, "x", []string{"order-1"}); !errors.Is(err, ErrBehind) {
		t.Errorf("of a tree that does not run: %v", err)
	}
}

// TestBundlesWhileTheLogGrows: each is whole and true at its checkpoint.
func TestBundlesWhileTheLogGrows(t *testing.T) {
	log, key := filled(t, 3), newKey(t)
	tree := start(t, filepath.Join(t.TempDir(), "tree"), log, key, Options{CheckpointEvents: 7})
	done := make(chan struct{})
	go func() {
		defer close(done)
		fill(t, log, 3, 600)
	}()
	last := 0
	for last < 200 {
		v, err := Verify(encoded(t, bundleOf(t, tree, log, "order-1", "refusal-order-1")), key.Verifier())
		if err != nil || v.Streams[0].Events < last {
			t.Fatalf("%+v after %d: %v", v.Streams, last, err)
		}
		last = v.Streams[0].Events
	}
	<-done
}

func FuzzVerify(f *testing.F) {
	b, key := small(f)
	file := encoded(f, b)
	f.Add(file)
	f.Add([]byte(`{"format":1,"events":[{"data":{"base64":""},"revision":9}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Verify(data, key.Verifier()); err == nil && !bytes.Equal(data, file) {
			t.Errorf("taken: %s", fmt.Sprintf("%q", data))
		}
	})
}
