package esdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderengine/eventstore"
)

const (
	attempts = 4               // to find out what became of an append
	search   = 2 * time.Second // for the outcome of an append whose caller has gone
)

// Append implements [eventstore.Appender]. When the cluster did not say what became of the append, the stream is
// read for our event ids: they are there, or somebody else's are, or the same events are appended again. Only if
// that cannot be done in time is the outcome unknown to the caller too.
func (s *Store) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	if err := eventstore.CheckAppend(stream, expected, events); err != nil {
		return eventstore.Receipt{}, err
	}
	done, err := s.begin()
	if err != nil {
		return eventstore.Receipt{}, err
	}
	defer done()
	if err := ctx.Err(); err != nil {
		return eventstore.Receipt{}, err
	}
	a := &appending{store: s, stream: stream, expected: expected, events: events}
	return a.run(ctx)
}

// appending is one append under way.
type appending struct {
	store    *Store
	stream   string
	expected eventstore.Revision
	events   []eventstore.Event
	sent     bool // it may have been written
}

func (a *appending) run(ctx context.Context) (eventstore.Receipt, error) {
	var failure error
	for range attempts {
		receipt, again, err := a.try(ctx)
		if !again {
			return receipt, err
		}
		failure = err
		if ctx.Err() != nil {
			break
		}
	}
	if a.sent {
		return eventstore.Receipt{}, fmt.Errorf("%w: %w", eventstore.ErrUnknownOutcome, cmp.Or(ctx.Err(), failure))
	}
	return eventstore.Receipt{}, failure
}

// try appends once, and says whether it is worth doing so again after its error.
func (a *appending) try(ctx context.Context) (receipt eventstore.Receipt, again bool, err error) {
	c, err := a.store.acquire(ctx)
	if err != nil {
		return receipt, a.sent, err
	}
	defer c.calls.Done()
	result, err := a.send(ctx, c)
	if err == nil {
		receipt, err = a.receipt(ctx, result)
		return receipt, false, err
	}
	if broken(err) {
		c.giveUp()
	}
	if codeOf(err) == client.ErrorCodeWrongExpectedVersion {
		receipt, err = a.conflict(ctx)
		return receipt, false, err
	}
	if refused := untouched(err); refused != nil {
		code := codeOf(err)
		return receipt, a.sent || code == client.ErrorCodeNotLeader || code == client.ErrorCodeConnectionClosed, refused
	}
	a.sent = true
	return a.resolve(ctx, err)
}

// send gives the events to the client.
func (a *appending) send(ctx context.Context, c *connection) (*client.WriteResult, error) {
	options := client.AppendToStreamOptions{ExpectedRevision: expectedRevision(a.expected)}
	return take(c, func(cl *client.Client) (*client.WriteResult, error) {
		return cl.AppendToStream(ctx, a.stream, options, eventData(a.events)...)
	})
}

func expectedRevision(expected eventstore.Revision) client.ExpectedRevision {
	if expected == eventstore.NoStream {
		return client.NoStream{}
	}
	return client.Revision(uint64(expected))
}

// eventData is what the client sends. The content type changes no byte; it lets the cluster's own tools show data
// that is JSON.
func eventData(events []eventstore.Event) []client.EventData {
	data := make([]client.EventData, len(events))
	for i, e := range events {
		data[i] = client.EventData{EventID: e.ID, EventType: e.Type, Data: e.Data, Metadata: e.Metadata}
		if json.Valid(e.Data) {
			data[i].ContentType = client.ContentTypeJson
		}
	}
	return data
}

// receipt says where the last event stands. The position that the cluster answers is that of a single event; of
// several it is only sure that they share the commit, and of a repeat there may be none, so then the event is read.
func (a *appending) receipt(ctx context.Context, result *client.WriteResult) (eventstore.Receipt, error) {
	last := a.expected + eventstore.Revision(len(a.events))
	at := eventstore.Position{Commit: result.CommitPosition, Prepare: result.PreparePosition}
	if len(a.events) == 1 && at != (eventstore.Position{}) && at.Before(eventstore.End) {
		return eventstore.Receipt{Revision: last, Position: at}, nil
	}
	for e, err := range a.store.readStream(ctx, a.stream, last, 1) {
		if err != nil {
			return eventstore.Receipt{}, fmt.Errorf("%w: written, but where could not be read: %w", eventstore.ErrUnknownOutcome, err)
		}
		return eventstore.Receipt{Revision: e.Revision, Position: e.Position}, nil
	}
	return eventstore.Receipt{}, fmt.Errorf("%w: %s@%d was written and is not there", eventstore.ErrCorrupt, a.stream, last)
}

// place is what the stream holds where the append should stand.
type place int

const (
	free  place = iota // nothing
	ours               // just our events
	taken              // others
)

// look reads where the append should stand.
func (a *appending) look(ctx context.Context) (place, eventstore.Receipt, error) {
	var last eventstore.Receipt
	held := 0
	for e, err := range a.store.readStream(ctx, a.stream, a.expected+1, len(a.events)) {
		if err != nil {
			return free, last, err
		}
		if e.ID != a.events[held].ID {
			return taken, last, nil
		}
		held++
		last = eventstore.Receipt{Revision: e.Revision, Position: e.Position}
	}
	switch held {
	case 0:
		return free, last, nil
	case len(a.events):
		return ours, last, nil
	default:
		return taken, last, nil
	}
}

// conflict answers an append that the cluster refused: as the first time if it is a repeat.
func (a *appending) conflict(ctx context.Context) (eventstore.Receipt, error) {
	found, receipt, err := a.look(ctx)
	if err == nil && found == ours {
		return receipt, nil
	}
	actual := eventstore.NoStream
	for e, failed := range a.store.ReadStreamBackwards(ctx, a.stream, math.MaxInt64) {
		actual, err = e.Revision, cmp.Or(err, failed)
		break
	}
	if err != nil {
		// Refused now, but it may be what an earlier call wrote.
		return eventstore.Receipt{}, fmt.Errorf("%w: %w", eventstore.ErrUnknownOutcome, err)
	}
	return eventstore.Receipt{}, &eventstore.ConflictError{Stream: a.stream, Expected: a.expected, Actual: actual}
}

// resolve finds out what became of an append that ended with failure. A free place does not say that the append
// will not be written yet, so the same events must be appended again; that adds nothing if they are there then.
func (a *appending) resolve(ctx context.Context, failure error) (receipt eventstore.Receipt, again bool, err error) {
	// The caller may be gone because it took too long, and still wants the answer.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), search)
	defer cancel()
	found, receipt, err := a.look(within)
	switch {
	case err != nil:
		return eventstore.Receipt{}, true, errors.Join(failure, err)
	case found == ours:
		return receipt, false, nil
	case found == taken:
		receipt, err = a.conflict(within)
		return receipt, false, err
	default:
		return eventstore.Receipt{}, true, failure
	}
}
