package redisview

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"orderengine/projections"
)

// leaseConnections are enough for the claims of one process.
const leaseConnections = 4

// Leases are those of the processes that share a server or a cluster. They have connections of their own, so that
// a claim never waits for a read.
type Leases struct {
	client    redis.UniversalClient
	namespace string
}

// OpenLeases takes the URL and the namespace of the views; like [Open], it does not connect.
func OpenLeases(serverURL string, opts Options) (*Leases, error) {
	server, err := parseURL(serverURL)
	if err != nil {
		return nil, err
	}
	names, err := newKeys(opts, server.parts())
	if err != nil {
		return nil, err
	}
	return &Leases{client: server.connect(leaseConnections), namespace: names.namespace}, nil
}

// Close closes the connections.
func (l *Leases) Close() error { return closed(l.client) }

// Lease is the lease with a name. Alone says that there can be no other process: whoever has the lease has
// ended, and it is taken at once.
func (l *Leases) Lease(name string, alone bool) projections.Lease {
	tag := "{" + l.namespace + ":" + name + "}:"
	return &lease{client: l.client, keys: []string{tag + "lease", tag + "token"}, alone: alone}
}

type lease struct {
	client redis.UniversalClient
	keys   []string // the lease, "<token> <holder>", which expires; the last token
	alone  bool
}

// claimScript takes or keeps the lease (KEYS[1]) and answers its token, its holder and the milliseconds that are
// left of it. ARGV is the holder, the milliseconds, and whether the lease of another is taken. A token is the
// time in microseconds, so that it rises even where the last one (KEYS[2]) was lost.
var claimScript = redis.NewScript(`
local token, holder = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (.*)$')
if not token or holder ~= ARGV[1] and ARGV[3] == '1' then
  local now = redis.call('TIME')
  local last = tonumber(redis.call('GET', KEYS[2]) or '0')
  token = string.format('%.0f', math.max(last + 1, now[1] * 1000000 + now[2]))
  holder = ARGV[1]
  redis.call('SET', KEYS[2], token)
end
if holder == ARGV[1] then
  redis.call('SET', KEYS[1], token .. ' ' .. holder, 'PX', ARGV[2])
end
return {tonumber(token), holder, redis.call('PTTL', KEYS[1])}`)

// releaseScript gives the lease back if it is the holder's (ARGV[1]).
var releaseScript = redis.NewScript(`
local holder = string.match(redis.call('GET', KEYS[1]) or '', '^%d+ (.*)$')
if holder == ARGV[1] then redis.call('DEL', KEYS[1]) end
return ''`)

// Claim implements [projections.Lease].
func (l *lease) Claim(ctx context.Context, holder string, ttl time.Duration) (projections.Claim, error) {
	alone := 0
	if l.alone {
		alone = 1
	}
	answer, err := claimScript.Run(ctx, l.client, l.keys, holder, ttl.Milliseconds(), alone).Slice()
	if err != nil {
		return projections.Claim{}, failure(ctx, l.client, err)
	}
	token, _ := answer[0].(int64)
	name, _ := answer[1].(string)
	left, _ := answer[2].(int64)
	if token <= 0 || name == "" {
		return projections.Claim{}, fmt.Errorf("lease %s: the server answers %v", l.keys[0], answer)
	}
	return projections.Claim{Holder: name, Token: uint64(token), Left: time.Duration(left) * time.Millisecond}, nil
}

// Release implements [projections.Lease].
func (l *lease) Release(ctx context.Context, holder string) error {
	return failure(ctx, l.client, releaseScript.Run(ctx, l.client, l.keys[:1], holder).Err())
}
