package esdb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/metadata"

	"orderengine/eventstore"
)

// readAhead is how many events a read holds ahead of its reader.
const readAhead = 16

// ReadStream implements [eventstore.StreamReader].
func (s *Store) ReadStream(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return s.readStream(ctx, stream, max(from, 0), math.MaxInt64)
}

// readStream reads up to limit events.
func (s *Store) readStream(ctx context.Context, stream string, from eventstore.Revision, limit int) iter.Seq2[eventstore.Recorded, error] {
	options := client.ReadStreamOptions{From: client.Revision(uint64(from)), Direction: client.Forwards}
	return s.read(ctx, func(ctx context.Context, cl *client.Client) (*client.ReadStream, error) {
		return cl.ReadStream(ctx, stream, options, uint64(limit))
	})
}

// ReadStreamBackwards implements [eventstore.BackwardReader].
func (s *Store) ReadStreamBackwards(ctx context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	if from < 0 {
		return func(func(eventstore.Recorded, error) bool) {}
	}
	options := client.ReadStreamOptions{From: client.Revision(uint64(from)), Direction: client.Backwards}
	if from == math.MaxInt64 {
		options.From = client.End{}
	}
	return s.read(ctx, func(ctx context.Context, cl *client.Client) (*client.ReadStream, error) {
		return cl.ReadStream(ctx, stream, options, math.MaxInt64)
	})
}

// ReadBackwards implements [eventstore.BackwardReader].
func (s *Store) ReadBackwards(ctx context.Context, before eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	options := client.ReadAllOptions{From: client.Position{Commit: before.Commit, Prepare: before.Prepare}, Direction: client.Backwards}
	if before == eventstore.End {
		options.From = client.End{}
	}
	all := s.read(ctx, func(ctx context.Context, cl *client.Client) (*client.ReadStream, error) {
		return cl.ReadAll(ctx, options, math.MaxInt64)
	})
	return func(yield func(eventstore.Recorded, error) bool) {
		for e, err := range all {
			if err == nil && (isSystem(e.Stream) || !e.Position.Before(before)) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// isSystem says that a stream is the cluster's own.
func isSystem(stream string) bool { return strings.HasPrefix(stream, "$") }

// Head implements [eventstore.Log]: it looks from the end for the last event that is not of a system stream.
func (s *Store) Head(ctx context.Context) (eventstore.Position, error) {
	for e, err := range s.ReadBackwards(ctx, eventstore.End) {
		return e.Position, err
	}
	return eventstore.Position{}, nil
}

// read yields what a read of the client brings. A stream that is not there brings nothing. Only the leader of the
// cluster is to answer: another node, as the leader of before is after an election, may not know the newest events. The
// client has an option for that and does not send it.
func (s *Store) read(ctx context.Context, open func(context.Context, *client.Client) (*client.ReadStream, error)) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		ctx, end := s.reading(metadata.AppendToOutgoingContext(ctx, "requires-leader", "true"))
		defer end()
		c, err := s.acquire(ctx)
		if err != nil {
			yield(eventstore.Recorded{}, finally(ctx, err))
			return
		}
		defer c.calls.Done()
		messages := c.stream(ctx, readAhead, func(ctx context.Context, cl *client.Client) (func() message, error) {
			read, err := open(ctx, cl)
			return func() message { return receive(read) }, err
		})
		for {
			e, more, err := c.next(ctx, messages)
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			if !more || !yield(e, nil) {
				return
			}
		}
	}
}

// receive takes one event of a read.
func receive(read *client.ReadStream) message {
	resolved, err := read.Recv()
	if err != nil {
		return message{err: err}
	}
	return message{event: resolved.OriginalEvent()}
}

// next waits for an event of a read.
func (c *connection) next(ctx context.Context, messages <-chan message) (e eventstore.Recorded, more bool, err error) {
	if ctx.Err() != nil {
		return e, false, finally(ctx, nil)
	}
	select {
	case m, open := <-messages:
		switch {
		case !open:
			return e, false, finally(ctx, nil)
		case codeOf(m.err) == client.ErrorCodeResourceNotFound:
			return e, false, nil
		case m.err != nil:
			if broken(m.err) {
				c.giveUp()
			}
			return e, false, finally(ctx, unread(m.err))
		}
		e, err = recorded(m.event)
		return e, true, err
	case <-ctx.Done():
		return e, false, finally(ctx, nil)
	}
}

// finally is the error of a read: that of its context before any that followed from it.
func finally(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

var errOldServer = errors.New("the cluster does not tell the positions of events in stream reads: version 22.10 or newer is needed")

// recorded is an event as the client read it.
func recorded(e *client.RecordedEvent) (eventstore.Recorded, error) {
	if e == nil || e.Position.Commit == math.MaxUint64 || e.EventNumber > math.MaxInt64 {
		return eventstore.Recorded{}, fmt.Errorf("%w: %w", eventstore.ErrUnavailable, errOldServer)
	}
	return eventstore.Recorded{
		Event:    eventstore.Event{ID: e.EventID, Type: e.EventType, Data: e.Data, Metadata: e.UserMetadata},
		Stream:   e.StreamID,
		Revision: eventstore.Revision(e.EventNumber),
		Position: eventstore.Position{Commit: e.Position.Commit, Prepare: e.Position.Prepare},
		Time:     e.CreatedDate.UTC().Truncate(time.Microsecond),
	}, nil
}
