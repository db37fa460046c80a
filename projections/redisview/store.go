// Package redisview keeps the views in a Redis server, 6.2 or later, without modules or functions.
//
// A batch and its checkpoint are one script that first compares the checkpoint, so that a follower that
// has been overtaken changes nothing. Every read takes the checkpoint in the same atomic step, so that an
// answer after somebody emptied the server says so: its checkpoint is zero. The server must not evict:
// with a maxmemory-policy other than noeviction, documents go missing and nobody is told.
package redisview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"orderengine/projections"
)

// What the URL's own options (dial_timeout, read_timeout, write_timeout, pool_size) may change.
const (
	dialTimeout = time.Second
	ioTimeout   = 2 * time.Second // of one read or write; a big batch takes a fraction of it
	poolSize    = 32
)

// Options may be left zero.
type Options struct {
	// Namespace sets these views apart from all else in the server: 1 to 64 letters, digits, dots, dashes
	// and underlines. Empty means "orderd".
	Namespace string
	// Version sets views of one namespace apart from each other, so that a new projection can be built
	// beside the one that serves. 0 means 1.
	Version int
}

// Store is a [projections.Views] in a Redis server. It is safe for concurrent use, and outlives restarts
// of the server.
type Store struct {
	client *redis.Client
	keys   keys
	token  uint64 // what commits and wipes come with
}

var (
	_ projections.Views  = (*Store)(nil)
	_ projections.Fencer = (*Store)(nil)
)

// Open takes a URL of the form redis[s]://[user:password@]host[:port][/db][?option=value]. It does not
// connect: a server that is down shows as [projections.ErrUnavailable] in the calls, until it is back.
func Open(ctx context.Context, serverURL string, opts Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, err := clientOptions(serverURL)
	if err != nil {
		return nil, err
	}
	names, err := newKeys(opts)
	if err != nil {
		return nil, err
	}
	// go-redis writes to stderr what its calls return as well.
	logging.Disable()
	return &Store{client: redis.NewClient(client), keys: names}, nil
}

// Close closes the connections. Calls after it fail with [projections.ErrUnavailable]; closing again does nothing.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

// clientOptions never shows the URL in an error: it may hold a password, and may be malformed because of it.
func clientOptions(serverURL string) (*redis.Options, error) {
	malformed := errors.New("views URL: not of the form redis[s]://[user:password@]host[:port][/db][?option=value]")
	u, err := url.Parse(serverURL)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Host == "" {
		return nil, malformed
	}
	o, err := redis.ParseURL(serverURL)
	if err != nil && strings.Contains(err.Error(), "unexpected option") {
		return nil, fmt.Errorf("views URL: %w", err)
	}
	if err != nil {
		return nil, malformed
	}
	setTimeouts(o)
	// A commit that is sent again finds its own checkpoint and looks overtaken. The callers retry.
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	// What is not needed is not negotiated: every managed Redis and proxy takes such a client.
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PipelinePoolSize = -1
	return o, nil
}

func setTimeouts(o *redis.Options) {
	o.DialTimeout = cmp.Or(o.DialTimeout, dialTimeout)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, ioTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, ioTimeout)
	o.PoolSize = cmp.Or(o.PoolSize, poolSize)
	o.PoolTimeout = cmp.Or(o.PoolTimeout, dialTimeout)
}

// explain says in the terms of projections what a call failed with.
func explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case overdue(ctx):
		return fmt.Errorf("%w: %w", projections.ErrUnavailable, context.DeadlineExceeded)
	case strings.Contains(err.Error(), "WRONGTYPE"):
		return fmt.Errorf("views: a key of another program has one of our names, wipe the views: %w", err)
	default:
		return fmt.Errorf("%w: %w", projections.ErrUnavailable, err)
	}
}

// overdue asks the clock: a connection notices the deadline before the context does.
func overdue(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}
