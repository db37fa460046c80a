package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"orderengine/eventstore/backup"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/proof"
	"orderengine/test/e2e/orderdtest"
)

// backedUp runs "backup" against a server.
func backedUp(s *orderdtest.Server, args ...string) (string, error) {
	return run("", append(append([]string{"backup"}, args...), "--server", "http://"+s.Addr(), "--token", orderdtest.Admin)...)
}

// underLoad has 64 writers place orders while something is done, which begins when they have placed some.
func underLoad(t *testing.T, s *orderdtest.Server, do func()) {
	t.Helper()
	const writers = 64
	var placed atomic.Int64
	var work sync.WaitGroup
	stop := make(chan struct{})
	for range writers {
		work.Go(func() {
			patient := s.As(orderdtest.Patient1)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r := patient.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online")); r.Status != http.StatusCreated {
					t.Errorf("%d %s %v", r.Status, r.Body, r.Err)
					return
				}
				placed.Add(1)
			}
		})
	}
	s.Eventually("the writers write", func() bool { return placed.Load() > 5*writers })
	do()
	before := placed.Load()
	s.Eventually("the writers go on", func() bool { return placed.Load() > before+writers })
	close(stop)
	work.Wait()
}

func manifestOf(t *testing.T, dir string) backup.Manifest {
	t.Helper()
	m, err := backup.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestABackupUnderLoadIsAPrefix takes a backup while 64 writers write, restores it, and proves that the log of the
// original, when the writers have ended, begins with all of the restored one. The restored server serves it.
func TestABackupUnderLoadIsAPrefix(t *testing.T) {
	s := orderdtest.Demo(t, "--checkpoint-every", "10ms")
	dir := t.TempDir()
	key, taken, data := filepath.Join(dir, "audit.pub"), filepath.Join(dir, "backup"), filepath.Join(dir, "data")
	out, err := audited(s, "key", "-o", key)
	must(t, out, err)
	patients := filepath.Join(s.Data, "keys", "patients", "ab")
	if err := errors.Join(os.MkdirAll(patients, 0o700), os.WriteFile(filepath.Join(patients, "abc.key"), []byte("wrapped"), 0o600)); err != nil {
		t.Fatal(err)
	}
	underLoad(t, s, func() {
		out, err := backedUp(s, taken, "--key", key)
		if must(t, out, err); !strings.HasPrefix(out, "OK   "+taken) {
			t.Errorf("backup: %s", out)
		}
	})
	m := manifestOf(t, taken)
	noneLeft(t, s.Data)

	s.Eventually("the original has signed more", func() bool { return checkpointAt(t, s, filepath.Join(dir, "newest"), key).Size > m.Events })
	out, err = audited(s, "consistency", filepath.Join(taken, "checkpoint"), "--key", key)
	if must(t, out, err); !strings.HasPrefix(out, "OK ") {
		t.Errorf("consistency: %s", out)
	}
	out, err = run("", "restore", taken, "--data", data, "--key", key)
	must(t, out, err)
	for _, name := range []string{"keys/audit.key", "keys/webhooks.key", "keys/master.key"} {
		if _, err := os.Stat(filepath.Join(s.Data, name)); err != nil || !strings.Contains(out, name) {
			t.Errorf("restore does not name %s: %s (%v)", name, out, err)
		}
		for _, f := range m.Files {
			if f.Name == name {
				t.Errorf("the backup holds %s", name)
			}
		}
	}
	out, err = run("", "check", data, "--checkpoint", filepath.Join(taken, "checkpoint"), "--key", key)
	must(t, out, err)

	store, err := embedded.Open(filepath.Join(data, "log"), embedded.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	found, err := proof.Audit{Log: store}.Run(t.Context())
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	if found.Head.Size != m.Events || string(found.Head.Root) != string(m.Root) || found.At.String() != m.Position {
		t.Errorf("restored %+v, the manifest says %d events at %s", found, m.Events, m.Position)
	}
	if keys, err := os.ReadFile(filepath.Join(data, "keys", "patients", "ab", "abc.key")); err != nil || string(keys) != "wrapped" {
		t.Errorf("the patient's key: %q, %v", keys, err)
	}
	for _, name := range []string{"keys/audit.key", "views", "tree", "manifest.json", "checkpoint"} {
		if _, err := os.Stat(filepath.Join(data, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was restored: %v", name, err)
		}
	}

	other := orderdtest.Bare(t, "--admin-token", "a", "--audit-token", "b")
	other.Stop()
	other.Data = data
	master, err := os.ReadFile(filepath.Join(s.Data, "keys", "master.key")) // no backup has it
	if err := errors.Join(err, os.WriteFile(filepath.Join(data, "keys", "master.key"), master, 0o600)); err != nil {
		t.Fatal(err)
	}
	other.Start()
	detail := "/qaorder/order/detail/" + demoOrder + "/"
	want := s.As(orderdtest.Patient1).Get(detail).Want(t, http.StatusOK)
	if got := other.As(orderdtest.Patient1).Get(detail).Want(t, http.StatusOK); got.Body != want.Body {
		t.Errorf("the restored order is %s, want %s", got.Body, want.Body)
	}
}

// noneLeft says that no copy stands in the data.
func noneLeft(t *testing.T, data string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(data, "backup")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
}

// smallBackup is one of the demo's people and orders, in a folder that was there and empty.
func smallBackup(t *testing.T) (dir string) {
	t.Helper()
	s := orderdtest.Demo(t)
	dir = t.TempDir()
	out, err := backedUp(s, dir)
	must(t, out, err)
	return dir
}

// TestADamagedBackupIsRefused names the file, whatever happened to it, and leaves nothing behind.
func TestADamagedBackupIsRefused(t *testing.T) {
	good := smallBackup(t)
	journal := ""
	for _, f := range manifestOf(t, good).Files {
		if strings.HasSuffix(f.Name, ".log") {
			journal = f.Name
		}
	}
	write := func(dir, name, text string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	for name, c := range map[string]struct {
		damage func(dir string) error
		says   string
	}{
		"a flipped byte": {func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, journal))
			text[len(text)/2] ^= 1
			return errors.Join(err, write(dir, journal, string(text)))
		}, journal + " has another SHA-256"},
		"cut":            {func(dir string) error { return os.Truncate(filepath.Join(dir, journal), 100) }, journal + " has 100 bytes"},
		"gone":           {func(dir string) error { return os.Remove(filepath.Join(dir, journal)) }, journal + " is missing"},
		"more":           {func(dir string) error { return write(dir, "log/extra", "") }, "log/extra is not in its manifest"},
		"no manifest":    {func(dir string) error { return os.Remove(filepath.Join(dir, "manifest.json")) }, "is a backup?"},
		"half manifest":  {func(dir string) error { return os.Truncate(filepath.Join(dir, "manifest.json"), 50) }, "manifest.json"},
		"later format":   {func(dir string) error { return write(dir, "manifest.json", `{"format":2}`) }, "format 2"},
		"another's head": {func(dir string) error { return headChanged(dir) }, "the log"},
	} {
		dir, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
		if err := errors.Join(os.CopyFS(dir, os.DirFS(good)), c.damage(dir)); err != nil {
			t.Fatal(err)
		}
		_, err := run("", "restore", dir, "--data", data)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "is "+dir, "is"), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		for _, left := range []string{data, data + ".partial"} {
			if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s is left: %v", name, left, err)
			}
		}
	}
}

