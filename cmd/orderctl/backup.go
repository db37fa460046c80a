package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore/backup"
	"orderengine/eventstore/proof"
)

// keysApart is what a backup never holds.
const keysApart = `Keep keys/audit.key, which signs checkpoints, the master key (ORDERD_MASTER_KEY_FILE, else keys/master.key), without which
no patient's text can be read, and keys/webhooks.key, without which nothing can be delivered to hospitals until the secrets of
their webhooks are set again, apart from backups: they are never part of one.`

func takeBackup() *cobra.Command {
	var s server
	var key string
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Take a backup of a running server's data, and verify it",
		Long: `Take a backup of a running server's data into the new folder DIR, and verify it.
The log is copied as it is at one moment, while the server goes on; it comes with its signed tree head, the wrapped keys of
patients' texts and the SHA-256 of each file. What came is verified as "orderctl check" does and held against that
head before the folder gets its name: until then it is DIR.partial, which a next try replaces. The views and the tree are not in
it, for they are made from the log.

` + keysApart,
		Example: `  ORDERCTL_TOKEN=demo-admin orderctl backup /backups/monday --key audit.pub`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			verifier, err := optionalKey(key)
			if err != nil {
				return err
			}
			dir, err := newFolder(args[0])
			if err != nil {
				return err
			}
			partial := dir + ".partial"
			if err := s.receive(cmd, partial); err != nil {
				return err
			}
			m, err := backup.Verify(partial)
			if err != nil {
				return fmt.Errorf("%w; take it again", err)
			}
			c := restored{dir: partial, of: partial, m: m, key: verifier, told: cmd.ErrOrStderr()}
			if err := c.check(cmd.Context()); err != nil {
				return err
			}
			if err := backup.Publish(partial, dir); err != nil {
				return err
			}
			tellBackup(cmd.OutOrStdout(), dir, m)
			return nil
		},
	}
	s.adminFlags(cmd)
	keyFlag(cmd, &key)
	return cmd
}

func restore() *cobra.Command {
	var data, key string
	cmd := &cobra.Command{
		Use:   "restore DIR --data NEW",
		Short: "Make a server's data folder from a backup, and verify it",
		Long: `Make a server's data folder from a backup, and verify it. NEW must not exist, or be empty.
Every file is held against the backup's manifest, then the log is verified as "orderctl check" does and held against
the tree head that was signed with the backup. Start the server on NEW afterwards: it makes the views and the tree from the log.

` + keysApart + `
Put them into NEW before the server starts: otherwise it makes new ones, auditors need the new verifier key, patients'
texts and webhooks' secrets stay unreadable. Keys of patients that were erased after the backup come back with it: erase those patients again.`,
		Example: `  orderctl restore /backups/monday --data ./data`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			verifier, err := optionalKey(key)
			if err != nil {
				return err
			}
			target, err := newFolder(data)
			if err != nil {
				return fmt.Errorf("--data: %w", err)
			}
			partial := target + ".partial"
			if err := os.RemoveAll(partial); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "copying the files of the backup")
			m, err := backup.Restore(args[0], partial)
			if err != nil {
				return errors.Join(fmt.Errorf("%w; nothing was restored", err), os.RemoveAll(partial))
			}
			c := restored{dir: partial, of: args[0], m: m, key: verifier, told: cmd.ErrOrStderr()}
			if err := c.check(cmd.Context()); err != nil {
				return errors.Join(fmt.Errorf("%w; nothing was restored", err), os.RemoveAll(partial))
			}
			if err := backup.Publish(partial, target); err != nil {
				return err
			}
			tellBackup(cmd.OutOrStdout(), target, m)
			fmt.Fprintln(cmd.OutOrStdout(), "before orderd starts, put keys/audit.key and keys/webhooks.key there, and the master key where ORDERD_MASTER_KEY_FILE says (keys/master.key); views and tree are made again then")
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data folder to make, a server's ORDERD_DATA")
	keyFlag(cmd, &key)
	_ = cmd.MarkFlagRequired("data") // it fails for a flag that is not there
	_ = cmd.MarkFlagDirname("data")
	return cmd
}

// optionalKey is the verifier key, nil if none was given: then the head of a backup is believed as the server gave it.
func optionalKey(key string) (note.Verifier, error) {
	if key == "" {
		return nil, nil
	}
	return verifierKey(key)
}

// newFolder says that a folder can be made there: nothing stands there, or an empty folder.
func newFolder(dir string) (path string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: name a new folder", dir)
	}
	return filepath.Abs(dir)
}

// receive takes a backup from the server into the folder dir.
func (s *server) receive(cmd *cobra.Command, dir string) error {
	stream, err := s.adminStream(cmd.Context(), request{method: http.MethodGet, path: "/admin/backup/"})
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "receiving the backup")
	if err := backup.Receive(stream, dir); errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; name a folder that can be made", err)
	} else if err != nil {
		return fmt.Errorf("%w; run it again, %s is replaced then", err, dir)
	}
	return nil
}

// restored is a folder with the log of a backup.
type restored struct {
	dir  string // has the folder log
	of   string // the backup
	m    backup.Manifest
	key  note.Verifier // of the backup's checkpoint; nil leaves its signature unchecked
	told io.Writer
}

// check does what "orderctl check" does, and wants the log to be exactly what the backup's signed head says.
func (r restored) check(ctx context.Context) error {
	head := proof.Checkpoint{Size: r.m.Events, Root: r.m.Root}
	if r.key != nil {
		signed, err := readCheckpoint(filepath.Join(r.of, backup.CheckpointName), r.key)
		if err != nil {
			return err
		}
		head = signed
	}
	c := checking{dir: r.dir, copied: true, told: r.told}
	found, err := c.verify(ctx, proof.Audit{Kept: []proof.Checkpoint{head}, Progress: c.progress()})
	if err != nil {
		return err
	}
	if found.Head.Size != head.Size || found.At.String() != r.m.Position {
		return fmt.Errorf("%w: its log has %d events and ends at position %s, its head is of %d at %s", backup.ErrDamaged,
			found.Head.Size, found.At, head.Size, r.m.Position)
	}
	return nil
}

func tellBackup(w io.Writer, dir string, m backup.Manifest) {
	fmt.Fprintf(w, "OK   %s: %d events, the last at position %s; tree head %s; %d files, %d bytes, taken %s\n", dir, m.Events, m.Position,
		hex.EncodeToString(m.Root), len(m.Files), m.Bytes(), m.Time.Format("2006-01-02T15:04:05Z07:00"))
}
