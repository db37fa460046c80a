package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"orderengine/eventstore/durable"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// keySize is that of all keys here, in bytes: AES-256.
const keySize = 32

const (
	cachedKeys = 16384
	// cachedFor is how long a data key is used before its file is read again, for another server may have destroyed it.
	cachedFor = time.Minute
)

var (
	// ErrNoKey: the folder has no such data key. It was destroyed, or it is lost.
	ErrNoKey = errors.New("there is no such data key")
	// ErrMasterKey: the master key is not the one that wraps the folder's data keys.
	ErrMasterKey = errors.New("it is not the master key of these data keys")
	// ErrOtherFolder: the data key is in another folder: servers do not share one, or it was exchanged.
	ErrOtherFolder = errors.New("the data key is in another folder of data keys")
)

// Keyring is the folder of the patients' data keys, a file each, wrapped by the master key. A file that is gone is a
// key that is gone: no other copy is kept. The folder has a name of its own, which the names of its keys begin with, so
// that a key of another folder is never taken for one that is gone.
type Keyring struct {
	dir    string
	name   string
	master cipher.AEAD
	macKey []byte

	making singleflight.Group // the first keys of patients, by username

	// reading keeps a key that is being destroyed from coming back into the cache.
	reading sync.Mutex
	cache   *lru.Cache[string, cachedKey]
}

type cachedKey struct {
	aead cipher.AEAD
	read time.Time
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
	return key, durable.Create(path, []byte(text))
}

// HasKeys says that a folder has been a keyring's.
func HasKeys(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, checkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// checkFile holds the folder's name wrapped by the master key, so that a wrong one is found when the server starts and
// not when a patient's text cannot be read.
const checkFile = "check"

// OpenKeyring opens a folder, and makes it if there is none, on a file system that has hard links. It fails with
// [ErrMasterKey].
func OpenKeyring(dir string, master []byte) (*Keyring, error) {
	aead, err := newAEAD(master)
	if err != nil {
		return nil, err
	}
	macKey, err := hkdf.Expand(sha256.New, master, "digests of texts", keySize)
	if err != nil {
		return nil, err
	}
	cache, err := lru.New[string, cachedKey](cachedKeys)
	if err != nil {
		return nil, err
	}
	k := &Keyring{dir: dir, master: aead, macKey: macKey, cache: cache}
	if err := k.makeFolders(); err != nil {
		return nil, err
	}
	if k.name, err = k.readName(); errors.Is(err, fs.ErrNotExist) {
		if err = k.makeName(); err == nil {
			k.name, err = k.readName()
		}
	}
	return k, err
}

// makeFolders makes the folder, with 256 in it, for none should have a million files. A copy of it may lack empty ones, and
// may have keys under a second name, which would be there still when they are destroyed.
func (k *Keyring) makeFolders() error {
	for n := range 256 {
		folder := filepath.Join(k.dir, hex.EncodeToString([]byte{byte(n)}))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := durable.RemoveUnfinished(folder); err != nil {
			return err
		}
	}
	return durable.SyncDir(k.dir)
}

func (k *Keyring) makeName() error {
	name := hex.EncodeToString(random(4))
	err := durable.Create(filepath.Join(k.dir, checkFile), seal(k.master, []byte(name), checkFile))
	if errors.Is(err, fs.ErrExist) {
		return nil // another server was faster
	}
	return err
}

func (k *Keyring) readName() (string, error) {
	sealed, err := os.ReadFile(filepath.Join(k.dir, checkFile))
	if err != nil {
		return "", err
	}
	name, err := open(nil, k.master, sealed, checkFile)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrMasterKey, k.dir)
	}
	return string(name), nil
}

// make makes a data key and gives its name.
func (k *Keyring) make() (name string, err error) {
	name = k.name + "." + uuid.NewString()
	path, err := k.file(name)
	if err != nil {
		return "", err
	}
	key := random(keySize)
	aead, err := newAEAD(key)
	if err != nil {
		return "", err
	}
	if err := durable.Create(path, seal(k.master, key, name)); err != nil {
		return "", err
	}
	k.cache.Add(name, cachedKey{aead, time.Now()})
	return name, nil
}

// key is the data key with a name. It fails with [ErrNoKey] and [ErrOtherFolder].
func (k *Keyring) key(name string) (cipher.AEAD, error) {
	if cached, ok := k.cache.Get(name); ok && time.Since(cached.read) < cachedFor {
		return cached.aead, nil
	}
	path, err := k.file(name)
	if err != nil {
		return nil, err
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	k.cache.Remove(name)
	wrapped, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && isBlank(wrapped) {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, name)
	}
	if err != nil {
		return nil, err
	}
	key, err := open(nil, k.master, wrapped, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	k.cache.Add(name, cachedKey{aead, time.Now()})
	return aead, nil
}

// isBlank says that a key was overwritten and is about to be removed.
func isBlank(wrapped []byte) bool {
	for _, b := range wrapped {
		if b != 0 {
			return false
		}
	}
	return true
}

// destroy removes a data key for ever. What is removed already is no error, as long as the folder is there.
func (k *Keyring) destroy(name string) error {
	path, err := k.file(name)
	if err != nil {
		return err
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	k.cache.Remove(name)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := k.readName()
		return err
	}
	if err != nil {
		return err
	}
	// Overwritten first: what a file system still has of a removed file may be its last content.
	_, err = file.Write(make([]byte, 1+nonceSize+keySize+tagSize))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// file is where the data key with a name is. Names come from the log, so they are not trusted.
func (k *Keyring) file(name string) (string, error) {
	folder, key, ok := strings.Cut(name, ".")
	id, err := uuid.Parse(key)
	switch {
	case !ok || err != nil || id.String() != key:
		return "", fmt.Errorf("%w: %q is no name of one", ErrNoKey, name)
	case folder != k.name:
		return "", fmt.Errorf("%w: %s is not in %s", ErrOtherFolder, name, k.dir)
	default:
		return filepath.Join(k.dir, key[:2], key+".key"), nil
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}