// headChanged makes a manifest of another log's head.
func headChanged(dir string) error {
	m, err := backup.Read(dir)
	if err != nil {
		return err
	}
	m.Root[0] ^= 1
	text, err := json.Marshal(m)
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600))
}

func TestWhereABackupMayGo(t *testing.T) {
	good := smallBackup(t)
	full, empty := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"restore into a full folder": {[]string{"restore", good, "--data", full}, "is not empty: name a new folder"},
		"restore of what is none":    {[]string{"restore", empty, "--data", filepath.Join(empty, "data")}, "is " + empty + " a backup?"},
		"restore nowhere":            {[]string{"restore", good}, `required flag(s) "data"`},
		"backup into a full folder":  {[]string{"backup", full, "--token", "x"}, "is not empty: name a new folder"},
		"backup without a token":     {[]string{"backup", filepath.Join(empty, "b")}, "ORDERCTL_TOKEN"},
	} {
		if _, err := run("", c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	out, err := run("", "restore", good, "--data", empty)
	must(t, out, err)
	out, err = run("", "check", empty)
	must(t, out, err)
}

// TestABrokenTransferIsNoBackup: a stream that ends early, for whatever reason, makes no folder of that name.
func TestABrokenTransferIsNoBackup(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "no tar": strings.Repeat("x", 1024), "half a tar": string(make([]byte, 100))} {
		url, _ := answering(t, http.StatusOK, answer)
		dir := filepath.Join(t.TempDir(), "backup")
		_, err := run("", "backup", dir, "--server", url, "--token", "x")
		if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), "run it again") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: there is a backup: %v", name, err)
		}
	}
}

// TestABackupOfAnotherVersionIsRestored: the settings of the log are not what this program writes.
func TestABackupOfAnotherVersionIsRestored(t *testing.T) {
	dir, data := smallBackup(t), filepath.Join(t.TempDir(), "data")
	m := manifestOf(t, dir)
	for i, f := range m.Files {
		if !strings.HasPrefix(f.Name, "log/OPTIONS-") {
			continue
		}
		file := filepath.Join(dir, f.Name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.Replace(string(text), "max_open_files=", "max_open_files=1", 1))
		sum := sha256.Sum256(text)
		m.Files[i].Size, m.Files[i].SHA256 = int64(len(text)), sum[:]
		manifest, err := json.Marshal(m)
		if err := errors.Join(err, os.WriteFile(file, text, 0o600), os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run("", "restore", dir, "--data", data)
	must(t, out, err)
}
