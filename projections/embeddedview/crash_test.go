package embeddedview

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderengine/eventstore"
	"orderengine/projections"
	"orderengine/projections/viewtest"
)

// TestCrash cuts the power at random file operations. What is left must be just what some commit left. How many
// operations a run has, and what was flushed by then, is up to the scheduler: there are runs until enough was seen.
func TestCrash(t *testing.T) {
	const enough, enoughKept, runs, crashesPerRun = 300, 50, 250, 12
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	lost, kept := 0, 0
	for run := uint64(0); run < runs && (lost+kept < enough || kept < enoughKept); run++ {
		random := rand.New(rand.NewPCG(seed, run))
		disks, history := crashes(t, random, crashesPerRun)
		for _, disk := range disks {
			at := checkLeft(t, disk, history)
			if at == (eventstore.Position{}) {
				lost++
			} else {
				kept++
			}
		}
	}
	t.Logf("%d crashes left something and %d left nothing", kept, lost)
	if lost+kept < enough || kept < enoughKept {
		t.Errorf("only %d crashes left something and %d left nothing: the test tests too little", kept, lost)
	}
}

// crashes runs a workload and takes what the disk holds at random moments of it, and every state it went through.
func crashes(t *testing.T, random *rand.Rand, n int) (disks []vfs.FS, history map[eventstore.Position]string) {
	disk := vfs.NewCrashableMem()
	var mu sync.Mutex
	next := math.MaxInt
	cut := errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if next--; next <= 0 && len(disks) < n && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			disks = append(disks, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random}))
			next = random.IntN(50)
		}
		return nil
	})
	store, err := open("views", small(errorfs.Wrap(disk, cut)))
	if err != nil {
		t.Fatal(err)
	}
	store.recent.maxRows = 50
	// Opening makes two files one of which names the other; this disk, unlike journaling ones, may keep only
	// the one that names. That shows as damage, never as other content, and is not what is tested here.
	mu.Lock()
	next = random.IntN(40)
	mu.Unlock()
	history = workload(t, store)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return disks, history
}

// small makes flushes and compactions frequent.
func small(files vfs.FS) *pebble.Options {
	opts := tuned(nil, files)
	opts.MemTableSize = 32 << 10
	opts.L0CompactionThreshold = 2
	opts.LBaseMaxBytes = 64 << 10
	return opts
}

// workload commits batches that list and unlist the same members again and again, with a wipe in between.
func workload(t *testing.T, store *Store) map[eventstore.Position]string {
	random := rand.New(rand.NewPCG(1, 2))
	m := viewtest.NewModel()
	history := map[eventstore.Position]string{{}: m.Dump()}
	from := eventstore.Position{}
	for n := uint64(1); n <= 300; n++ {
		if n == 150 {
			if err := store.Wipe(t.Context()); err != nil {
				t.Fatal(err)
			}
			m, from = viewtest.NewModel(), eventstore.Position{}
		}
		b := projections.Batch{From: from, To: eventstore.Position{Commit: n, Prepare: n}, Ops: crashOps(random)}
		if err := store.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		m.Commit(b)
		from = b.To
		history[b.To] = m.Dump()
	}
	return history
}

func crashOps(random *rand.Rand) []projections.Op {
	ops := make([]projections.Op, 1+random.IntN(20))
	for i := range ops {
		ops[i] = projections.Op{
			Kind:   projections.OpKind(1 + random.IntN(4)),
			Key:    fmt.Sprint("key", random.IntN(8)),
			Member: fmt.Sprint("member", random.IntN(20)),
			Value:  []byte(strings.Repeat(fmt.Sprint(random.IntN(10)), random.IntN(400))),
		}
		if random.IntN(2) == 0 {
			ops[i].State = string(ops[i].Value)
		}
	}
	return ops
}

// checkLeft opens what a crash left, checks it, and goes on with it.
func checkLeft(t *testing.T, disk vfs.FS, history map[eventstore.Position]string) eventstore.Position {
	t.Helper()
	store, err := open("views", small(disk))
	if err != nil {
		t.Fatalf("open after a crash: %v", err)
	}
	at, err := store.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, known := history[at]
	if got := dumped(t, store); !known || got != want {
		t.Fatalf("after a crash, at %s (known: %t), the views hold\n%s\nwant\n%s", at, known, got, want)
	}
	goOn(t, store, at)
	return at
}

// goOn commits on what was left, wipes it and closes it.
func goOn(t *testing.T, store *Store, at eventstore.Position) {
	t.Helper()
	b := projections.Batch{From: at, To: eventstore.Position{Commit: at.Commit + 1}, Ops: crashOps(rand.New(rand.NewPCG(3, 4)))}
	if err := errors.Join(store.Commit(t.Context(), b), store.Wipe(t.Context())); err != nil {
		t.Fatalf("going on after a crash: %v", err)
	}
	if left := dumped(t, store); left != "at 0\n" {
		t.Errorf("wiped views hold\n%s", left)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func dumped(t *testing.T, store *Store) string {
	t.Helper()
	var b bytes.Buffer
	if err := store.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
