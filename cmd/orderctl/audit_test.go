package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/proof"
	"orderengine/test/e2e/orderdtest"
)

const demoOrder = "12257268238541425696240003" // is made by the demo

// audited runs a command as the auditor of a server.
func audited(s *orderdtest.Server, args ...string) (string, error) {
	return run("", append([]string{"audit"}, append(args, "--server", "http://"+s.Addr(), "--audit-token", "demo-audit")...)...)
}

func must(t *testing.T, out string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// TestAnAuditorsDay: key, checkpoint and bundle are fetched, verified without the server, and held against what the
// server says later; then its folder is checked, as it is and after it was put back to an older state.
func TestAnAuditorsDay(t *testing.T) {
	s := orderdtest.Demo(t, "--checkpoint-every", "10ms")
	dir := t.TempDir()
	key, bundle, kept := filepath.Join(dir, "audit.pub"), filepath.Join(dir, "order.json"), filepath.Join(dir, "kept.checkpoint")
	out, err := audited(s, "key", "-o", key)
	must(t, out, err)
	out, err = audited(s, "bundle", demoOrder, "-o", bundle)
	must(t, out, err)
	out, err = run("", "audit", "verify", bundle, "--key", key)
	if must(t, out, err); !strings.Contains(out, "qaorder-"+demoOrder+"@0  OrderPlaced") || !strings.Contains(out, "OK   "+demoOrder) {
		t.Errorf("verified:\n%s", out)
	}

	s.Stop()
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(s.Data)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	size := func() uint64 { return checkpointAt(t, s, kept, key).Size }
	before := size()
	order := s.As(orderdtest.Patient1).Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online"))
	order.Want(t, 201)
	s.Eventually("a newer checkpoint", func() bool { return size() > before })
	out, err = audited(s, "consistency", kept, "--key", key)
	if must(t, out, err); !strings.HasPrefix(out, "OK ") {
		t.Errorf("consistency: %s", out)
	}
	if _, err := run("", "check", s.Data); !errors.Is(err, eventstore.ErrLocked) || !strings.Contains(err.Error(), "stop the server first") {
		t.Errorf("check of a server that runs: %v", err)
	}
	s.Stop()

	out, err = run("", "check", s.Data, "--checkpoint", kept, "--key", key)
	if must(t, out, err); !strings.HasPrefix(out, "OK ") {
		t.Errorf("check: %s", out)
	}
	out, err = run("", "check", old)
	must(t, out, err) // it agrees with itself
	_, err = run("", "check", old, "--checkpoint", kept, "--key", key)
	if !errors.Is(err, proof.ErrRolledBack) || !strings.Contains(err.Error(), "the log has") {
		t.Errorf("check of what was rolled back: %v", err)
	}
}

// checkpointAt fetches the newest checkpoint into a file.
func checkpointAt(t *testing.T, s *orderdtest.Server, file, key string) proof.Checkpoint {
	t.Helper()
	out, err := audited(s, "checkpoint", "-o", file)
	must(t, out, err)
	verifier, err := verifierKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readCheckpoint(file, verifier)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerifyNamesTheFault(t *testing.T) {
	s := orderdtest.Demo(t)
	key, err := audited(s, "key")
	must(t, key, err)
	bundle, err := audited(s, "bundle", demoOrder)
	must(t, bundle, err)
	other, _, err := proof.NewKey("orderengine")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, key, says string }{
		"changed":   {strings.Replace(bundle, `"type":"OrderPlaced"`, `"type":"OrderPaid"`, 1), key, "BAD  changed: qaorder-" + demoOrder + "@0"},
		"wrong key": {bundle, other.Public(), "BAD  wrong key: checkpoint:"},
		"no bundle": {"hello", key, "BAD  malformed: the file is no bundle: "},
		"no bytes":  {"", key, "BAD  malformed: the file is empty\n"},
		"cut off":   {bundle[:strings.LastIndex(bundle, "]}")], key, "BAD  truncated: qaorder-" + demoOrder + "@0: the file ends after this event"},
	} {
		out, err := run(c.file, "audit", "verify", "-", "--key", c.key)
		if !errors.Is(err, errNotVerified) || exitStatus(err) != 1 || !strings.Contains(out, c.says) || strings.Count(out, "\n") > 10 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if out, err := run(bundle, "audit", "verify", "-", "--key", strings.TrimSpace(key)); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAuditErrorsSayWhatToDo(t *testing.T) {
	t.Setenv("ORDERCTL_AUDIT_TOKEN", "")
	key, _, err := proof.NewKey("orderengine")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no token":      {[]string{"audit", "key"}, "ORDERCTL_AUDIT_TOKEN"},
		"no key":        {[]string{"audit", "verify", "-"}, "orderctl audit key"},
		"no key file":   {[]string{"audit", "verify", "-", "--key", "/nowhere"}, "/nowhere"},
		"no real key":   {[]string{"audit", "verify", "-", "--key", "a+b+c"}, "GET /audit/key/"},
		"no folder":     {[]string{"check", "/nowhere"}, "ORDERD_DATA"},
		"no bundle":     {[]string{"audit", "verify", "/nowhere", "--key", key.Public()}, "orderctl audit bundle"},
		"check, no key": {[]string{"check", t.TempDir(), "--checkpoint", "x"}, "folder log"},
		"no arguments":  {[]string{"audit", "verify"}, `see "orderctl audit verify --help"`},
		"no checkpoint": {[]string{"audit", "consistency", "/nowhere", "--key", key.Public()}, "orderctl audit checkpoint"},
	} {
		_, err := run("", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
			continue
		}
		want := 2 // nothing was verified, which a script must not take for a forgery
		if name == "no token" {
			want = 1
		}
		if got := exitStatus(err); got != want {
			t.Errorf("%s: exit status %d, want %d", name, got, want)
		}
	}
}

// folder is a data folder of n events with their tree, all signed.
func folder(t *testing.T, n int, event func(n int) eventstore.Event) (dir string) {
	t.Helper()
	dir = t.TempDir()
	store, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := store.Append(context.Background(), fmt.Sprintf("s-%d", i%7), eventstore.Revision(i/7-1), []eventstore.Event{event(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// grown lets a tree take in the log of a folder and gives its checkpoint.
func grown(t *testing.T, dir string, n uint64) {
	t.Helper()
	store, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := proof.OpenKey(filepath.Join(dir, "keys", "audit.key"), "test")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := proof.Open(filepath.Join(dir, "tree"), store, key, proof.Options{CheckpointEvents: n})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tree.Run(ctx) }()
	for size, _, signed, _ := tree.Status(); size < n || signed < n; size, _, signed, _ = tree.Status() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
	if err := errors.Join(tree.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
}

func testEvent(n int) eventstore.Event {
	return eventstore.Event{ID: eventstore.EventID([16]byte{1}, n), Type: "E", Data: fmt.Appendf(nil, "%d", n), Metadata: []byte("{}")}
}

// TestCheckFindsALogThatWasWrittenAnew: all its checksums are right, and one event is another.
func TestCheckFindsALogThatWasWrittenAnew(t *testing.T) {
	dir := folder(t, 1000, testEvent)
	grown(t, dir, 1000)
	out, err := run("", "check", dir)
	if must(t, out, err); !strings.HasPrefix(out, "OK   1000 events") {
		t.Error(out)
	}
	for name, c := range map[string]struct {
		dir  string
		want error
		says string
	}{
		"changed": {folder(t, 1000, func(n int) eventstore.Event {
			e := testEvent(n)
			if n == 700 {
				e.Type = "F"
			}
			return e
		}), proof.ErrInconsistent, "position 701: s-0@100"},
		"rolled back": {folder(t, 900, testEvent), proof.ErrRolledBack, "the log has 900 events and ends at position 900, the checkpoint signed 1000"},
	} {
		for _, part := range []string{"tree", "keys"} {
			if err := os.CopyFS(filepath.Join(c.dir, part), os.DirFS(filepath.Join(dir, part))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := run("", "check", c.dir); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.HasSuffix(err.Error(), restoreAdvice) || exitStatus(err) != 1 {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "tree")); err != nil {
		t.Fatal(err)
	}
	out, err = run("", "check", dir)
	must(t, out, err)
}

// TestACopiedLogHasTheSameHead in whatever store it is: positions and times of taking in are not in the tree.
func TestACopiedLogHasTheSameHead(t *testing.T) {
	store, err := embedded.Open(filepath.Join(folder(t, 100, testEvent), "log"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	other := memory.New()
	defer other.Close()
	for n := range 100 {
		if _, err := other.Append(t.Context(), fmt.Sprintf("s-%d", n%7), eventstore.Revision(n/7-1), []eventstore.Event{testEvent(n)}); err != nil {
			t.Fatal(err)
		}
	}
	a, err := proof.Audit{Log: store}.Run(t.Context())
	b, err2 := proof.Audit{Log: other}.Run(t.Context())
	if err := errors.Join(err, err2); err != nil || a.Head.Size != 100 || string(a.Head.Root) != string(b.Head.Root) || a.At == b.At {
		t.Errorf("%+v and %+v, %v", a, b, err)
	}
}
