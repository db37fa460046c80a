package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestManWritesAPageForEveryCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if _, err := run("", "man", dir); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"orderctl.1", "orderctl-import.1", "orderctl-man.1"} {
		if text, err := os.ReadFile(filepath.Join(dir, page)); err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", page, len(text), err)
		}
	}
}
