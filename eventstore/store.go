package eventstore

import (
	"context"
	"fmt"
	"iter"
	"math"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of one append, the same in every store: an EventStoreDB server takes appends of 1 MiB by default.
const (
	MaxStreamName = 255       // bytes
	MaxEvents     = 1000      // events in one append
	MaxAppend     = 900 << 10 // bytes of data and metadata in one append
)

// Appender adds to streams.
type Appender interface {
	// Append adds events to the end of stream, all or none, if the stream's last revision is expected
	// ([NoStream] if there must be none). It returns when they are durable. From the call on, whatever comes of it, nobody
	// may change the events and their bytes: the store hands them to readers as they are.
	//
	// It fails with a [*ConflictError] if the stream is elsewhere, unless the stream already holds just
	// these events (by ID) right after expected: then it answers as it did the first time. [ErrInvalid]
	// means that the append can never be taken; [ErrOverloaded], [ErrClosed] and the context's error
	// before the append was queued that nothing was written; [ErrUnknownOutcome] that it may have been:
	// read the stream, or append the same events again.
	Append(ctx context.Context, stream string, expected Revision, events []Event) (Receipt, error)
}

// Receipt says where the last event of an append stands.
type Receipt struct {
	Revision Revision
	Position Position
}

// StreamReader reads one stream.
type StreamReader interface {
	// ReadStream yields the events of stream from revision from on, in order, up to its present end. A
	// stream that does not exist yields nothing. After an error nothing more is yielded.
	ReadStream(ctx context.Context, stream string, from Revision) iter.Seq2[Recorded, error]
}

// Log reads all streams together.
type Log interface {
	// Head is the position of the last event of the log, zero if there is none.
	Head(ctx context.Context) (Position, error)
	// Follow yields the events after a position in order, in batches as they come, and goes on with what
	// is appended later. It ends only with an error: that of ctx when the caller is done. A batch is the caller's until
	// the next one is asked for; what its events hold may be kept.
	Follow(ctx context.Context, after Position) iter.Seq2[[]Recorded, error]
}

// Store is all of it, as the server uses it.
type Store interface {
	Appender
	StreamReader
	Log
}

// BackwardReader is what a store may do besides: to read with the latest first, as EventStoreDB's clients can.
type BackwardReader interface {
	// ReadStreamBackwards yields the events of stream from revision from on down to its first. It begins with
	// the stream's last event if from is beyond that.
	ReadStreamBackwards(ctx context.Context, stream string, from Revision) iter.Seq2[Recorded, error]
	// ReadBackwards yields the events of the log that stand before a position, the last one first; before
	// [End] these are all.
	ReadBackwards(ctx context.Context, before Position) iter.Seq2[Recorded, error]
}

// CheckAppend is the check every store makes first; its error wraps [ErrInvalid] and names what is wrong.
func CheckAppend(stream string, expected Revision, events []Event) error {
	switch {
	case stream == "" || len(stream) > MaxStreamName || !utf8.ValidString(stream):
		return fmt.Errorf("%w: stream name %.40q: 1 to %d bytes of UTF-8", ErrInvalid, stream, MaxStreamName)
	case stream[0] == '$':
		return fmt.Errorf("%w: stream name %.40q: names with $ belong to the store", ErrInvalid, stream)
	case expected < NoStream || expected > math.MaxInt64-MaxEvents:
		return fmt.Errorf("%w: expected revision %d", ErrInvalid, expected)
	case len(events) == 0 || len(events) > MaxEvents:
		return fmt.Errorf("%w: %d events in one append: 1 to %d", ErrInvalid, len(events), MaxEvents)
	}
	size := 0
	ids := make(map[uuid.UUID]struct{})
	for _, e := range events {
		if _, twice := ids[e.ID]; twice || e.ID == uuid.Nil {
			return fmt.Errorf("%w: event id %s: each event has its own, by which a repeat is known", ErrInvalid, e.ID)
		}
		ids[e.ID] = struct{}{}
		if e.Type == "" || len(e.Type) > MaxStreamName || !utf8.ValidString(e.Type) {
			return fmt.Errorf("%w: event type %.40q: 1 to %d bytes of UTF-8", ErrInvalid, e.Type, MaxStreamName)
		}
		size += len(e.Data) + len(e.Metadata)
	}
	if size > MaxAppend {
		return fmt.Errorf("%w: %d bytes in one append: at most %d", ErrInvalid, size, MaxAppend)
	}
	return nil
}
