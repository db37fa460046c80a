package redisview

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"orderengine/projections"
)

// callLimit bounds a call of one or several servers, the client's own attempts included.
const callLimit = 3 * time.Second

// fenceLua ends a script that comes with a lower token (ARGV[1]) than one before it, and remembers a higher one.
// KEYS are the checkpoint and the fence of a part, and further keys of it, in every script.
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
// checkpoint. ARGV goes on with from, to, and each command behind the number of its words.
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

// wipeScript marks the views as being wiped.
var wipeScript = redis.NewScript(fenceLua + `
redis.call('SET', KEYS[1], 'wiping')
return ''`)

// sweepScript removes keys if the views are still being wiped, and answers the checkpoint it found.
var sweepScript = redis.NewScript(fenceLua + `
local at = redis.call('GET', KEYS[1]) or '0'
if at == 'wiping' then redis.call('UNLINK', unpack(KEYS, 3)) end
return at`)

// call is one run of a script on a part.
type call struct {
	part  int
	names []string // further keys
	words []any    // the arguments; the first is the token
}

// everywhere are calls on every part that bring nothing further.
func (s *Store) everywhere() []call {
	calls := make([]call, len(s.keys.parts))
	for i := range calls {
		calls[i] = call{part: i, words: []any{s.token}}
	}
	return calls
}

// run runs a script, in one round trip to each server, and gives the answers if no part is fenced. After an
// error it may have been done on some of the parts.
func (s *Store) run(ctx context.Context, script *redis.Script, calls []call) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	commands := s.send(ctx, script.EvalSha, calls)
	var unknown []int // servers that do not know the script yet
	for i, command := range commands {
		if redis.HasErrorPrefix(command.Err(), "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) > 0 {
		again := make([]call, len(unknown))
		for n, i := range unknown {
			again[n] = calls[i]
		}
		for n, command := range s.send(ctx, script.Eval, again) {
			commands[unknown[n]] = command
		}
	}
	return s.answers(ctx, commands)
}

func (s *Store) send(ctx context.Context, run func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd, calls []call) []*redis.Cmd {
	pipe := s.client.Pipeline()
	commands := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		p := s.keys.parts[c.part]
		commands[i] = run(ctx, pipe, append([]string{p.checkpoint(), p.fence()}, c.names...), c.words...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	return commands
}

func (s *Store) answers(ctx context.Context, commands []*redis.Cmd) ([]string, error) {
	answers := make([]string, len(commands))
	for i, command := range commands {
		var err error
		if answers[i], err = command.Text(); err != nil {
			return nil, s.explain(ctx, err)
		}
	}
	for _, answer := range answers {
		if answer == fenced {
			return nil, fmt.Errorf("%w: they belong to a leader after the one with token %d", projections.ErrStale, s.token)
		}
	}
	return answers, nil
}
