// Package backup copies the data of a running server, hands the copy on as one stream, and takes it in again somewhere
// else.
//
// A backup is a folder:
//
//	log/              the embedded log, as it was at one moment
//	keys/patients/    the wrapped keys of patients' texts; what unwraps them is not there
//	checkpoint        the signed tree head of exactly that log
//	manifest.json     every other file with its length and SHA-256, and what the log was
//
// On its way it is a tar with the manifest at its end, so a stream that was cut off has none. The views and the tree are
// made again from the log. The keys that sign and unwrap are not part of it: whoever finds a backup can read no patient's
// text and sign nothing.
package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files of a backup that are not the data's own.
const (
	ManifestName   = "manifest.json"
	CheckpointName = "checkpoint"
)

// The folders of a backup, and of a server's data.
const (
	logFolder  = "log"
	keysFolder = "keys/patients"
)

// format is that of the manifest and of how the folder is laid out.
const format = 1

// ErrDamaged: a backup is not what the server made. Take another one.
var ErrDamaged = errors.New("the backup is damaged")

// Manifest is what a backup holds.
type Manifest struct {
	Format   int       `json:"format"`
	Time     time.Time `json:"time"`
	Position string    `json:"position"` // of the log's last event
	Events   uint64    `json:"events"`   // of the log
	Root     Hash      `json:"root"`     // of the Merkle tree over them
	Files    []File    `json:"files"`    // all but the manifest itself
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`   // its path in the backup, with slashes
	Size   int64  `json:"size"`   // in bytes
	SHA256 Hash   `json:"sha256"` // of its content
}

// Hash is 32 bytes, hexadecimal in JSON.
type Hash []byte

// MarshalText implements [encoding.TextMarshaler].
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	if err == nil && len(*h) != sha256.Size {
		err = fmt.Errorf("%d bytes are no SHA-256", len(*h))
	}
	return err
}

// Bytes is how long all files are.
func (m Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Read reads the manifest of the backup in the folder dir.
func Read(dir string) (m Manifest, err error) {
	name := filepath.Join(dir, ManifestName)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%w; is %s a backup?", err, dir)
	}
	if err != nil {
		return m, err
	}
	var form struct{ Format int }
	if err := json.Unmarshal(text, &form); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	if form.Format != format {
		return m, fmt.Errorf("%s: format %d is not known to this program, which reads %d", name, form.Format, format)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	for _, f := range m.Files {
		if !ofBackup(f.Name) {
			return m, fmt.Errorf("%w: %s: %q is no name of a file in it", ErrDamaged, name, f.Name)
		}
	}
	return m, nil
}

// ofBackup says that a name is of a file that a backup may have beside its manifest.
func ofBackup(name string) bool { return name == CheckpointName || isData(name) }

// isData says that a name is of a file of the server's data: it leads below one of the two folders, and nowhere else.
func isData(name string) bool {
	return path.Clean(name) == name && filepath.IsLocal(filepath.FromSlash(name)) &&
		(strings.HasPrefix(name, logFolder+"/") || strings.HasPrefix(name, keysFolder+"/"))
}

// Verify reads every file of the backup in the folder dir against the manifest, and gives that. It fails with
// [ErrDamaged], and names the file, if one is missing, another, or not of it.
func Verify(dir string) (Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return m, err
	}
	for _, f := range m.Files {
		if err := f.copy(io.Discard, dir); err != nil {
			return m, err
		}
	}
	return m, m.noOthers(dir)
}

// copy copies a file of the folder dir and compares what it read.
func (f File) copy(to io.Writer, dir string) (err error) {
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Name)))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, f.Name)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(sum, to), file)
	switch {
	case err != nil:
		return err
	case n != f.Size:
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrDamaged, f.Name, n, f.Size)
	case !slices.Equal(sum.Sum(nil), f.SHA256):
		return fmt.Errorf("%w: %s has another SHA-256 than its manifest says", ErrDamaged, f.Name)
	}
	return nil
}

// noOthers finds files that no manifest tells of.
func (m Manifest) noOthers(dir string) error {
	known := map[string]bool{ManifestName: true}
	for _, f := range m.Files {
		known[f.Name] = true
	}
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err == nil && !known[filepath.ToSlash(name)] {
			err = fmt.Errorf("%w: %s is not in its manifest", ErrDamaged, filepath.ToSlash(name))
		}
		return err
	})
}
