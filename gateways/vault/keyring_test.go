package vault

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAWrongMasterKeyIsFoundAtOnce(t *testing.T) {
	dir := t.TempDir()
	if used, err := HasKeys(dir); used || err != nil {
		t.Errorf("an empty folder: %v, %v", used, err)
	}
	if _, err := OpenKeyring(dir, make([]byte, keySize)); err != nil {
		t.Fatal(err)
	}
	if used, err := HasKeys(dir); !used || err != nil {
		t.Errorf("a keyring's folder: %v, %v", used, err)
	}
	if _, err := OpenKeyring(dir, bytes.Repeat([]byte{1}, keySize)); !errors.Is(err, ErrMasterKey) {
		t.Errorf("another master key: %v", err)
	}
	if _, err := OpenKeyring(dir, make([]byte, keySize)); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestMasterKeyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	made, err := NewMasterKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := MasterKeyFile(path); err != nil || !bytes.Equal(read, made) || len(read) != keySize {
		t.Errorf("%d bytes, %v", len(read), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := NewMasterKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over another: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "short": "QUJD", "no base64": "%%%%", "long": strings.Repeat("QUJD", 11)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := MasterKeyFile(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "32 bytes in base64") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := MasterKeyFile(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestKeyFilesHoldNoKey: they are wrapped, bound to their names, and found out when they are changed or exchanged.
func TestKeyFilesHoldNoKey(t *testing.T) {
	w := newWorld(t)
	w.seal("p1", "a")
	w.seal("p2", "b")
	files := w.files()
	first, err := os.ReadFile(files[0])
	if err != nil || len(first) != 1+nonceSize+keySize+tagSize {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	name := w.Keys.name + "." + strings.TrimSuffix(filepath.Base(files[1]), ".key")
	if err := os.WriteFile(files[1], first, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.keyring().key(name); !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), files[1]) {
		t.Errorf("another's file: %v", err)
	}
	if err := os.WriteFile(files[1], make([]byte, len(first)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.keyring().key(name); !errors.Is(err, ErrNoKey) {
		t.Errorf("one that is being destroyed: %v", err)
	}
}

// TestNamesOfKeysAreNotTrusted: they come from the log, and a path made of one must not leave the folder.
func TestNamesOfKeysAreNotTrusted(t *testing.T) {
	w := newWorld(t)
	const id = "6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11"
	victim := filepath.Join(w.dir, "..", "victim.key")
	if err := os.WriteFile(victim, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := w.Keys.name + "."
	for _, name := range []string{"", "x", ".", own, id, "./../victim", own + "./../victim", own + "{" + id + "}", own + "urn:uuid:" + id, own + strings.ToUpper(id)} {
		if _, err := w.Keys.key(name); !errors.Is(err, ErrNoKey) {
			t.Errorf("key %q: %v", name, err)
		}
		if err := w.Keys.destroy(name); !errors.Is(err, ErrNoKey) {
			t.Errorf("destroy %q: %v", name, err)
		}
	}
	if _, err := w.Keys.key("00000000." + id); !errors.Is(err, ErrOtherFolder) {
		t.Errorf("another folder's: %v", err)
	}
	if text, err := os.ReadFile(victim); string(text) != "x" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestMACs(t *testing.T) {
	w := newWorld(t)
	a := w.Keys.MAC("a", "bc")
	if !bytes.Equal(a, w.keyring().MAC("a", "bc")) || bytes.Equal(a, w.Keys.MAC("ab", "c")) || bytes.Equal(a, w.Keys.MAC("a")) {
		t.Error("digests do not tell lists of texts apart")
	}
	other, err := OpenKeyring(t.TempDir(), make([]byte, keySize))
	if err != nil || bytes.Equal(a, other.MAC("a", "bc")) {
		t.Errorf("another master key gives the same: %v", err)
	}
}

// TestACopyWithoutEmptyFolders is what a backup may make of the folder.
func TestACopyWithoutEmptyFolders(t *testing.T) {
	w := newWorld(t)
	w.seal("p1", "a")
	folders, err := filepath.Glob(filepath.Join(w.dir, "??"))
	if err != nil || len(folders) != 256 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	for _, folder := range folders {
		_ = os.Remove(folder) // it stays if it has a key
	}
	w.Keys = w.keyring()
	for range 20 {
		if _, err := w.Keys.make(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoKeyHasASecondName after its server was killed and the folder was copied: destroyed, it would be there still.
func TestNoKeyHasASecondName(t *testing.T) {
	w := newWorld(t)
	w.seal("p1", "a")
	key := w.files()[0]
	wrapped, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(key), ".new-1")
	if err := os.WriteFile(second, wrapped, 0o600); err != nil {
		t.Fatal(err)
	}
	w.keyring()
	if _, err := os.Stat(second); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second name: %v", err)
	}
	if kept, err := os.ReadFile(key); err != nil || !bytes.Equal(kept, wrapped) {
		t.Errorf("the key: %x, %v", kept, err)
	}
}
