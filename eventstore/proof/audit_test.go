package proof

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/transparency-dev/merkle/compact"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

// signedLog is the folder of a tree of 50 events with checkpoints at 10, 20, … and that at 50.
func signedLog(t *testing.T) (dir string, key Key, head Checkpoint) {
	t.Helper()
	dir, key = filepath.Join(t.TempDir(), "tree"), newKey(t)
	log := memory.New()
	defer log.Close()
	tree := start(t, dir, log, key, Options{CheckpointEvents: 10, CheckpointEvery: time.Hour})
	for n := range 50 {
		fill(t, log, n, n+1)
		tree.reaches(t, uint64(n+1))
	}
	signed, err := tree.Latest()
	if err != nil {
		t.Fatal(err)
	}
	tree.stop()
	return dir, key, opened(t, signed, key.Verifier())
}

func TestAuditOfWhatIsRight(t *testing.T) {
	dir, key, head := signedLog(t)
	for size, log := range map[uint64]*memory.Store{50: filled(t, 50), 70: filled(t, 70)} {
		var told uint64
		found, err := Audit{Log: log, Tree: dir, Key: key.Verifier(), Kept: []Checkpoint{head, {}}, Progress: func(n uint64) { told = n }}.Run(context.Background())
		if err != nil || found.Head.Size != size || found.Tree != 50 || found.Checkpoints != 7 || told != size {
			t.Errorf("%+v %v, told of %d", found, err, told)
		}
	}
	if found, err := (Audit{Log: filled(t, 0)}).Run(context.Background()); err != nil || found.Head.Size != 0 {
		t.Errorf("of nothing: %+v %v", found, err)
	}
}

// other is the log with another event at n.
func other(t *testing.T, n int) *memory.Store {
	t.Helper()
	log := filled(t, n)
	e := event(n)
	e.Type = "Other"
	if _, err := log.Append(context.Background(), streamOf(n), eventstore.Revision(n/3-1), []eventstore.Event{e}); err != nil {
		t.Fatal(err)
	}
	fill(t, log, n+1, 50)
	return log
}

func TestAuditNamesTheFirstBadPosition(t *testing.T) {
	dir, key, head := signedLog(t)
	for name, c := range map[string]struct {
		audit Audit
		want  error
		says  string
	}{
		"rolled back, seen by the tree":     {Audit{Log: filled(t, 45), Tree: dir}, ErrRolledBack, "the log has 45 events"},
		"rolled back, seen by a checkpoint": {Audit{Log: filled(t, 45), Kept: []Checkpoint{head}}, ErrRolledBack, "the log has 45 events and ends at position 2880, the checkpoint signed 50"},
		"changed, seen by the tree":         {Audit{Log: other(t, 33), Tree: dir}, ErrInconsistent, "position 2176: order-0@11 is not the event that the tree took in as number 34"},
		"changed, seen by a checkpoint":     {Audit{Log: other(t, 33), Kept: []Checkpoint{head}}, ErrInconsistent, "one of the events 1 to 50 is another"},
		"empty":                             {Audit{Log: filled(t, 0), Kept: []Checkpoint{head}}, ErrRolledBack, "the log has 0 events"},
		"checkpoints of another key":        {Audit{Log: filled(t, 50), Tree: dir, Key: newKey(t).Verifier()}, ErrSignature, "checkpoint of 10 events"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.audit.Key == nil {
				c.audit.Key = key.Verifier()
			}
			if _, err := c.audit.Run(context.Background()); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v: %q", err, c.want, c.says)
			}
		})
	}
}

// TestAuditFindsATreeThatLies: its nodes, its state and its checkpoints are held against the log.
func TestAuditFindsATreeThatLies(t *testing.T) {
	zero := make([]byte, HashSize)
	for name, c := range map[string]struct {
		key, value []byte
	}{
		"a node":       {nodeKey(compact.NewNodeID(3, 2)), zero},
		"no node":      {nodeKey(compact.NewNodeID(4, 1)), nil},
		"a last node":  {nodeKey(compact.NewNodeID(1, 24)), zero}, // no later event looks at it
		"a position":   {positionKey(eventstore.Position{Commit: 640, Prepare: 640}), make([]byte, 8)},
		"the state":    {stateKey, state{50, eventstore.Position{Commit: 3200, Prepare: 3200}, zero}.encode()},
		"a checkpoint": {checkpointKey(30), []byte("test\n30\n")},
	} {
		t.Run(name, func(t *testing.T) {
			dir, key, _ := signedLog(t)
			f, err := openFolder(dir, false, quiet())
			if err != nil {
				t.Fatal(err)
			}
			if c.value == nil {
				err = f.db.Delete(c.key, pebble.Sync)
			} else {
				err = f.db.Set(c.key, c.value, pebble.Sync)
			}
			if err = errors.Join(err, f.db.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = Audit{Log: filled(t, 50), Tree: dir, Key: key.Verifier()}.Run(context.Background())
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrInconsistent) {
				t.Errorf("found %v", err)
			}
		})
	}
}
