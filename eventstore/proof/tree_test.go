package proof

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

// TestLeafBytes pins what every tree head that was ever signed depends on.
func TestLeafBytes(t *testing.T) {
	e := &eventstore.Recorded{
		Stream: "qaorder-1", Revision: 258,
		Event:    eventstore.Event{ID: uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11"), Type: "OrderPlaced", Data: []byte(`{"a":1}`), Metadata: []byte(`{"schema":1}`)},
		Position: eventstore.Position{Commit: 9, Prepare: 9}, Time: time.Unix(1, 0),
	}
	got := hex.EncodeToString(AppendLeaf(nil, e)) + "\n" + hex.EncodeToString(LeafHash(e)) + "\n"
	want, err := os.ReadFile(filepath.Join("testdata", "leaf.golden"))
	if err != nil || got != string(want) {
		t.Errorf("the leaf is\n%swant\n%s%v", got, want, err)
	}
	if !bytes.Equal(LeafHash(e), rfc6962.DefaultHasher.HashLeaf(AppendLeaf(nil, e))) {
		t.Error("the hash is not RFC 6962's")
	}
	a, b := LeafHash(e), rfc6962.DefaultHasher.EmptyRoot()
	if !bytes.Equal(hashChildren(a, b), rfc6962.DefaultHasher.HashChildren(a, b)) {
		t.Error("the hash of two children is not RFC 6962's")
	}
}

// TestFieldsCannotRunIntoEachOther: a byte moved from one field to the next makes another leaf.
func TestFieldsCannotRunIntoEachOther(t *testing.T) {
	e := func(stream, typ, data, meta string) string {
		return string(LeafHash(&eventstore.Recorded{Stream: stream, Event: eventstore.Event{Type: typ, Data: []byte(data), Metadata: []byte(meta)}}))
	}
	seen := map[string]bool{}
	for _, leaf := range []string{e("aa", "b", "c", "d"), e("a", "ab", "c", "d"), e("aa", "", "bc", "d"), e("aa", "b", "", "cd"), e("aa", "b", "cd", "")} {
		if seen[leaf] {
			t.Error("two events have one leaf")
		}
		seen[leaf] = true
	}
}

// naive is RFC 6962's definition of the root, word for word.
func naive(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		return rfc6962.DefaultHasher.EmptyRoot()
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return rfc6962.DefaultHasher.HashChildren(naive(leaves[:k]), naive(leaves[k:]))
}

func leavesOf(t *testing.T, log *memory.Store, n int) (leaves [][]byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for batch, err := range log.Follow(ctx, eventstore.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range batch {
			leaves = append(leaves, LeafHash(&batch[i]))
		}
		if len(leaves) >= n {
			break
		}
	}
	return leaves
}

// TestEveryProof of a small tree, at every size, against the definition.
func TestEveryProof(t *testing.T) {
	const n = 40
	tree, log, _ := built(t, n)
	leaves := leavesOf(t, log, n)
	roots := make([][]byte, n+1)
	for size := range uint64(n + 1) {
		var err error
		if roots[size], err = rootAt(tree.folder, size); err != nil || !bytes.Equal(roots[size], naive(leaves[:size])) {
			t.Fatalf("root of %d: %x %v", size, roots[size], err)
		}
		for index := range size {
			hashes, err := inclusion(tree.folder, index, size)
			if err == nil {
				err = proof.VerifyInclusion(hasher, index, size, leaves[index], hashes, roots[size])
			}
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", index, size, err)
			}
		}
		for older := range size + 1 {
			hashes, err := tree.Consistency(older, size)
			if err == nil {
				err = VerifyConsistency(Checkpoint{older, roots[older]}, Checkpoint{size, roots[size]}, hashes)
			}
			if err != nil {
				t.Fatalf("%d to %d: %v", older, size, err)
			}
			other := bytes.Repeat([]byte{7}, HashSize)
			if err := VerifyConsistency(Checkpoint{older, other}, Checkpoint{size, roots[size]}, hashes); older > 0 && !errors.Is(err, ErrInconsistent) {
				t.Fatalf("%d to %d from another root: %v", older, size, err)
			}
		}
	}
}

func TestConsistencyThatCannotBe(t *testing.T) {
	tree, _, _ := built(t, 5)
	if _, err := tree.Consistency(3, 2); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("backwards: %v", err)
	}
	if _, err := tree.Consistency(3, 6); !errors.Is(err, ErrFewer) {
		t.Errorf("beyond the end: %v", err)
	}
	if err := VerifyConsistency(Checkpoint{Size: 3}, Checkpoint{Size: 2}, nil); !errors.Is(err, ErrRolledBack) {
		t.Errorf("a smaller newer one: %v", err)
	}
}

