package esdb

import (
	"context"
	"errors"
	"fmt"
	"iter"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderengine/eventstore"
)

const (
	maxBatch      = 1024    // events in one batch, and read ahead of the caller
	maxBatchBytes = 4 << 20 // of data and metadata in one batch, but for the last event
	window        = 1024    // events the cluster looks through at once
)

// userStreams keeps the cluster's own streams out of a subscription.
var userStreams = &client.SubscriptionFilter{Type: client.StreamFilterType, Regex: `^[^\$]`}

// Follow implements [eventstore.Log]. While the cluster cannot be reached it waits, and goes on where it was. A
// position after the head is refused with [eventstore.ErrInvalid].
func (s *Store) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[[]eventstore.Recorded, error] {
	return func(yield func([]eventstore.Recorded, error) bool) {
		ctx, end := s.reading(ctx)
		defer end()
		f := &following{store: s, at: after, yield: yield}
		wait := retryMin
		for {
			before := f.at
			err := f.run(ctx)
			switch {
			case f.stopped:
				return
			case ctx.Err() != nil:
				yield(nil, finally(ctx, nil))
				return
			case errors.Is(err, eventstore.ErrInvalid), errors.Is(err, eventstore.ErrCorrupt):
				yield(nil, err)
				return
			case f.at != before:
				wait = retryMin
			}
			s.logger.Debug("following the log again", "after", f.at.String(), "error", fmt.Sprint(err))
			s.sleep(ctx, wait)
			wait = min(2*wait, retryMax)
		}
	}
}

// following is one follower.
type following struct {
	store   *Store
	at      eventstore.Position // of the last event that was yielded
	stopped bool                // the caller wants no more
	yield   func([]eventstore.Recorded, error) bool
}

// run follows until the connection or the caller ends it.
func (f *following) run(ctx context.Context) error {
	if err := f.check(ctx); err != nil {
		return err
	}
	c, err := f.store.acquire(ctx)
	if err != nil {
		return err
	}
	defer c.calls.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages := c.stream(ctx, maxBatch, f.subscribe)
	for {
		batch, err := f.batch(ctx, messages)
		if len(batch) > 0 {
			f.at = batch[len(batch)-1].Position
			if !f.yield(batch, nil) {
				f.stopped = true
				return nil
			}
		}
		if err != nil {
			if broken(err) {
				c.giveUp()
			}
			return unread(err)
		}
	}
}

// check refuses a position that the log does not reach: its follower would miss what is written up to there. A cluster
// that was away may have come back from an older copy.
func (f *following) check(ctx context.Context) error {
	if f.at == (eventstore.Position{}) {
		return nil
	}
	head, err := f.store.Head(ctx)
	if err == nil && head.Before(f.at) {
		err = fmt.Errorf("%w: follow after position %v: this log ends at %v", eventstore.ErrInvalid, f.at, head)
	}
	return err
}

// subscribe begins after the last event, however far the cluster has looked since: an older copy may end before that.
func (f *following) subscribe(ctx context.Context, cl *client.Client) (func() message, error) {
	options := client.SubscribeToAllOptions{From: client.Start{}, Filter: userStreams, MaxSearchWindow: window}
	if f.at != (eventstore.Position{}) {
		options.From = client.Position{Commit: f.at.Commit, Prepare: f.at.Prepare}
	}
	subscription, err := cl.SubscribeToAll(ctx, options)
	return func() message {
		for {
			switch got := subscription.Recv(); {
			case got.SubscriptionDropped != nil:
				return message{err: got.SubscriptionDropped.Error}
			case got.EventAppeared != nil:
				return message{event: got.EventAppeared.OriginalEvent()}
			}
		}
	}, err
}

// batch waits for one message and takes what has come with it.
func (f *following) batch(ctx context.Context, messages <-chan message) (batch []eventstore.Recorded, err error) {
	size := 0
	for len(batch) < maxBatch && size < maxBatchBytes {
		m, ok := message{}, false
		if len(batch) == 0 {
			select {
			case m, ok = <-messages:
			case <-ctx.Done():
			}
			if !ok {
				return nil, errEnded
			}
		} else {
			select {
			case m, ok = <-messages:
			default:
			}
			if !ok {
				return batch, nil
			}
		}
		e, wanted, err := f.take(m)
		if err != nil {
			return batch, err
		}
		if wanted {
			batch = append(batch, e)
			size += len(e.Data) + len(e.Metadata)
		}
	}
	return batch, nil
}

var errEnded = errors.New("the subscription ended")

// take reads one message. An event that was seen before is not wanted again.
func (f *following) take(m message) (e eventstore.Recorded, wanted bool, err error) {
	if m.err != nil {
		return e, false, m.err
	}
	e, err = recorded(m.event)
	return e, err == nil && f.at.Before(e.Position), err
}
