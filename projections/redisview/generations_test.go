package redisview_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/projections/viewtest"
	"orderengine/test/redistest"
)

func TestGenerations(t *testing.T) { viewtest.RunGenerations(t, places(redistest.Start(t), 0)) }

func TestLive(t *testing.T) { viewtest.RunLive(t, places(redistest.Start(t), 0)) }

func TestShared(t *testing.T) {
	server := redistest.Start(t)
	open, n := places(server, time.Minute), 0
	viewtest.RunShared(t, func(t *testing.T) (func(version int) projections.Generations, func(version int) projections.Lease) {
		n++
		leases, err := redisview.OpenLeases(server.URL(), redisview.Options{Namespace: fmt.Sprint("leases-", n)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { leases.Close() })
		return open(t), func(version int) projections.Lease { return leases.Lease(fmt.Sprint("projector-v", version), false) }
	})
}

// places gives each test a place of its own in the server, where sets are removed once they were not used for so long.
func places(server *redistest.Server, unused time.Duration) func(t *testing.T) func(version int) projections.Generations {
	n := 0
	return func(t *testing.T) func(version int) projections.Generations {
		n++
		namespace := fmt.Sprint("place-", n)
		return func(version int) projections.Generations {
			g := generations(t, server, redisview.Options{Namespace: namespace, Version: version})
			g.SetUnused(unused)
			return g
		}
	}
}

func generations(t *testing.T, server *redistest.Server, opts redisview.Options) *redisview.Generations {
	t.Helper()
	g, err := redisview.OpenGenerations(t.Context(), server.URL(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// TestUsedSetsStay has sets that a server may still have open: they are left until nobody has looked at them for a minute.
func TestUsedSetsStay(t *testing.T) {
	server := redistest.Start(t)
	g := generations(t, server, redisview.Options{Version: 2})
	for _, o := range []redisview.Options{{Version: 1}, {Version: 2}, {Version: 2, Number: 1}} {
		commit(t, mustOpen(t, server.URL(), o), 0, 1, put("a", "1"), list("i", "m"))
	}
	lineup := projections.Lineup{Serving: projections.Generation{Version: 2, Number: 1}}
	if err := g.Move(t.Context(), projections.Lineup{}, lineup); err != nil {
		t.Fatal(err)
	}
	if done, err := g.Tidy(t.Context(), lineup); done || err != nil {
		t.Errorf("tidied %v, %v", done, err)
	}
	client := raw(t, server)
	left := func() []string {
		names, err := client.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	if n := len(left()); n != 3*3+1 {
		t.Errorf("%d keys are left: %q", n, left())
	}
	g.SetUnused(0)
	if done, err := g.Tidy(t.Context(), lineup); !done || err != nil {
		t.Errorf("tidied %v, %v", done, err)
	}
	if want := []string{"{orderd:v2.1}:d:a", "{orderd:v2.1}:i:i", "{orderd:v2.1}:k", "{orderd:v2}:lineup"}; !slices.Equal(left(), want) {
		t.Errorf("left are %q", left())
	}
}

// TestASwitchThatWasCutShort after its mark is made again by whoever comes upon it, and a newer version knows which
// set had taken over.
func TestASwitchThatWasCutShort(t *testing.T) {
	server := redistest.Start(t)
	g := generations(t, server, redisview.Options{Version: 2})
	both := projections.Lineup{Serving: projections.Generation{Version: 2}, Building: projections.Generation{Version: 2, Number: 1}}
	if err := g.Move(t.Context(), projections.Lineup{}, both); err != nil {
		t.Fatal(err)
	}
	old := mustOpen(t, server.URL(), redisview.Options{Version: 2})
	commit(t, old, 0, 1)
	commit(t, mustOpen(t, server.URL(), redisview.Options{Version: 2, Number: 1}), 0, 1)
	if err := raw(t, server).Set(t.Context(), "{orderd:v2}:k", "moved", 0).Err(); err != nil {
		t.Fatal(err)
	}
	newer := generations(t, server, redisview.Options{Version: 3})
	if former, err := newer.Former(t.Context(), 2); err != nil || former != both.Building {
		t.Errorf("%s serves, %v", former, err)
	}
	if err := g.Switch(t.Context(), both, position(1)); err != nil {
		t.Error(err)
	}
	if is, err := g.Lineup(t.Context()); err != nil || is != (projections.Lineup{Serving: both.Building}) {
		t.Errorf("the line-up is %q, %v", is, err)
	}
}

func TestGenerationsWithoutServer(t *testing.T) {
	server := redistest.Start(t)
	g := generations(t, server, redisview.Options{Version: 2})
	server.Stop()
	l := projections.Lineup{Serving: projections.Generation{Version: 2}, Building: projections.Generation{Version: 2, Number: 1}}
	_, errLineup := g.Lineup(t.Context())
	_, errFormer := g.Former(t.Context(), 1)
	_, errTidy := g.Tidy(t.Context(), l)
	for call, err := range map[string]error{"Lineup": errLineup, "Former": errFormer, "Tidy": errTidy,
		"Move": g.Move(t.Context(), projections.Lineup{}, l), "Switch": g.Switch(t.Context(), l, position(1))} {
		if !errors.Is(err, projections.ErrUnavailable) {
			t.Errorf("%s: %v, want %v", call, err, projections.ErrUnavailable)
		}
	}
}
