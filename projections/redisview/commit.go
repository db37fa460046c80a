package redisview

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// commitScript does the commands if the checkpoint is the expected one, and answers "" or the other
// checkpoint. ARGV is from, to, and each command behind the number of its words. The keys in the commands
// share the slot of KEYS[1].
var commitScript = redis.NewScript(`
local at = redis.call('GET', KEYS[1]) or '0'
if at ~= ARGV[1] then return at end
local i, n = 3, #ARGV
while i <= n do
  local last = i + ARGV[i]
  redis.call(unpack(ARGV, i + 1, last))
  i = last + 1
end
redis.call('SET', KEYS[1], ARGV[2])
return ''`)

// Checkpoint implements [projections.Committer]. It completes a wipe that was cut short.
func (s *Store) Checkpoint(ctx context.Context) (eventstore.Position, error) {
	value, err := s.client.Get(ctx, s.keys.checkpoint()).Result()
	if errors.Is(err, redis.Nil) {
		return eventstore.Position{}, nil
	}
	if err != nil {
		return eventstore.Position{}, explain(ctx, err)
	}
	if value == wiping {
		return eventstore.Position{}, s.sweep(ctx)
	}
	return parseCheckpoint(value)
}

// Commit implements [projections.Committer]. After [projections.ErrUnavailable], and after the context's
// error, the batch may have been done: read the checkpoint.
func (s *Store) Commit(ctx context.Context, b projections.Batch) error {
	commands, err := s.keys.commands(b)
	if err != nil {
		return err
	}
	found, err := commitScript.Run(ctx, s.client, []string{s.keys.checkpoint()}, commands...).Text()
	if err != nil {
		return explain(ctx, err)
	}
	if found == moved {
		return projections.ErrMoved
	}
	if found != "" {
		return fmt.Errorf("%w: it is %s, the batch builds on %s", projections.ErrStale, found, b.From)
	}
	return nil
}

// Wipe implements [projections.Committer]. It removes the keys of these views only, in steps that other
// clients hardly feel; from its first step on, readers find the checkpoint zero and no batch is taken. If it
// is cut short, Wipe or Checkpoint completes it. [projections.ErrStale] means that another completed it, and
// a follower has begun to rebuild.
func (s *Store) Wipe(ctx context.Context) error {
	if err := s.client.Set(ctx, s.keys.checkpoint(), wiping, 0).Err(); err != nil {
		return explain(ctx, err)
	}
	return s.sweep(ctx)
}

// sweepScript removes keys if the views are still being wiped, and answers the checkpoint it found.
var sweepScript = redis.NewScript(`
local at = redis.call('GET', KEYS[1]) or '0'
if at == 'wiping' then redis.call('UNLINK', unpack(KEYS, 2)) end
return at`)

// sweep removes all keys, the mark of the wipe last. Every step is fenced by the mark: when another sweep
// ends first and a follower builds anew, this one must not remove what that follower writes.
func (s *Store) sweep(ctx context.Context) error {
	const step = 1000 // keys; Lua's stack takes 8000
	for _, kind := range []string{s.keys.documents(), s.keys.indexes()} {
		found := s.client.Scan(ctx, 0, kind+"*", step).Iterator()
		for more := true; more; {
			var names []string
			if names, more = take(ctx, found, step); len(names) == 0 {
				break
			}
			if done, err := s.unlink(ctx, names); done || err != nil {
				return err
			}
		}
		if err := found.Err(); err != nil {
			return explain(ctx, err)
		}
	}
	_, err := s.unlink(ctx, []string{s.keys.checkpoint()})
	return err
}

// take collects up to n names; more says whether there may be others.
func take(ctx context.Context, found *redis.ScanIterator, n int) (names []string, more bool) {
	for found.Next(ctx) {
		if names = append(names, found.Val()); len(names) == n {
			return names, true
		}
	}
	return names, false
}

// unlink is one step of the sweep; done says that there is nothing left to wipe.
func (s *Store) unlink(ctx context.Context, names []string) (done bool, err error) {
	at, err := sweepScript.Run(ctx, s.client, append([]string{s.keys.checkpoint()}, names...)).Text()
	switch {
	case err != nil:
		return false, explain(ctx, err)
	case at == wiping:
		return false, nil
	case at == (eventstore.Position{}).String():
		return true, nil
	default:
		return true, fmt.Errorf("%w: it is %s, after another wipe", projections.ErrStale, at)
	}
}