// TestTheTreeGoesOn over restarts, and is the same in whatever pieces the log came.
func TestTheTreeGoesOn(t *testing.T) {
	dir, key, log := filepath.Join(t.TempDir(), "tree"), newKey(t), memory.New()
	defer log.Close()
	for n := range 30 {
		fill(t, log, n*n, (n+1)*(n+1))
		tree := start(t, dir, log, key, Options{CheckpointEvery: time.Hour})
		tree.reaches(t, uint64((n+1)*(n+1)))
		tree.stop()
	}
	once, _, _ := built(t, 900)
	tree := start(t, dir, log, key, Options{CheckpointEvery: time.Hour})
	root, err := rootOf(tree.leaves)
	want, err2 := rootOf(once.leaves)
	if err = errors.Join(err, err2); err != nil || !bytes.Equal(root, want) {
		t.Errorf("root %x, in one piece %x, %v", root, want, err)
	}
}

func TestCheckpointsAreSigned(t *testing.T) {
	t.Run("by number", func(t *testing.T) {
		log, key := memory.New(), newKey(t)
		defer log.Close()
		tree := start(t, filepath.Join(t.TempDir(), "tree"), log, key, Options{CheckpointEvents: 10, CheckpointEvery: time.Hour})
		if _, err := tree.Latest(); !errors.Is(err, ErrNotFound) {
			t.Errorf("of an empty log: %v", err)
		}
		for n := range 35 {
			fill(t, log, n, n+1)
			tree.reaches(t, uint64(n+1))
		}
		if latest, err := tree.Latest(); err != nil || opened(t, latest, key.Verifier()).Size != 30 {
			t.Errorf("%s %v", latest, err)
		}
		for _, size := range []uint64{10, 15, 20, 30} { // 15 is signed when it is asked for
			signed, err := tree.Checkpoint(size)
			if err != nil {
				t.Fatal(err)
			}
			root, err := rootAt(tree.folder, size)
			if c := opened(t, signed, key.Verifier()); err != nil || c.Size != size || !bytes.Equal(c.Root, root) {
				t.Errorf("at %d: %+v", size, c)
			}
		}
		for _, size := range []uint64{0, 36} {
			if _, err := tree.Checkpoint(size); !errors.Is(err, ErrNotFound) {
				t.Errorf("at %d: %v", size, err)
			}
		}
	})
	t.Run("by time", func(t *testing.T) {
		log, key := filled(t, 7), newKey(t)
		tree := start(t, filepath.Join(t.TempDir(), "tree"), log, key, Options{CheckpointEvery: time.Millisecond})
		until(t, "a checkpoint of 7", func() bool { _, _, signed, _ := tree.Status(); return signed == 7 })
	})
}

