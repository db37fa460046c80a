// Package redisview keeps the views in a Redis server, 6.2 or later, or a cluster of them, without modules or
// functions. Valkey is the same.
//
// In one server a batch and its checkpoint are one script that first compares the checkpoint, so that a follower
// that has been overtaken changes nothing. Every read takes the checkpoint with it, in one command or before and
// after, so that its answer is of one moment, and one after somebody emptied the server says so: its checkpoint is
// zero. What callers read at the same time goes to the server together.
//
// A cluster does nothing atomically across its slots. There the views are in [clusterParts] parts, each in one
// slot with a checkpoint of its own, and a batch is one such script for each part, all sent together. The views
// are as far as the part that is behind; a read waits out the moment in which parts differ, so that its answer is
// true at one checkpoint there too, and the next answer is not from before it. Parts that stay apart (a leader
// died in the middle, a replica took over that had not heard everything) are mended by the next leader, see
// [projections.Parted]. While a slot of the views is moved to another server, commits wait and reads of its part
// fail; nothing is lost.
//
// The server must not evict: with a maxmemory-policy other than noeviction, documents go missing and nobody is told.
package redisview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Options may be left zero.
type Options struct {
	// Namespace sets these views apart from all else in the server: 1 to 64 letters, digits, dots, dashes
	// and underlines. Empty means [DefaultNamespace].
	Namespace string
	// Version sets views of one namespace apart from each other, so that a new projection can be built
	// beside the one that serves. 0 means 1.
	Version int
	// Number sets views of one version apart from each other, so that they can be built anew.
	Number int
}

// Store is a [projections.Views] in a Redis server or cluster. It is safe for concurrent use, and outlives
// restarts of the servers.
type Store struct {
	client   redis.UniversalClient
	together *together
	keys     keys
	token    uint64                               // what commits and wipes come with
	settled  *atomic.Pointer[eventstore.Position] // what every part was seen to have reached
	apart    *atomic.Bool                         // documents are not to be had together with an index's members
}

var (
	_ projections.Views  = (*Store)(nil)
	_ projections.Fencer = (*Store)(nil)
	_ projections.Parted = (*Store)(nil)
)

// Open takes a URL of the form redis[s]://[user:password@]host[:port][/db][?option=value], with several hosts
// between commas for a cluster. It does not connect: a server that is down shows as [projections.ErrUnavailable]
// in the calls, until it is back.
func Open(ctx context.Context, serverURL string, opts Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	server, err := parseURL(serverURL)
	if err != nil {
		return nil, err
	}
	names, err := newKeys(opts, server.parts())
	if err != nil {
		return nil, err
	}
	// go-redis writes to stderr what its calls return as well.
	logging.Disable()
	client := server.connect(poolSize)
	s := &Store{client: client, together: &together{client: client}, keys: names, settled: new(atomic.Pointer[eventstore.Position]), apart: new(atomic.Bool)}
	s.settled.Store(new(eventstore.Position))
	return s, nil
}

// Close closes the connections. Calls after it fail with [projections.ErrUnavailable]; closing again does nothing.
func (s *Store) Close() error { return closed(s.client) }

func closed(client redis.UniversalClient) error {
	if err := client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

func (s *Store) explain(ctx context.Context, err error) error { return failure(ctx, s.client, err) }

// failure explains an error, and has a client of a cluster look where the slots are now: a master that has died
// tells nobody who comes after it.
func failure(ctx context.Context, client redis.UniversalClient, err error) error {
	if cluster, ok := client.(*redis.ClusterClient); ok && err != nil && ctx.Err() == nil {
		cluster.ReloadState(ctx)
	}
	return explain(ctx, err)
}

// explain says in the terms of projections what a call failed with.
func explain(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, projections.ErrStale), projections.MayPass(err):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case overdue(ctx):
		return fmt.Errorf("%w: %w", projections.ErrUnavailable, context.DeadlineExceeded)
	case strings.Contains(err.Error(), "WRONGTYPE"):
		return fmt.Errorf("views: a key of another program has one of our names, wipe the views: %w", err)
	case redis.HasErrorPrefix(err, "MOVED"), redis.HasErrorPrefix(err, "ASK"):
		return fmt.Errorf("%w: the server is a node of a cluster, name several of its nodes in the URL: %w", projections.ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", projections.ErrUnavailable, err)
	}
}

// overdue asks the clock: a connection notices the deadline before the context does.
func overdue(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}
