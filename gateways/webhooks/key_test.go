package webhooks_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderengine/gateways/webhooks"
)

func TestKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys", "webhooks.key")
	key, made, err := webhooks.OpenKey(file)
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	again, made, err := webhooks.OpenKey(file)
	if err != nil || made {
		t.Fatalf("made again %v, %v", made, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	sealed := key.Seal("H1", secret)
	if bytes.Contains(sealed, []byte(secret)) || !bytes.Equal(sealed, again.Seal("H1", secret)) || bytes.Equal(sealed, key.Seal("H2", secret)) ||
		bytes.Equal(sealed, key.Seal("H1", secret+"x")) {
		t.Errorf("sealed %x", sealed)
	}
	if got, err := again.Open("H1", sealed); err != nil || got != secret {
		t.Errorf("%q, %v", got, err)
	}
	other, _, err := webhooks.OpenKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() (string, error){
		"another key":      func() (string, error) { return other.Open("H1", sealed) },
		"another hospital": func() (string, error) { return key.Open("H2", sealed) },
		"a changed byte":   func() (string, error) { return key.Open("H1", changed) },
		"too short":        func() (string, error) { return key.Open("H1", sealed[:5]) },
		"nothing":          func() (string, error) { return key.Open("H1", nil) },
	} {
		if got, err := open(); !errors.Is(err, webhooks.ErrSealed) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestDamagedFilesAreNamed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "xyz", strings.Repeat("ab", 31), strings.Repeat("ab", 33)} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := webhooks.OpenKey(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("key %q: %v", text, err)
		}
		if _, err := webhooks.ServerName(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("name %q: %v", text, err)
		}
	}
}

func TestAServerKeepsItsName(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "server.name")
	name, err := webhooks.ServerName(file)
	again, err2 := webhooks.ServerName(file)
	other, err3 := webhooks.ServerName(file + "2")
	if err != nil || err2 != nil || err3 != nil || name != again || name == other || len(name) != 16 {
		t.Errorf("%q %q %q, %v %v %v", name, again, other, err, err2, err3)
	}
}
