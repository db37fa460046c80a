package wire

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"orderengine/eventstore"
)

// reading is one call of Read.
type reading struct {
	*service
	options *streams.ReadReq_Options
	out     streams.Streams_ReadServer
	filter  filter
	textID  bool
}

// Read implements the service: reads of a stream or of $all, forwards or backwards, and subscriptions.
func (s *service) Read(request *streams.ReadReq, out streams.Streams_ReadServer) error {
	ctx, cancel := context.WithCancelCause(out.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.stopping, func() { cancel(errStopping) })()
	options := request.GetOptions()
	_, text := options.GetUuidOption().GetContent().(*streams.ReadReq_Options_UUIDOption_String_)
	r := &reading{service: s, options: options, out: out, textID: text}
	var err error
	if r.filter, err = newFilter(options); err == nil {
		err = r.run(ctx)
	}
	return failure(ctx, err)
}

func (r *reading) run(ctx context.Context) error {
	_, subscribe := r.options.GetCountOption().(*streams.ReadReq_Options_Subscription)
	switch {
	case r.options.GetStream() != nil && subscribe:
		return r.subscribeStream(ctx)
	case r.options.GetStream() != nil:
		return r.readStream(ctx)
	case r.options.GetAll() != nil && subscribe:
		return r.subscribeAll(ctx)
	case r.options.GetAll() != nil:
		return r.readAll(ctx)
	default:
		return fmt.Errorf("%w: neither a stream nor $all", eventstore.ErrInvalid)
	}
}

func (r *reading) backwards() bool {
	return r.options.GetReadDirection() == streams.ReadReq_Options_Backwards
}

func (r *reading) send(e eventstore.Recorded) error {
	return r.out.Send(recorded(e, r.options.GetAll() != nil, r.textID))
}

func (r *reading) readStream(ctx context.Context) error {
	name := r.options.GetStream().GetStreamIdentifier().GetStreamName()
	stream, err := stored(name)
	if err != nil {
		return err
	}
	v, err := r.look(ctx, stream)
	if err != nil {
		return err
	}
	if v.last == eventstore.NoStream || v.deleted() {
		return r.out.Send(streamNotFound(name))
	}
	left := r.options.GetCount()
	for e, err := range r.streamEvents(ctx, stream, v) {
		if err != nil {
			return err
		}
		if e.Revision < v.first || left == 0 {
			return nil // it goes backwards, or has all
		}
		if !v.shows(&e) {
			continue
		}
		if err := r.send(e); err != nil {
			return err
		}
		left--
	}
	return nil
}

// streamEvents are those of a stream in the direction that was asked for.
func (r *reading) streamEvents(ctx context.Context, stream string, v visible) iter.Seq2[eventstore.Recorded, error] {
	from := r.revision(v.last)
	if r.backwards() {
		return r.store.ReadStreamBackwards(ctx, stream, from)
	}
	return r.store.ReadStream(ctx, stream, max(from, v.first))
}

// revision is where a read of a stream begins.
func (r *reading) revision(last eventstore.Revision) eventstore.Revision {
	options := r.options.GetStream()
	switch options.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		return eventstore.Revision(min(options.GetRevision(), math.MaxInt64))
	case *streams.ReadReq_Options_StreamOptions_End:
		if r.backwards() {
			return last
		}
		return last + 1
	default:
		return 0
	}
}

func (r *reading) readAll(ctx context.Context) error {
	left := r.options.GetCount()
	if left == 0 {
		return nil
	}
	events, err := r.allEvents(ctx)
	if err != nil {
		return err
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		if !r.filter.wants(&e) {
			continue
		}
		if err := r.send(e); err != nil {
			return err
		}
		if left--; left == 0 {
			return nil
		}
	}
	return nil
}

// allEvents are those of the log as it is now, in the direction that was asked for: forwards from a position on
// with the event that stands there, backwards without it.
func (r *reading) allEvents(ctx context.Context) (iter.Seq2[eventstore.Recorded, error], error) {
	head, err := r.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	at := eventstore.Position{}
	switch options := r.options.GetAll(); options.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		at = position(options.GetPosition())
	case *streams.ReadReq_Options_AllOptions_End:
		at = eventstore.End
	}
	if r.backwards() {
		return r.store.ReadBackwards(ctx, at), nil
	}
	after, err := r.before(ctx, at)
	if err != nil {
		return nil, err
	}
	return r.between(ctx, after, head), nil
}

// before is the position of the last event that stands before another, zero if there is none.
func (r *reading) before(ctx context.Context, at eventstore.Position) (eventstore.Position, error) {
	if at == (eventstore.Position{}) {
		return at, nil
	}
	for e, err := range r.store.ReadBackwards(ctx, at) {
		return e.Position, err
	}
	return eventstore.Position{}, nil
}

// between yields the events after one position up to another, at which an event stands.
func (r *reading) between(ctx context.Context, after, end eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if !after.Before(end) {
			return
		}
		for batch, err := range r.store.Follow(ctx, after) {
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			for _, e := range batch {
				if !yield(e, nil) || !e.Position.Before(end) {
					return
				}
			}
		}
	}
}

func position(p *streams.ReadReq_Options_Position) eventstore.Position {
	return eventstore.Position{Commit: p.GetCommitPosition(), Prepare: p.GetPreparePosition()}
}
