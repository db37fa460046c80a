package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/proof"
)

const restoreAdvice = "restore the last good backup, and keep this folder: what is in both can be compared"

// checking is the command's flags and folder.
type checking struct {
	dir        string // the server's ORDERD_DATA
	copied     bool   // it is of a backup, whose files were compared with the manifest
	checkpoint string
	key        string
	out, told  io.Writer
}

func check() *cobra.Command {
	var c checking
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Verify a data folder offline: every byte of the log, and the log against what was signed",
		Long: `Verify a data folder (ORDERD_DATA) offline, and change nothing in it. The server must be stopped.
Every file of the log is read against its checksums, every event and index entry is read, the Merkle tree is made again
and held against the tree of the folder, its checkpoints and the one that is given. The exit status is 1 if
anything is not as it was, and the first bad position is named; it is 2 if the folder could not be verified.

A folder that was put back whole to an older state agrees with itself. Give a checkpoint that was kept elsewhere to find that.`,
		Example:     `  orderctl check ./data --checkpoint kept.checkpoint --key audit.pub`,
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{compares: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			c.dir, c.out, c.told = args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
			return c.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&c.checkpoint, "checkpoint", "", "a checkpoint that was kept elsewhere")
	keyFlag(cmd, &c.key)
	return cmd
}

func (c *checking) run(ctx context.Context) error {
	if _, err := os.Stat(c.log()); err != nil {
		return fmt.Errorf("%w; DIR is the server's ORDERD_DATA, which has a folder log", err)
	}
	audit, err := c.audit()
	if err != nil {
		return err
	}
	found, err := c.verify(ctx, audit)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "OK   %d events, the last at position %s; tree head %x; %d in the tree of the folder; %d checkpoints agree\n",
		found.Head.Size, found.At, found.Head.Root, found.Tree, found.Checkpoints)
	return nil
}

func (c *checking) log() string { return filepath.Join(c.dir, "log") }

// verify reads all of the log and holds it against what an audit says.
func (c *checking) verify(ctx context.Context, audit proof.Audit) (found proof.Audited, err error) {
	options := embedded.Options{Logger: quiet, OtherVersions: c.copied}
	fmt.Fprintln(c.told, "reading every file and every event of the log")
	err = embedded.Check(ctx, c.log(), options)
	if errors.Is(err, eventstore.ErrLocked) {
		return found, fmt.Errorf("%w; stop the server first", err)
	}
	if err != nil {
		return found, fmt.Errorf("%w; %s", err, restoreAdvice)
	}
	options.ReadOnly = true
	store, err := embedded.Open(c.log(), options)
	if err != nil {
		return found, err
	}
	audit.Log = store
	found, err = audit.Run(ctx)
	if errors.Is(err, proof.ErrRolledBack) || errors.Is(err, proof.ErrInconsistent) {
		err = fmt.Errorf("%w; %s", err, restoreAdvice)
	}
	return found, errors.Join(err, store.Close())
}

// audit says what the log is held against: what there is in the folder, and the given checkpoint.
func (c *checking) audit() (a proof.Audit, err error) {
	if a.Key, err = c.verifier(); err != nil {
		return a, err
	}
	tree := filepath.Join(c.dir, "tree")
	if _, err := os.Stat(tree); err == nil {
		a.Tree = tree
	} else if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	} else {
		fmt.Fprintln(c.told, "the folder has no tree: a change that also mends the checksums is found only by a checkpoint")
	}
	if c.checkpoint != "" {
		kept, err := readCheckpoint(c.checkpoint, a.Key)
		if err != nil {
			return a, err
		}
		a.Kept = []proof.Checkpoint{kept}
	}
	a.Progress = c.progress()
	return a, nil
}

// verifier is the given key. Without one the folder's own serves for its own checkpoints, but not for one from elsewhere:
// who changed the folder may have changed its key.
func (c *checking) verifier() (note.Verifier, error) {
	if c.key != "" || c.checkpoint != "" {
		return verifierKey(c.key)
	}
	key, err := proof.ReadKey(filepath.Join(c.dir, "keys", "audit.key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key, err
}

// progress tells of long logs, once a second.
func (c *checking) progress() func(uint64) {
	next := time.Now().Add(time.Second)
	return func(events uint64) {
		if now := time.Now(); now.After(next) {
			fmt.Fprintf(c.told, "%d events held against what was signed\n", events)
			next = now.Add(time.Second)
		}
	}
}
