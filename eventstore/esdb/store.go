// Package esdb is the event store that is an EventStoreDB or KurrentDB cluster (22.10 or newer, for its stream
// reads tell positions), through the official client.
//
// Calls wait a little while the cluster cannot be reached and then fail with [eventstore.ErrUnavailable];
// followers wait until it can. A new client is made for ever: see [connection] for why the client's own
// reconnection is not used.
//
// The cluster's system streams ($…) are not of this log: nobody sees them here.
package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderengine/eventstore"
)

const (
	retryMin = 100 * time.Millisecond // between attempts to reach the cluster
	retryMax = 2 * time.Second
)

// Options change how a store works; the zero value of each field means its default.
type Options struct {
	// Logger hears when the cluster is lost and found; [slog.Default] by default. The client's own lines are
	// of level debug.
	Logger *slog.Logger
	// Patience is how long a call waits for the cluster to be reached again before it fails; 1 s by default.
	Patience time.Duration
}

// Store is a cluster's log. Make one with [Open]; it is safe for use by many goroutines.
type Store struct {
	config   client.Configuration
	logger   *slog.Logger
	patience time.Duration

	closing    context.Context // done when Close begins: readers and followers end
	close      context.CancelFunc
	ended      context.Context // done when the last append has ended: the connection may end
	end        context.CancelFunc
	background sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	appends sync.WaitGroup
	current *connection   // nil while the cluster cannot be reached
	failure error         // why not
	changed chan struct{} // closed and replaced when current is set
}

var (
	_ eventstore.Store          = (*Store)(nil)
	_ eventstore.BackwardReader = (*Store)(nil)
)

// Open makes a store of the cluster that a connection string (esdb://… or esdb+discover://…) names. It fails
// only if that is wrong: the cluster is looked for from then on until Close, and need not be there yet. The
// settings maxDiscoverAttempts and discoveryInterval of the string have no meaning here.
func Open(connection string, options Options) (*Store, error) {
	config, err := client.ParseConnectionString(connection)
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("connection string: %w", withoutSecret(err))
	}
	s := &Store{
		config:   *config,
		logger:   options.Logger,
		patience: options.Patience,
		failure:  errors.New("not connected yet"),
		changed:  make(chan struct{}),
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.patience == 0 {
		s.patience = time.Second
	}
	s.config.MaxDiscoverAttempts, s.config.DiscoveryInterval = 1, 0
	s.config.Logger = func(level, format string, args ...any) {
		s.logger.Debug("client: "+fmt.Sprintf(format, args...), "client_level", level)
		escape(format, args)
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.ended, s.end = context.WithCancel(context.Background())
	s.background.Go(s.connect)
	return s, nil
}

// withoutSecret leaves out the text of the string, in which a password may stand.
func withoutSecret(err error) error {
	var wrong *url.Error
	if errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}

// Close ends readers and followers, waits for the appends that were begun, and leaves the cluster.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.close()
	s.appends.Wait()
	s.end()
	s.background.Wait()
	return nil
}

// begin keeps Close waiting until the append is done.
func (s *Store) begin() (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, eventstore.ErrClosed
	}
	s.appends.Add(1)
	return s.appends.Done, nil
}

// reading is the context of a read: it ends with the caller's, and with the store.
func (s *Store) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.closing, func() { cancel(eventstore.ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// sleep waits, or until ctx ends.
func (s *Store) sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
