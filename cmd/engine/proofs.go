package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderengine/eventstore/proof"
	"orderengine/httpapi"
)

// openTree opens the tree over the log, and the key that signs its checkpoints, which is made once.
func (e *Engine) openTree() error {
	file := filepath.Join(e.settings.Data, "keys", "audit.key")
	key, made, err := proof.OpenKey(file, e.settings.AuditOrigin)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("audit-origin"), err)
	}
	if made {
		e.logger.Info("a key to sign checkpoints was made; keep a copy of the file, and give the verifier key to auditors", "file", file, "verifier", key.Public())
	}
	dir := filepath.Join(e.settings.Data, "tree")
	o := proof.Options{Logger: e.logger, CheckpointEvents: e.settings.CheckpointEvents, CheckpointEvery: e.settings.CheckpointEvery}
	tree, err := proof.Open(dir, e.store, key, o)
	if errors.Is(err, proof.ErrDamaged) {
		tree, err = e.replaceTree(dir, err, key, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("data"), err)
	}
	e.tree, e.closers = tree, append(e.closers, tree)
	return nil
}

// replaceTree moves a tree that cannot be read aside, for it may be evidence, and begins a new one.
func (e *Engine) replaceTree(dir string, damage error, key proof.Key, o proof.Options) (*proof.Tree, error) {
	aside := fmt.Sprintf("%s.damaged-%s", dir, e.now().UTC().Format("20060102T150405.000000000"))
	e.logger.Error("the tree cannot be read; it is kept aside and made again from the log. Hold old checkpoints against the new ones", "folder", dir, "kept", aside, "error", damage.Error())
	if err := os.Rename(dir, aside); err != nil {
		return nil, errors.Join(damage, err)
	}
	return proof.Open(dir, e.store, key, o)
}

// treeCheck tells of the tree: an error while it is not kept up, which stays if the log is not the signed one. Orders are
// served all the same.
func (e *Engine) treeCheck() httpapi.Check {
	return httpapi.Check{Name: "tree", Serves: true, Look: func(context.Context) (string, error) {
		size, at, signed, err := e.tree.Status()
		return fmt.Sprintf("%d events, at %s, signed at %d", size, at, signed), err
	}}
}

// observeTree shows the tree as metrics.
func (e *Engine) observeTree(metrics *prometheus.Registry) {
	gauge := gauges(metrics)
	gauge("orderd_tree_events", "Events in the Merkle tree.", func() float64 {
		size, _, _, _ := e.tree.Status()
		return float64(size)
	})
	gauge("orderd_tree_position", "Commit position of the last event in the Merkle tree.", func() float64 {
		_, at, _, _ := e.tree.Status()
		return float64(at.Commit)
	})
	gauge("orderd_tree_signed_events", "Events of the newest signed checkpoint.", func() float64 {
		_, _, signed, _ := e.tree.Status()
		return float64(signed)
	})
	gauge("orderd_tree_ok", "1 while the tree is kept up with the log and the log is the one that was signed.", func() float64 {
		if _, _, _, err := e.tree.Status(); err != nil {
			return 0
		}
		return 1
	})
}

// checkTree checks the settings of the tree; the error names the variable.
func (c Config) checkTree() error {
	if c.CheckpointEvents == 0 {
		return fmt.Errorf("%s: at least 1 event", Variable("checkpoint-events"))
	}
	if c.CheckpointEvery < time.Millisecond {
		return fmt.Errorf("%s: %s is no period", Variable("checkpoint-every"), c.CheckpointEvery)
	}
	if err := proof.CheckOrigin(c.AuditOrigin); err != nil {
		return fmt.Errorf("%s: %w", Variable("audit-origin"), err)
	}
	return nil
}
