package redisview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// unused is for how long nobody may have looked at a set before it is removed: every server that has one open looks
// at its checkpoint twice a second.
const unused = time.Minute

// Generations keeps sets of views side by side in one Redis, for all the servers that use it.
type Generations struct {
	url    string
	opts   Options
	unused time.Duration
	first  *Store // the version's first set, beside which the line-up stands
}

var _ projections.Generations = (*Generations)(nil)

// OpenGenerations is [Open] for the sets of the version that the options name. It does not connect.
func OpenGenerations(ctx context.Context, serverURL string, opts Options) (*Generations, error) {
	opts.Number = 0
	first, err := Open(ctx, serverURL, opts)
	if err != nil {
		return nil, err
	}
	return &Generations{url: serverURL, opts: opts, unused: unused, first: first}, nil
}

// Close closes the connections, but not those of the sets that were opened.
func (g *Generations) Close() error { return g.first.Close() }

// Lineup implements [projections.Generations].
func (g *Generations) Lineup(ctx context.Context) (projections.Lineup, error) {
	return g.lineup(ctx, g.first.keys)
}

func (g *Generations) lineup(ctx context.Context, of keys) (projections.Lineup, error) {
	text, err := g.first.client.Get(ctx, of.lineup()).Result()
	if errors.Is(err, redis.Nil) {
		return projections.Lineup{}, nil
	}
	if err != nil {
		return projections.Lineup{}, g.first.explain(ctx, err)
	}
	return projections.ParseLineup(text)
}

// swapScript sets a key if it has the expected value, "" being none, and answers the value it found.
var swapScript = redis.NewScript(`
local is = redis.call('GET', KEYS[1]) or ''
if is == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
return is`)

// swap sets a key from one value to another, or fails with [projections.ErrStale].
func (g *Generations) swap(ctx context.Context, key, from, to string) error {
	is, err := swapScript.Run(ctx, g.first.client, []string{key}, from, to).Text()
	if err != nil {
		return g.first.explain(ctx, err)
	}
	if is != from {
		return fmt.Errorf("%w: %s is %q, not %q", projections.ErrStale, key, is, from)
	}
	return nil
}

// Move implements [projections.Generations].
func (g *Generations) Move(ctx context.Context, from, to projections.Lineup) error {
	return g.swap(ctx, g.first.keys.lineup(), from.String(), to.String())
}

// Former implements [projections.Generations].
func (g *Generations) Former(ctx context.Context, oldest int) (projections.Generation, error) {
	for version := g.opts.Version; version >= oldest; version-- {
		set := projections.Generation{Version: version}
		names, err := g.keysOf(set)
		if err != nil {
			return projections.Generation{}, err
		}
		lineup, err := g.lineup(ctx, names)
		if err != nil {
			return projections.Generation{}, err
		}
		if lineup != (projections.Lineup{}) {
			set = lineup.Serving
		}
		if names, err := g.keysOf(set); err == nil && g.isMoved(ctx, names) {
			set = lineup.Building // its server ended before it could say so
		}
		there, err := g.exists(ctx, set)
		if err != nil {
			return projections.Generation{}, err
		}
		if there && set.Version >= oldest {
			return set, nil
		}
	}
	return projections.Generation{}, nil
}

func (g *Generations) keysOf(set projections.Generation) (keys, error) {
	return newKeys(Options{Namespace: g.opts.Namespace, Version: set.Version, Number: set.Number}, len(g.first.keys.parts))
}

func (g *Generations) exists(ctx context.Context, set projections.Generation) (bool, error) {
	if set == (projections.Generation{}) {
		return false, nil
	}
	names, err := g.keysOf(set)
	if err != nil {
		return false, err
	}
	n, err := g.first.client.Exists(ctx, names.checkpoint()).Result()
	return n > 0, g.first.explain(ctx, err)
}

// Open implements [projections.Generations].
func (g *Generations) Open(ctx context.Context, set projections.Generation) (projections.OpenViews, error) {
	return Open(ctx, g.url, Options{Namespace: g.opts.Namespace, Version: set.Version, Number: set.Number})
}

