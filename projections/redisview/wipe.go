package redisview

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Wipe implements [projections.Committer]. It removes the keys of these views only, in steps that other
// clients hardly feel; from its first step on, readers find the checkpoint zero and no batch is taken. If it
// is cut short, Wipe completes it. [projections.ErrStale] means that another completed it, and a follower has
// begun to rebuild.
func (s *Store) Wipe(ctx context.Context) error {
	if _, err := s.run(ctx, wipeScript, s.everywhere()); err != nil {
		return err
	}
	return s.sweep(ctx)
}

// sweep removes all keys, the marks of the wipe last. Every step is fenced by the mark: when another sweep
// ends first and a follower builds anew, this one must not remove what that follower writes.
func (s *Store) sweep(ctx context.Context) error {
	for {
		var found atomic.Bool
		err := s.scan(ctx, func(names []string) error {
			found.Store(found.Load() || len(names) > 0)
			return s.unlink(ctx, names)
		})
		if err != nil {
			return err
		}
		if !found.Load() || !s.keys.split() {
			break // a cluster may have moved keys from a server that was not scanned yet to one that was
		}
	}
	marks := s.everywhere()
	for i, p := range s.keys.parts {
		marks[i].names = []string{p.checkpoint()}
	}
	return s.removed(ctx, marks)
}

// unlink is one step of the sweep.
func (s *Store) unlink(ctx context.Context, names []string) error {
	calls := s.everywhere()
	for _, name := range names {
		if i, ours := s.keys.placeOf(name); ours {
			calls[i].names = append(calls[i].names, name)
		}
	}
	calls = slices.DeleteFunc(calls, func(c call) bool { return len(c.names) == 0 })
	if len(calls) == 0 {
		return nil
	}
	return s.removed(ctx, calls)
}

// removed runs the script, and says who else has wiped the part.
func (s *Store) removed(ctx context.Context, calls []call) error {
	answers, err := s.run(ctx, sweepScript, calls)
	if err != nil {
		return err
	}
	for _, at := range answers {
		if at != wiping && at != (eventstore.Position{}).String() {
			return fmt.Errorf("%w: it is %s, after another wipe", projections.ErrStale, at)
		}
	}
	return nil
}

// scan gives the names of the views' documents and indexes, step by step, from every server at once. A name may
// come twice.
func (s *Store) scan(ctx context.Context, do func(names []string) error) error {
	const step = 1000 // keys; Lua's stack takes 8000
	server := func(ctx context.Context, client *redis.Client) error {
		found := client.Scan(ctx, 0, s.keys.start+"*", step).Iterator()
		for more := true; more; {
			var names []string
			names, more = s.take(ctx, found, step)
			if err := do(names); err != nil {
				return err
			}
		}
		return s.explain(ctx, found.Err())
	}
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return s.explain(ctx, cluster.ForEachMaster(ctx, server))
	}
	return server(ctx, s.client.(*redis.Client))
}

// take collects up to n names; more says whether there may be others.
func (s *Store) take(ctx context.Context, found *redis.ScanIterator, n int) (names []string, more bool) {
	for found.Next(ctx) {
		if _, ours := s.keys.placeOf(found.Val()); !ours {
			continue
		}
		if names = append(names, found.Val()); len(names) == n {
			return names, true
		}
	}
	return names, false
}