// TestCheckpointAt signs the beginning of a log that has gone on since.
func TestCheckpointAt(t *testing.T) {
	tree, s, key := built(t, 20)
	position := func(n int) (at eventstore.Position) {
		for e, err := range s.ReadStream(t.Context(), streamOf(n), eventstore.Revision(n/3)) {
			if err != nil {
				t.Fatal(err)
			}
			return e.Position
		}
		t.Fatalf("there is no event %d", n)
		return at
	}
	signed, c, err := tree.CheckpointAt(t.Context(), position(12))
	if err != nil || c.Size != 13 || !bytes.Equal(c.Root, naive(leavesOf(t, s, 20)[:13])) {
		t.Fatalf("%+v, %v", c, err)
	}
	if got := opened(t, signed, key.Verifier()); got.Size != c.Size || !bytes.Equal(got.Root, c.Root) {
		t.Errorf("signed %+v, want %+v", got, c)
	}
	if kept, err := tree.Checkpoint(13); err != nil || !bytes.Equal(kept, signed) {
		t.Errorf("kept %q, %v", kept, err)
	}
	if _, _, err := tree.CheckpointAt(t.Context(), eventstore.Position{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first event: %v", err)
	}
	after := position(19)
	after.Commit++
	after.Prepare++
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := tree.CheckpointAt(late, after); !errors.Is(err, ErrBehind) {
		t.Errorf("of an event that is still to come: %v", err)
	}
	fill(t, s, 20, 21)
	if _, c, err := tree.CheckpointAt(t.Context(), position(20)); err != nil || c.Size != 21 {
		t.Errorf("of an event that came: %+v, %v", c, err)
	}
}

// TestAnotherLogIsFound when the server starts: nothing more is signed, and what was is still served.
func TestAnotherLogIsFound(t *testing.T) {
	changed := func(t *testing.T) *memory.Store {
		s := filled(t, 19)
		e := event(19)
		e.Data = []byte(`{"n":99}`)
		if _, err := s.Append(context.Background(), streamOf(19), 19/3-1, []eventstore.Event{e}); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 20, 25)
		return s
	}
	for name, c := range map[string]struct {
		log  func(t *testing.T) *memory.Store
		want error
	}{
		"rolled back": {func(t *testing.T) *memory.Store { return filled(t, 18) }, ErrRolledBack},
		"empty":       {func(t *testing.T) *memory.Store { return filled(t, 0) }, ErrRolledBack},
		"changed":     {changed, ErrInconsistent},
	} {
		t.Run(name, func(t *testing.T) {
			dir, key := filepath.Join(t.TempDir(), "tree"), newKey(t)
			o := Options{CheckpointEvents: 20, CheckpointEvery: time.Millisecond}
			before := start(t, dir, filled(t, 20), key, o)
			until(t, "a checkpoint", func() bool { _, _, signed, _ := before.Status(); return signed == 20 })
			before.stop()

			log := c.log(t)
			after := start(t, dir, log, key, o)
			until(t, "the fault is seen", func() bool { _, _, _, err := after.Status(); return err != nil && !errors.Is(err, ErrBehind) })
			fill(t, log, map[string]int{"rolled back": 18, "changed": 25}[name], 60)
			if _, _, _, err := after.Status(); !errors.Is(err, c.want) || !strings.Contains(err.Error(), "orderctl check") {
				t.Errorf("%v, want %v and what to do", err, c.want)
			}
			if _, err := after.Bundle(context.Background(), log, "x", []string{"order-1"}); err == nil {
				t.Error("a bundle of it is made")
			}
			if latest, err := after.Latest(); err != nil || opened(t, latest, key.Verifier()).Size != 20 {
				t.Errorf("latest %s, %v", latest, err)
			}
		})
	}
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys", "audit.key")
	key, made, err := OpenKey(file, "clinic.example")
	if err != nil || !made || key.Origin() != "clinic.example" {
		t.Fatalf("%v %v %v", key, made, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	again, made, err := OpenKey(file, "clinic.example")
	if err != nil || made || again.Public() != key.Public() {
		t.Errorf("%v %v", made, err)
	}
	if _, _, err := OpenKey(file, "other"); err == nil || !strings.Contains(err.Error(), `"clinic.example"`) {
		t.Errorf("of another origin: %v", err)
	}
	if err := os.WriteFile(file, []byte("x\ny\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenKey(file, "clinic.example"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("damaged: %v", err)
	}
	for _, origin := range []string{"", "a b", "a+b", "a\nb"} {
		if _, _, err := NewKey(origin); err == nil {
			t.Errorf("origin %q is taken", origin)
		}
	}
	if _, err := NewVerifier("nonsense"); err == nil || !strings.Contains(err.Error(), "/audit/key/") {
		t.Errorf("%v", err)
	}
}

func TestLockedAndDamagedFolders(t *testing.T) {
	dir, key, log := filepath.Join(t.TempDir(), "tree"), newKey(t), filled(t, 3)
	tree := start(t, dir, log, key, Options{})
	if _, err := Open(dir, log, key, Options{Logger: quiet()}); !errors.Is(err, ErrLocked) {
		t.Errorf("twice: %v", err)
	}
	tree.reaches(t, 3)
	tree.stop()
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, file := range manifests {
		if err := os.WriteFile(file, []byte("nothing of the kind"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, log, key, Options{Logger: quiet()}); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}

// TestWhatPassesIsNoDamage: a server that starts while files or space are short must not put its tree aside.
func TestWhatPassesIsNoDamage(t *testing.T) {
	dir, key, log := filepath.Join(t.TempDir(), "tree"), newKey(t), filled(t, 3)
	tree := start(t, dir, log, key, Options{})
	tree.reaches(t, 3)
	tree.stop()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Max: limit.Max})
	_, err := Open(dir, log, key, Options{Logger: quiet()})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrDamaged) {
		t.Errorf("without files: %v", err)
	}
	start(t, dir, log, key, Options{}).reaches(t, 3)
	for _, errno := range []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOSPC, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if err := damaged(&os.PathError{Op: "open", Path: dir, Err: errno}); errors.Is(err, ErrDamaged) || !errors.Is(err, errno) {
			t.Errorf("%v is called %v", errno, err)
		}
	}
}
