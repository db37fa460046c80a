package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderengine/eventstore"
)

// grace is how long calls may go on with a client that was given up.
const grace = 2 * time.Second

// connection is one client and those who use it, until a call is answered "unavailable". The client would then look
// for a node itself, and that is a trap: the gRPC connection that was lost is never closed; if no node is found the
// client has ended for good; and calls that were just asking it for a connection wait for ever, whatever their
// context says, or panic when it is closed. So it does not come to that: see [unavailable]. A client is given up at
// the first such answer, and one that has found a node before anybody else could use it takes its place.
type connection struct {
	client *client.Client
	calls  sync.WaitGroup
	once   sync.Once
	failed chan struct{} // closed when the client must not be used for new calls
	ended  context.Context
	end    context.CancelFunc // ends what still reads from it
}

// unavailable is how a call leaves the client before that begins to look for a node: the client logs the error
// first, on the caller's goroutine and with nothing held, and our logger panics with it. If a later version logs
// otherwise, the traps are back, and what take knows of them is what remains; TestRestartsUnderLoad would tell.
type unavailable struct{ err error }

// loggedFailure is what the client logs of a call that failed; the error is its argument.
const loggedFailure = "unexpected exception: %v"

// escape panics with an error that would make the client look for a node.
func escape(format string, args []any) {
	if format != loggedFailure || len(args) != 1 {
		return
	}
	if err, ok := args[0].(error); ok && status.Code(err) == codes.Unavailable {
		panic(unavailable{err})
	}
}

// giveUp makes the store connect anew.
func (c *connection) giveUp() { c.once.Do(func() { close(c.failed) }) }

func (c *connection) isFailed() bool {
	select {
	case <-c.failed:
		return true
	default:
		return false
	}
}

var errLost = errors.New("the connection was lost")

// connect looks for the cluster again and again, until the store is closed.
func (s *Store) connect() {
	wait := retryMin
	for s.ended.Err() == nil {
		c, err := s.dial()
		if err != nil {
			s.lost(err)
			s.sleep(s.closing, wait)
			wait = min(2*wait, retryMax)
			continue
		}
		wait = retryMin
		s.found(c)
		select {
		case <-c.failed:
		case <-s.ended.Done():
		}
		s.lost(errLost)
		s.background.Go(func() { s.finish(c) })
	}
}

// dial makes a client and lets it look for a node once, before anybody else can use it.
func (s *Store) dial() (*connection, error) {
	config := s.config
	made, err := client.NewClient(&config)
	if err != nil {
		return nil, err
	}
	if _, err := made.GetServerVersion(); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	c := &connection{client: made, failed: make(chan struct{})}
	c.ended, c.end = context.WithCancel(context.Background())
	return c, nil
}

func (s *Store) found(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.failure = c, nil
	close(s.changed)
	s.changed = make(chan struct{})
	s.logger.Info("event store cluster found")
}

func (s *Store) lost(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() == nil && (s.current != nil || s.failure == nil || s.failure.Error() != why.Error()) {
		s.logger.Warn("event store cluster cannot be reached", "error", why.Error())
	}
	s.current, s.failure = nil, why
}

// finish closes a client when its last call has ended, or after a time of grace.
func (s *Store) finish(c *connection) {
	idle := make(chan struct{})
	go func() { c.calls.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(grace):
	case <-s.ended.Done():
	}
	c.end()
	select {
	case <-idle:
	case <-time.After(grace): // what waits for ever panics in Close, which take knows
	}
	_ = c.client.Close()
	<-idle
}

// acquire gives the connection, and waits a little if there is none. Who has it must call its calls.Done.
func (s *Store) acquire(ctx context.Context) (*connection, error) {
	var patience <-chan time.Time
	for {
		s.mu.Lock()
		c, changed, failure := s.current, s.changed, s.failure
		if c != nil && c.isFailed() {
			c, failure = nil, errLost // connect is about to see it
		}
		if c != nil {
			c.calls.Add(1)
		}
		s.mu.Unlock()
		if c != nil {
			return c, nil
		}
		if patience == nil {
			timer := time.NewTimer(s.patience)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case <-changed:
		case <-patience:
			return nil, fmt.Errorf("%w: %w", eventstore.ErrUnavailable, failure)
		case <-s.closing.Done():
			return nil, eventstore.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// errGivenUp is what a call meets that was still waiting for a client when that was closed.
var errGivenUp = errors.New("the client was given up")

// take calls f. While the client goes over to another leader, f may wait for that some seconds longer than its
// context says.
func take[T any](c *connection, f func(*client.Client) (T, error)) (value T, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case unavailable:
			err = p.err
		case runtime.Error:
			if p.Error() != "send on closed channel" {
				panic(p)
			}
			err = errGivenUp
		default:
			panic(p)
		}
	}()
	return f(c.client)
}

// message is what a read or a subscription brings.
type message struct {
	event *client.RecordedEvent
	err   error
}

// stream opens a read or subscription and sends what it brings, an error last, until ctx or the connection ends. It
// reads so many messages ahead.
func (c *connection) stream(ctx context.Context, ahead int, open func(context.Context, *client.Client) (next func() message, err error)) <-chan message {
	messages := make(chan message, ahead)
	c.calls.Add(1)
	go func() {
		defer c.calls.Done()
		defer close(messages)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(c.ended, cancel)()
		_, err := take(c, func(cl *client.Client) (struct{}, error) {
			next, err := open(ctx, cl)
			for err == nil {
				m := next()
				if err = m.err; err != nil {
					break
				}
				select {
				case messages <- m:
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			return struct{}{}, err
		})
		if err != nil && !errors.Is(err, io.EOF) {
			select {
			case messages <- message{err: err}:
			case <-ctx.Done():
			}
		}
	}()
	return messages
}
