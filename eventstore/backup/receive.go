package backup

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"orderengine/eventstore/durable"
)

// Receive writes what [Backup.Write] sends into the folder dir, which must not exist. It fails with [ErrDamaged] if the
// stream ends early or holds what no backup has; whether the files are right [Verify] says.
func Receive(stream io.Reader, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	last := ""
	for in := tar.NewReader(stream); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: the stream after %q: %w", ErrDamaged, last, err)
		}
		last = header.Name
		if header.Typeflag != tar.TypeReg || !ofBackup(header.Name) && header.Name != ManifestName {
			return fmt.Errorf("%w: the stream has %q, which is no file of a backup", ErrDamaged, header.Name)
		}
		if err := writeFile(dir, header.Name, func(w io.Writer) error { _, err := io.Copy(w, sent{in}); return err }); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	if last != ManifestName {
		return fmt.Errorf("%w: the stream ends after %q, without a manifest", ErrDamaged, last)
	}
	return syncFolders(dir)
}

// sent is a file as it comes: what cannot be read of it is damage, where what cannot be written is none.
type sent struct{ io.Reader }

func (s sent) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the stream: %w", ErrDamaged, err)
	}
	return n, err
}

// Restore copies the data of the backup in the folder dir into the folder data, which must not exist, and gives the
// manifest. It fails with [ErrDamaged], and names the file, if the backup is not what its manifest says.
func Restore(dir, data string) (Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return m, err
	}
	if err := m.noOthers(dir); err != nil {
		return m, err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return m, err
	}
	for _, f := range m.Files {
		if isData(f.Name) {
			err = writeFile(data, f.Name, func(w io.Writer) error { return f.copy(w, dir) })
		} else {
			err = f.copy(io.Discard, dir)
		}
		if err != nil {
			return m, err
		}
	}
	return m, syncFolders(data)
}

// Publish gives a folder that is whole its name, durable when it returns. What stands there may be an empty folder.
func Publish(partial, dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// writeFile makes a file of a folder, with the folders above it, durable when it returns.
func writeFile(dir, name string, write func(io.Writer) error) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

// syncFolders makes the names in a folder durable, and in those below it.
func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return durable.SyncDir(path)
	})
}
