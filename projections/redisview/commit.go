package redisview

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

// fenceLua ends a script that comes with a lower token (ARGV[1]) than one before it, and remembers a higher one.
// KEYS are the checkpoint and the fence, in every script.
const fenceLua = `
local fence = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[1]) < fence then return 'fenced' end
if tonumber(ARGV[1]) > fence then redis.call('SET', KEYS[2], ARGV[1]) end`

// fenced is the answer to who comes with a lower token.
const fenced = "fenced"

// fenceScript only remembers the token.
var fenceScript = redis.NewScript(fenceLua + `
return ''`)

// commitScript does the commands if the checkpoint is the expected one, and answers "" or the other
// checkpoint. ARGV goes on with from, to, and each command behind the number of its words. The keys in the
// commands share the slot of KEYS.
var commitScript = redis.NewScript(fenceLua + `
local at = redis.call('GET', KEYS[1]) or '0'
if at ~= ARGV[2] then return at end
local i, n = 4, #ARGV
while i <= n do
  local last = i + ARGV[i]
  redis.call(unpack(ARGV, i + 1, last))
  i = last + 1
end
redis.call('SET', KEYS[1], ARGV[3])
return ''`)

// Checkpoint implements [projections.Committer].
func (s *Store) Checkpoint(ctx context.Context) (eventstore.Position, error) {
	value, err := s.client.Get(ctx, s.keys.checkpoint()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return eventstore.Position{}, explain(ctx, err)
	}
	return parseCheckpoint(value)
}

// Fence implements [projections.Fencer].
func (s *Store) Fence(ctx context.Context, token uint64) (projections.Views, error) {
	fenced := &Store{client: s.client, keys: s.keys, token: token}
	_, err := fenced.run(ctx, fenceScript, nil)
	return fenced, err
}

// run runs a script on the checkpoint and the fence and further keys, and gives its answer, if the token was let through.
func (s *Store) run(ctx context.Context, script *redis.Script, names []string, args ...any) (string, error) {
	names = append([]string{s.keys.checkpoint(), s.keys.fence()}, names...)
	answer, err := script.Run(ctx, s.client, names, append([]any{s.token}, args...)...).Text()
	switch {
	case err != nil:
		return "", explain(ctx, err)
	case answer == fenced:
		return "", fmt.Errorf("%w: they belong to a leader after the one with token %d", projections.ErrStale, s.token)
	default:
		return answer, nil
	}
}

// Commit implements [projections.Committer]. After [projections.ErrUnavailable], and after the context's
// error, the batch may have been done: read the checkpoint.
func (s *Store) Commit(ctx context.Context, b projections.Batch) error {
	commands, err := s.keys.commands(b)
	if err != nil {
		return err
	}
	found, err := s.run(ctx, commitScript, nil, commands...)
	if err != nil {
		return err
	}
	if found != "" {
		return fmt.Errorf("%w: it is %s, the batch builds on %s", projections.ErrStale, found, b.From)
	}
	return nil
}

// Wipe implements [projections.Committer]. It removes the keys of these views only, in steps that other
// clients hardly feel; from its first step on, readers find the checkpoint zero and no batch is taken. If it
// is cut short, Wipe completes it. [projections.ErrStale] means that another completed it, and a follower has
// begun to rebuild.
func (s *Store) Wipe(ctx context.Context) error {
	if _, err := s.run(ctx, wipeScript, nil); err != nil {
		return err
	}
	return s.sweep(ctx)
}

// wipeScript marks the views as being wiped.
var wipeScript = redis.NewScript(fenceLua + `
redis.call('SET', KEYS[1], 'wiping')
return ''`)

// sweepScript removes keys if the views are still being wiped, and answers the checkpoint it found.
var sweepScript = redis.NewScript(fenceLua + `
local at = redis.call('GET', KEYS[1]) or '0'
if at == 'wiping' then redis.call('UNLINK', unpack(KEYS, 3)) end
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
	at, err := s.run(ctx, sweepScript, names)
	switch {
	case err != nil:
		return false, err
	case at == wiping:
		return false, nil
	case at == (eventstore.Position{}).String():
		return true, nil
	default:
		return true, fmt.Errorf("%w: it is %s, after another wipe", projections.ErrStale, at)
	}
}
