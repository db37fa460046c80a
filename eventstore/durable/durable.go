// Package durable writes small files, as keys are, so that a crash leaves the whole of a file or nothing of it. Files
// are their owner's alone to read (mode 0600), and on disk, with their names, when a call returns.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Create makes a file. It fails with [io/fs.ErrExist] if there is one, whoever is faster; the file system needs hard links.
func Create(path string, content []byte) error { return place(path, content, os.Link) }

// Replace makes a file, or leaves the new content in the place of the old.
func Replace(path string, content []byte) error { return place(path, content, os.Rename) }

func place(path string, content []byte, name func(from, to string) error) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // if it still has that name
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := name(file.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