// Switch implements [projections.Generations]. The mark in the checkpoint's place is the switch: every server comes
// upon it with its next read, of whatever part, since no part is left without it when the next set begins to serve.
func (g *Generations) Switch(ctx context.Context, l projections.Lineup, at eventstore.Position) error {
	is, err := g.Lineup(ctx)
	if err != nil {
		return err
	}
	if is != l {
		return fmt.Errorf("%w: the line-up is %q, not %q", projections.ErrStale, is, l)
	}
	if l.Serving.Version == l.Building.Version {
		names, err := g.keysOf(l.Serving)
		if err != nil {
			return err
		}
		from := at.String()
		if at == (eventstore.Position{}) {
			from = ""
		}
		err = g.swap(ctx, names.checkpoint(), from, moved)
		if err != nil && !g.isMoved(ctx, names) {
			return err
		}
		if err := g.mark(ctx, names.parts); err != nil {
			return err
		}
	}
	return g.Move(ctx, l, projections.Lineup{Serving: l.Building})
}

// mark marks all parts after the first has decided. They may be further by now: a commit that the first part has not
// taken was answered to nobody.
func (g *Generations) mark(ctx context.Context, parts []part) error {
	pipe := g.first.client.Pipeline()
	for _, p := range parts {
		pipe.SetXX(ctx, p.checkpoint(), moved, 0)
	}
	_, err := pipe.Exec(ctx)
	return g.first.explain(ctx, err)
}

// isMoved says that a part is marked. Whichever it is, the first one was before it, and may have lost its mark with a
// server since.
func (g *Generations) isMoved(ctx context.Context, names keys) bool {
	pipe := g.first.client.Pipeline()
	for _, p := range names.parts {
		pipe.Get(ctx, p.checkpoint())
	}
	found, _ := pipe.Exec(ctx) // each command has its own error
	return slices.ContainsFunc(found, func(c redis.Cmder) bool { return c.(*redis.StringCmd).Val() == moved })
}

// Tidy implements [projections.Generations].
func (g *Generations) Tidy(ctx context.Context, l projections.Lineup) (done bool, err error) {
	done = true
	for version := 1; version <= g.opts.Version; version++ {
		removed, err := g.tidy(ctx, version, l)
		if err != nil {
			return false, err
		}
		done = done && removed
	}
	return done, nil
}

// tidy removes the sets of a version that are not in the line-up.
func (g *Generations) tidy(ctx context.Context, version int, l projections.Lineup) (done bool, err error) {
	first, err := g.keysOf(projections.Generation{Version: version})
	if err != nil {
		return false, err
	}
	is, err := g.lineup(ctx, first)
	if err != nil {
		return false, err
	}
	done = true
	for number := range max(is.Serving.Number, is.Building.Number) + 1 {
		set := projections.Generation{Version: version, Number: number}
		if set == l.Serving || set == l.Building {
			continue
		}
		removed, err := g.remove(ctx, set)
		if err != nil {
			return false, err
		}
		done = done && removed
	}
	if done && version != g.opts.Version && version != l.Serving.Version {
		err = g.first.explain(ctx, g.first.client.Unlink(ctx, first.lineup()).Err())
	}
	return done, err
}

// remove removes a set that nobody has looked at for long enough.
func (g *Generations) remove(ctx context.Context, set projections.Generation) (done bool, err error) {
	names, err := g.keysOf(set)
	if err != nil {
		return false, err
	}
	idle, err := g.first.client.ObjectIdleTime(ctx, names.checkpoint()).Result()
	if errors.Is(err, redis.Nil) {
		return true, nil
	}
	if err != nil {
		return false, g.first.explain(ctx, err)
	}
	if idle < g.unused {
		return false, nil
	}
	old := &Store{client: g.first.client, together: g.first.together, keys: names, settled: new(atomic.Pointer[eventstore.Position]), apart: g.first.apart}
	if old.token, err = old.lastToken(ctx); err != nil {
		return false, err
	}
	if err := old.Wipe(ctx); err != nil {
		return false, err
	}
	for _, p := range names.parts {
		if err := old.client.Del(ctx, p.fence()).Err(); err != nil {
			return false, g.first.explain(ctx, err)
		}
	}
	return true, nil
}

// lastToken is the highest that a part has seen, with which a set that is not used any more is removed.
func (s *Store) lastToken(ctx context.Context) (last uint64, err error) {
	for _, p := range s.keys.parts {
		token, err := s.client.Get(ctx, p.fence()).Uint64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, s.explain(ctx, err)
		}
		last = max(last, token)
	}
	return last, nil
}
