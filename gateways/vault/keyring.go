package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
)

// keySize is that of all keys here, in bytes: AES-256.
const keySize = 32

// cachedKeys is how many data keys are held in memory.
const cachedKeys = 16384

// ErrNoKey: the folder has no such data key. It was destroyed, or it is lost.
var ErrNoKey = errors.New("there is no such data key")

// ErrMasterKey: the master key is not the one that wraps the folder's data keys.
var ErrMasterKey = errors.New("it is not the master key of these data keys")

// Keyring is the folder of the patients' data keys, a file each, wrapped by the master key. A file that is gone is a
// key that is gone: no other copy is kept.
type Keyring struct {
	dir    string
	master cipher.AEAD
	cache  *lru.Cache[string, cipher.AEAD]
}

// MasterKeyFile reads a master key: 32 bytes in base64.
func MasterKeyFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s does not hold %d bytes in base64; such a key is made by: head -c %d /dev/urandom | base64", path, keySize, keySize)
	}
	return key, nil
}

// NewMasterKeyFile makes a master key and the file for it, which must not be there.
func NewMasterKeyFile(path string) ([]byte, error) {
	key := random(keySize)
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	return key, create(path, []byte(text))
}

// HasKeys says that a folder has been a keyring's.
func HasKeys(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, checkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// checkFile holds checkText wrapped by the master key, so that a wrong one is found when the server starts and not when
// a patient's text cannot be read.
const checkFile, checkText = "check", "the master key of these data keys"

// OpenKeyring opens a folder, and makes it if there is none. It fails with [ErrMasterKey].
func OpenKeyring(dir string, master []byte) (*Keyring, error) {
	aead, err := newAEAD(master)
	if err != nil {
		return nil, err
	}
	cache, err := lru.New[string, cipher.AEAD](cachedKeys)
	if err != nil {
		return nil, err
	}
	k := &Keyring{dir: dir, master: aead, cache: cache}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return k, k.check()
}

func (k *Keyring) check() error {
	path := filepath.Join(k.dir, checkFile)
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path, seal(k.master, []byte(checkText), checkFile)); !errors.Is(err, fs.ErrExist) {
			return err
		}
		sealed, err = os.ReadFile(path) // another server was faster
	}
	if err != nil {
		return err
	}
	if text, err := open(k.master, sealed, checkFile); err != nil || string(text) != checkText {
		return fmt.Errorf("%w: %s", ErrMasterKey, k.dir)
	}
	return nil
}

// make makes a data key and gives its name.
func (k *Keyring) make() (name string, err error) {
	name = uuid.NewString()
	key := random(keySize)
	aead, err := newAEAD(key)
	if err != nil {
		return "", err
	}
	path := k.file(name)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err == nil {
		err = syncDir(k.dir)
		if err != nil {
			return "", err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := create(path, seal(k.master, key, name)); err != nil {
		return "", err
	}
	k.cache.Add(name, aead)
	return name, nil
}

// key is the data key with a name, or [ErrNoKey].
func (k *Keyring) key(name string) (cipher.AEAD, error) {
	if aead, ok := k.cache.Get(name); ok {
		return aead, nil
	}
	if uuid.Validate(name) != nil {
		return nil, fmt.Errorf("%w: %q", ErrNoKey, name)
	}
	wrapped, err := os.ReadFile(k.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, name)
	}
	if err != nil {
		return nil, err
	}
	key, err := open(k.master, wrapped, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.file(name), err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	k.cache.Add(name, aead)
	return aead, nil
}

// destroy removes a data key for ever. What is removed already is no error.
func (k *Keyring) destroy(name string) error {
	k.cache.Remove(name)
	path := k.file(name)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Overwritten first: what a file system still has of a removed file would be its last content.
	_, err = file.Write(make([]byte, 1+nonceSize+keySize+tagSize))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// file is where a data key is: in 256 folders, for no folder should have a million files.
func (k *Keyring) file(name string) string { return filepath.Join(k.dir, name[:2], name+".key") }

// create makes a file that survives a crash whole or not at all; it fails with fs.ErrExist if it is there.
func create(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}
