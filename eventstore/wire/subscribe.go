package wire

import (
	"cmp"
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"orderengine/eventstore"
)

// subscribeAll sends what comes after a position: first what is there, then "caught up", then what is appended.
// With a filter it says from time to time how far it has looked.
func (r *reading) subscribeAll(ctx context.Context) error {
	head, err := r.store.Head(ctx)
	if err != nil {
		return err
	}
	after := eventstore.Position{}
	switch options := r.options.GetAll(); options.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		after = position(options.GetPosition())
	case *streams.ReadReq_Options_AllOptions_End:
		after = head
	}
	if err := r.out.Send(confirmation()); err != nil {
		return err
	}
	caught := !after.Before(head)
	if caught {
		err = r.out.Send(caughtUp(r.now(), eventstore.NoStream, after))
	}
	looked := 0
	for batch, failed := range r.store.Follow(ctx, after) {
		for i := 0; i < len(batch) && failed == nil && err == nil; i++ {
			err = r.offer(&batch[i], &looked)
		}
		if failed != nil || err != nil {
			return cmp.Or(err, failed)
		}
		if !caught && !batch[len(batch)-1].Position.Before(head) {
			caught = true
			err = r.out.Send(caughtUp(r.now(), eventstore.NoStream, batch[len(batch)-1].Position))
		}
	}
	return err
}

// offer sends an event if it is wanted, and a checkpoint if it is time for one.
func (r *reading) offer(e *eventstore.Recorded, looked *int) error {
	if r.filter.wants(e) {
		if err := r.send(*e); err != nil {
			return err
		}
	}
	if *looked++; r.filter.every == 0 || *looked < r.filter.every {
		return nil
	}
	*looked = 0
	return r.out.Send(checkpoint(e.Position))
}

// subscribeStream sends the events of a stream after a revision, "caught up", and what is appended later. The
// stream need not be there yet.
func (r *reading) subscribeStream(ctx context.Context) error {
	stream, err := stored(r.options.GetStream().GetStreamIdentifier().GetStreamName())
	if err != nil {
		return err
	}
	head, err := r.store.Head(ctx) // before the stream is read, so that nothing falls between
	if err != nil {
		return err
	}
	v, err := r.look(ctx, stream)
	if err != nil {
		return err
	}
	if err := r.out.Send(confirmation()); err != nil {
		return err
	}
	next := r.revision(v.last)
	if _, after := r.options.GetStream().GetRevisionOption().(*streams.ReadReq_Options_StreamOptions_Revision); after {
		next++
	}
	next = max(next, v.first)
	for e, err := range r.store.ReadStream(ctx, stream, next) {
		if err != nil {
			return err
		}
		next = e.Revision + 1
		if !v.shows(&e) {
			continue
		}
		if err := r.send(e); err != nil {
			return err
		}
	}
	if err := r.out.Send(caughtUp(r.now(), next-1, eventstore.Position{})); err != nil {
		return err
	}
	return r.followStream(ctx, stream, next, head)
}

// followStream sends the events of a stream from a revision on as they are appended after a position of the log.
func (r *reading) followStream(ctx context.Context, stream string, next eventstore.Revision, after eventstore.Position) error {
	for batch, err := range r.store.Follow(ctx, after) {
		if err != nil {
			return err
		}
		for _, e := range batch {
			switch {
			case e.Stream != stream || e.Revision < next:
				continue
			case e.Type == tombstoneType:
				return &deletedError{shown(stream)}
			}
			if err := r.send(e); err != nil {
				return err
			}
		}
	}
	return nil
}
