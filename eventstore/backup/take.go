package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"orderengine/eventstore"
	"orderengine/eventstore/durable"
	"orderengine/eventstore/proof"
)

// ErrBusy: a backup is under way already. Wait for its end.
var ErrBusy = errors.New("a backup is under way")

// Log is a log that can be copied while it is written.
type Log interface {
	// Checkpoint copies the log into a folder that it makes, on the log's own file system, and gives the position of the
	// copy's last event.
	Checkpoint(ctx context.Context, dir string) (eventstore.Position, error)
}

// Heads signs what a copy holds.
type Heads interface {
	CheckpointAt(ctx context.Context, at eventstore.Position) (signed []byte, c proof.Checkpoint, err error)
}

// workFolder is where copies stand in the data while they are handed on.
const workFolder = "backup"

// Backups takes backups of a server's data, one at a time.
type Backups struct {
	data  string
	log   Log
	heads Heads
	now   func() time.Time
	busy  atomic.Bool
}

// New takes backups of the data in a folder. It removes the copy that a killed server has left there.
func New(data string, log Log, heads Heads, now func() time.Time) (*Backups, error) {
	if err := os.RemoveAll(filepath.Join(data, workFolder)); err != nil {
		return nil, err
	}
	return &Backups{data: data, log: log, heads: heads, now: now}, nil
}

// Backup is a copy that waits to be handed on.
type Backup struct {
	of       *Backups
	dir      string
	signed   []byte
	manifest Manifest
}

// Take copies the log, and waits for its signed head as long as ctx lasts. It fails with [ErrBusy] while another backup is
// not closed. Close the backup.
func (b *Backups) Take(ctx context.Context) (_ *Backup, err error) {
	if !b.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	taken := &Backup{of: b, dir: filepath.Join(b.data, workFolder)}
	defer func() {
		if err != nil {
			err = errors.Join(err, taken.Close())
		}
	}()
	if err := os.MkdirAll(taken.dir, 0o700); err != nil {
		return nil, err
	}
	at, err := b.log.Checkpoint(ctx, filepath.Join(taken.dir, logFolder))
	if err != nil {
		return nil, err
	}
	signed, head, err := b.heads.CheckpointAt(ctx, at)
	if err != nil {
		return nil, err
	}
	taken.signed = signed
	taken.manifest = Manifest{Format: format, Time: b.now().UTC(), Position: at.String(), Events: head.Size, Root: head.Root}
	return taken, nil
}

// Close removes the copy and lets the next backup be taken.
func (t *Backup) Close() error {
	err := os.RemoveAll(t.dir)
	t.of.busy.Store(false)
	return err
}

// Write hands the backup on as a tar. After an error, that of ctx included, the stream is not whole. Keys are read after the
// log was copied, so no event of it lacks the key that it was written with, unless that was destroyed since.
func (t *Backup) Write(ctx context.Context, w io.Writer) error {
	out := &writer{ctx: ctx, tar: tar.NewWriter(w), manifest: t.manifest}
	if err := out.add(CheckpointName, t.signed); err != nil {
		return err
	}
	if err := out.addFolder(t.dir, logFolder); err != nil {
		return err
	}
	if err := out.addFolder(t.of.data, keysFolder); err != nil {
		return err
	}
	text, err := json.MarshalIndent(out.manifest, "", " ")
	if err != nil {
		return err
	}
	if err := out.add(ManifestName, append(text, '\n')); err != nil {
		return err
	}
	return out.tar.Close()
}

// writer writes the tar and notes what it wrote.
type writer struct {
	ctx      context.Context
	tar      *tar.Writer
	manifest Manifest
}

// addFolder writes the files below root/folder, if it is there; what goes meanwhile is left out, and what is unfinished.
func (w *writer) addFolder(root, folder string) error {
	return filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !durable.IsUnfinished(d.Name()) {
			err = w.addFile(root, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (w *writer) addFile(root, path string) (err error) {
	name, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return w.copy(filepath.ToSlash(name), file, info.Size())
}

func (w *writer) add(name string, content []byte) error {
	return w.copy(name, bytes.NewReader(content), int64(len(content)))
}

// copyBytes is how much is read and written at once.
const copyBytes = 64 << 10

// copy writes one file. It fails if that is not as long as it was to be: a changed one would not be what its sum says.
func (w *writer) copy(name string, content io.Reader, size int64) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.manifest.Time}
	if err := w.tar.WriteHeader(header); err != nil {
		return err
	}
	sum := sha256.New()
	// Without the wrapper the tar would ask the file to copy itself.
	content = &stoppable{w.ctx, io.LimitReader(content, size)}
	n, err := io.CopyBuffer(io.MultiWriter(sum, w.tar), content, make([]byte, copyBytes))
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, where it had %d", name, n, size)
	}
	w.manifest.Files = append(w.manifest.Files, File{Name: name, Size: n, SHA256: sum.Sum(nil)})
	return err
}

// stoppable is a reader that ends with a context.
type stoppable struct {
	ctx  context.Context
	from io.Reader
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.from.Read(b)
}
