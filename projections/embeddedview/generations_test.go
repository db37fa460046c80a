package embeddedview_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"orderengine/projections"
	"orderengine/projections/embeddedview"
	"orderengine/projections/viewtest"
)

func TestGenerations(t *testing.T) {
	viewtest.RunGenerations(t, func(t *testing.T) func(version int) projections.Generations {
		dir := t.TempDir()
		return func(version int) projections.Generations { return generations(t, dir, version) }
	})
}

func TestLive(t *testing.T) {
	viewtest.RunLive(t, func(t *testing.T) func(version int) projections.Generations {
		dir := t.TempDir()
		return func(version int) projections.Generations { return generations(t, dir, version) }
	})
}

func generations(t *testing.T, dir string, version int) *embeddedview.Generations {
	t.Helper()
	g, err := embeddedview.OpenGenerations(dir, version, embeddedview.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestDamagedSetIsBegunAnew and so is one that another program has written.
func TestDamagedSetIsBegunAnew(t *testing.T) {
	dir := t.TempDir()
	fillTables(t, filepath.Join(dir, "v2"))
	scribble(t, filepath.Join(dir, "v2", "MANIFEST-*"))
	views, err := generations(t, dir, 2).Open(t.Context(), projections.Generation{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	if at, err := views.Checkpoint(t.Context()); err != nil || at != position(0) {
		t.Errorf("at %s, %v", at, err)
	}
}

// TestUnreadableLineup goes by the folders: the lowest number served before the others were begun.
func TestUnreadableLineup(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"v2.1", "v2.2", "v1", "other", "v02"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "v2.lineup"), []byte("v2 v2.1 v"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := generations(t, dir, 2)
	if is, err := g.Lineup(t.Context()); err != nil || is != (projections.Lineup{}) {
		t.Errorf("the line-up is %q, %v", is, err)
	}
	serving, err := g.Former(t.Context(), 2)
	if want := (projections.Generation{Version: 2, Number: 1}); err != nil || serving != want {
		t.Errorf("%s serves, %v, want %s", serving, err, want)
	}
	if err := g.Move(t.Context(), projections.Lineup{}, projections.Lineup{Serving: serving}); err != nil {
		t.Error(err)
	}
	if done, err := g.Tidy(t.Context(), projections.Lineup{Serving: serving}); !done || err != nil {
		t.Errorf("tidied %v, %v", done, err)
	}
	var left []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if len(left) != 4 || left[0] != "other" || left[1] != "v02" || left[2] != "v2.1" || left[3] != "v2.lineup" {
		t.Errorf("left are %v", left)
	}
}
