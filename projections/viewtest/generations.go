package viewtest

import (
	"errors"
	"testing"

	"orderengine/projections"
)

// RunGenerations runs the suite of what keeps sets of views; open opens the sets of a version in a place that is the
// same for the whole test, and was empty.
func RunGenerations(t *testing.T, place func(t *testing.T) (open func(version int) projections.Generations)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, open func(version int) projections.Generations)
	}{
		{"Lineup", testLineup},
		{"SetsAreApart", testSetsAreApart},
		{"Switch", testSwitch},
		{"SwitchAtAnotherCheckpoint", testSwitchStale},
		{"SwitchFromAnOlderVersion", testSwitchVersion},
		{"Former", testFormer},
		{"Tidy", testTidy},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, place(t)) })
	}
}

func set(version, number int) projections.Generation {
	return projections.Generation{Version: version, Number: number}
}

func serving(g projections.Generation) projections.Lineup { return projections.Lineup{Serving: g} }

func openSet(t *testing.T, g projections.Generations, s projections.Generation) projections.OpenViews {
	t.Helper()
	v, err := g.Open(t.Context(), s)
	if err != nil {
		t.Fatalf("open %s: %v", s, err)
	}
	t.Cleanup(func() { closeSet(t, v) })
	return v
}

func closeSet(t *testing.T, v projections.OpenViews) {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func move(t *testing.T, g projections.Generations, from, to projections.Lineup) {
	t.Helper()
	if err := g.Move(t.Context(), from, to); err != nil {
		t.Fatalf("from %q to %q: %v", from, to, err)
	}
}

func wantLineup(t *testing.T, g projections.Generations, want projections.Lineup) {
	t.Helper()
	if is, err := g.Lineup(t.Context()); err != nil || is != want {
		t.Errorf("the line-up is %q, %v, want %q", is, err, want)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func testLineup(t *testing.T, open func(int) projections.Generations) {
	g, other := open(2), open(3)
	wantLineup(t, g, projections.Lineup{})
	first := serving(set(2, 0))
	move(t, g, projections.Lineup{}, first)
	wantError(t, "a second first line-up", g.Move(t.Context(), projections.Lineup{}, serving(set(2, 1))), projections.ErrStale)
	both := projections.Lineup{Serving: set(2, 0), Building: set(2, 1)}
	move(t, g, first, both)
	wantError(t, "from the first again", g.Move(t.Context(), first, both), projections.ErrStale)
	wantLineup(t, open(2), both)
	wantLineup(t, other, projections.Lineup{})
}

func testSetsAreApart(t *testing.T, open func(int) projections.Generations) {
	g := open(2)
	sets := map[projections.Generation]projections.OpenViews{}
	for _, s := range []projections.Generation{set(2, 0), set(2, 1), set(1, 1)} {
		sets[s] = openSet(t, g, s)
		commit(t, sets[s], step(1, put("a", s.String()), list("i", s.String())))
	}
	if err := sets[set(2, 1)].Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	for s, want := range map[projections.Generation]string{set(2, 0): "v2", set(2, 1): "", set(1, 1): "v1.1"} {
		if docs := get(t, sets[s], "a"); string(docs.Values[0]) != want {
			t.Errorf("%s has %q", s, docs.Values[0])
		}
	}
}

func testSwitch(t *testing.T, open func(int) projections.Generations) {
	g := open(2)
	old, next := openSet(t, g, set(2, 0)), openSet(t, g, set(2, 1))
	commit(t, old, step(1, put("a", "old")))
	commit(t, next, step(1, put("a", "new")))
	both := projections.Lineup{Serving: set(2, 0), Building: set(2, 1)}
	move(t, g, projections.Lineup{}, both)
	if err := g.Switch(t.Context(), both, at(1)); err != nil {
		t.Fatal(err)
	}
	wantLineup(t, g, serving(set(2, 1)))
	wantError(t, "a second switch", g.Switch(t.Context(), both, at(1)), projections.ErrStale)
	wantError(t, "a batch for the old set", old.Commit(t.Context(), step(2)), projections.ErrMoved)
	_, err := old.Checkpoint(t.Context())
	wantError(t, "the old set's checkpoint", err, projections.ErrMoved)
	_, err = old.Get(t.Context(), "a")
	wantError(t, "a read of the old set", err, projections.ErrMoved)
	_, err = old.Page(t.Context(), "i", projections.Cut{Limit: 1})
	wantError(t, "a page of the old set", err, projections.ErrMoved)
	_, err = old.Range(t.Context(), "i", projections.Range{Limit: 1})
	wantError(t, "a range of the old set", err, projections.ErrMoved)
	if docs := get(t, next, "a"); string(docs.Values[0]) != "new" || docs.At != at(1) {
		t.Errorf("the new set has %q at %s", docs.Values[0], docs.At)
	}
	commit(t, next, step(2, put("a", "newer")))
}

func testSwitchStale(t *testing.T, open func(int) projections.Generations) {
	g := open(2)
	old := openSet(t, g, set(2, 0))
	commit(t, old, step(1))
	commit(t, old, step(2))
	both := projections.Lineup{Serving: set(2, 0), Building: set(2, 1)}
	move(t, g, projections.Lineup{}, both)
	wantError(t, "at an earlier checkpoint", g.Switch(t.Context(), both, at(1)), projections.ErrStale)
	wantError(t, "at zero", g.Switch(t.Context(), both, at(0)), projections.ErrStale)
	wantLineup(t, g, both)
	commit(t, old, step(3)) // it goes on
	if err := g.Switch(t.Context(), both, at(3)); err != nil {
		t.Error(err)
	}
}

// testSwitchVersion leaves the old set to servers of the old version.
func testSwitchVersion(t *testing.T, open func(int) projections.Generations) {
	g := open(3)
	old := openSet(t, g, set(2, 1))
	commit(t, old, step(1))
	both := projections.Lineup{Serving: set(2, 1), Building: set(3, 0)}
	move(t, g, projections.Lineup{}, both)
	if err := g.Switch(t.Context(), both, at(1)); err != nil {
		t.Fatal(err)
	}
	wantLineup(t, g, serving(set(3, 0)))
	wantLineup(t, open(2), projections.Lineup{})
}

func testFormer(t *testing.T, open func(int) projections.Generations) {
	former := func(version, oldest int, want projections.Generation) {
		t.Helper()
		if is, err := open(version).Former(t.Context(), oldest); err != nil || is != want {
			t.Errorf("before version %d, from %d on: %s, %v, want %s", version, oldest, is, err, want)
		}
	}
	former(2, 1, projections.Generation{})
	g := open(2)
	v1 := openSet(t, g, set(1, 0)) // of a server that knew no line-ups
	commit(t, v1, step(1))
	former(2, 1, set(1, 0))
	former(2, 2, projections.Generation{})
	move(t, g, projections.Lineup{}, projections.Lineup{Serving: set(1, 0), Building: set(2, 0)})
	former(3, 2, projections.Generation{})
	former(3, 1, set(1, 0))
	v2 := openSet(t, g, set(2, 0))
	commit(t, v2, step(1))
	move(t, g, projections.Lineup{Serving: set(1, 0), Building: set(2, 0)}, projections.Lineup{Serving: set(2, 0), Building: set(2, 1)})
	commit(t, openSet(t, g, set(2, 1)), step(1))
	former(3, 1, set(2, 0))
	former(3, 3, projections.Generation{})
}

func testTidy(t *testing.T, open func(int) projections.Generations) {
	g := open(2)
	sets := map[projections.Generation]projections.OpenViews{}
	for _, s := range []projections.Generation{set(1, 0), set(2, 0), set(2, 1), set(2, 2), set(3, 0)} {
		sets[s] = openSet(t, g, s)
		commit(t, sets[s], step(1, put("a", s.String())))
	}
	lineup := projections.Lineup{Serving: set(2, 1), Building: set(2, 2)}
	move(t, g, projections.Lineup{}, lineup)
	for _, s := range []projections.Generation{set(1, 0), set(2, 0)} {
		closeSet(t, sets[s])
	}
	for done := false; !done; {
		var err error
		if done, err = g.Tidy(t.Context(), lineup); err != nil {
			t.Fatal(err)
		}
	}
	for s, want := range map[projections.Generation]string{set(2, 1): "v2.1", set(2, 2): "v2.2", set(3, 0): "v3"} {
		if docs := get(t, sets[s], "a"); string(docs.Values[0]) != want {
			t.Errorf("%s has %q", s, docs.Values[0])
		}
	}
	for _, s := range []projections.Generation{set(1, 0), set(2, 0)} {
		if docs := get(t, openSet(t, g, s), "a"); docs.Values[0] != nil || docs.At != at(0) {
			t.Errorf("%s has %q at %s", s, docs.Values[0], docs.At)
		}
	}
}
