// Package durable writes small files, as keys are, so that a crash leaves the whole of a file or nothing of it. Files
// are their owner's alone to read (mode 0600), and on disk, with their names, when a call returns.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unfinished begins the name that a file has before it is whole.
const unfinished = ".new-"

// Create makes a file. It fails with [io/fs.ErrExist] if there is one, whoever is faster; the file system needs hard links.
func Create(path string, content []byte) error { return place(path, content, os.Link) }

// Replace makes a file, or leaves the new content in the place of the old.
func Replace(path string, content []byte) error { return place(path, content, os.Rename) }

func place(path string, content []byte, name func(from, to string) error) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, unfinished+"*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // if it still has that name
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	err = name(file.Name(), path)
	if errors.Is(err, fs.ErrNotExist) { // somebody took it for left over; without its folder it cannot be made again
		return place(path, content, name)
	}
	if err != nil {
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

// IsUnfinished says that a file with a name is being made, or was when its process was killed. Copy none: it may be another
// name of a file that is there, and would outlive that.
func IsUnfinished(name string) bool { return strings.HasPrefix(name, unfinished) }

// RemoveUnfinished removes what killed processes have left in a folder. What others are making there is made all the same.
func RemoveUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !IsUnfinished(e.Name()) {
			continue
		}
		if gone := os.Remove(filepath.Join(dir, e.Name())); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
