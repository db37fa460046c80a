package redisview_test

import (
	"errors"
	"testing"
	"time"

	"orderengine/eventstore"
	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/test/redistest"
)

// TestAnEarlierLeaderIsFencedOff has a leader go on after the next one has begun: whatever it does changes nothing.
func TestAnEarlierLeaderIsFencedOff(t *testing.T) {
	store := mustOpen(t, redistest.Start(t).URL(), redisview.Options{})
	lead := func(token uint64) projections.Views {
		t.Helper()
		views, err := store.Fence(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return views
	}
	first := lead(7)
	step := func(from, to uint64, value string) projections.Batch {
		return projections.Batch{From: position(from), To: position(to), Ops: []projections.Op{put("a", value), list("i", value)}}
	}
	if err := first.Commit(t.Context(), step(0, 1, "first")); err != nil {
		t.Fatal(err)
	}
	second := lead(8) // and has not committed yet
	_, fence := store.Fence(t.Context(), 7)
	for call, err := range map[string]error{
		"the commit of an earlier leader": first.Commit(t.Context(), step(1, 2, "late")),
		"its wipe":                        first.Wipe(t.Context()),
		"its fence":                       fence,
		"a commit of no leader":           store.Commit(t.Context(), step(1, 2, "stray")),
		"a wipe of no leader":             store.Wipe(t.Context()),
	} {
		if !errors.Is(err, projections.ErrStale) {
			t.Errorf("%s: %v, want %v", call, err, projections.ErrStale)
		}
	}
	page, err := store.Page(t.Context(), "i", projections.Cut{Limit: 9})
	if err != nil || len(page.Members) != 1 || page.Members[0] != "first" || page.At != position(1) {
		t.Errorf("the index is %+v, %v", page, err)
	}
	if err := second.Commit(t.Context(), step(1, 3, "second")); err != nil {
		t.Error(err)
	}
	if err := second.Wipe(t.Context()); err != nil {
		t.Error(err)
	}
	if err := first.Commit(t.Context(), step(0, 1, "late")); !errors.Is(err, projections.ErrStale) {
		t.Errorf("a wipe takes the fence away: %v", err)
	}
	if docs, err := store.Get(t.Context(), "a"); err != nil || docs.Values[0] != nil || docs.At != (eventstore.Position{}) {
		t.Errorf("after the wipe: %q at %s, %v", docs.Values, docs.At, err)
	}
}

const ttl = time.Minute

func TestLease(t *testing.T) {
	server := redistest.Start(t)
	client := raw(t, server)
	leases, err := redisview.OpenLeases(server.URL(), redisview.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leases.Close() })
	lease, other := leases.Lease("x", false), leases.Lease("y", false)
	claim := func(l projections.Lease, holder string) projections.Claim {
		t.Helper()
		c, err := l.Claim(t.Context(), holder, ttl)
		if err != nil || c.Left <= ttl/2 || c.Left > ttl {
			t.Fatalf("%+v, %v", c, err)
		}
		return c
	}
	first := claim(lease, "a host/1")
	if first.Holder != "a host/1" || first.Token == 0 {
		t.Errorf("%+v", first)
	}
	if kept := claim(lease, "a host/1"); kept.Token != first.Token {
		t.Errorf("kept under token %d, was %d", kept.Token, first.Token)
	}
	if seen := claim(lease, "b"); seen.Holder != "a host/1" || seen.Token != first.Token {
		t.Errorf("another sees %+v", seen)
	}
	if c := claim(other, "b"); c.Holder != "b" {
		t.Errorf("a lease of another name is %+v", c)
	}
	if err := lease.Release(t.Context(), "b"); err != nil { // it is not b's to give back
		t.Error(err)
	}
	if seen := claim(lease, "b"); seen.Holder != "a host/1" {
		t.Errorf("another gave it back: %+v", seen)
	}
	if err := lease.Release(t.Context(), "a host/1"); err != nil {
		t.Error(err)
	}
	second := claim(lease, "b")
	if second.Holder != "b" || second.Token <= first.Token {
		t.Errorf("after it was given back: %+v", second)
	}
	if taken := claim(leases.Lease("x", true), "c"); taken.Holder != "c" || taken.Token <= second.Token {
		t.Errorf("who is alone gets %+v", taken)
	}
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if c := claim(lease, "d"); c.Holder != "d" || c.Token <= second.Token {
		t.Errorf("after everything was lost: %+v", c)
	}
}

func TestLeaseEndsByItself(t *testing.T) {
	server := redistest.Start(t)
	leases, err := redisview.OpenLeases(server.URL(), redisview.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leases.Close() })
	lease := leases.Lease("x", false)
	if _, err := lease.Claim(t.Context(), "a", 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another gets it", func() bool {
		c, err := lease.Claim(t.Context(), "b", ttl)
		return err == nil && c.Holder == "b"
	})
	server.Stop()
	if _, err := lease.Claim(t.Context(), "b", ttl); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("without a server: %v, want %v", err, projections.ErrUnavailable)
	}
	if err := lease.Release(t.Context(), "b"); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("release without a server: %v, want %v", err, projections.ErrUnavailable)
	}
}
