package eventstore

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid: the call can never succeed as it is, be it an append or a position to follow from; mend the caller.
	ErrInvalid = errors.New("invalid call of the event store")
	// ErrOverloaded: too much is waiting; nothing was written. Answer 503 with Retry-After.
	ErrOverloaded = errors.New("event store is overloaded")
	// ErrClosed: the store is being or has been closed; nothing was written.
	ErrClosed = errors.New("event store is closed")
	// ErrUnavailable: the store cannot be reached, or has failed and takes nothing until it is opened again;
	// nothing was written. Answer 503 with Retry-After.
	ErrUnavailable = errors.New("event store is unavailable")
	// ErrDenied: the store does not let us do that, for lack of a right or a feature; nothing was written. It comes with
	// ErrUnavailable, since a server waits until somebody grants it; who need not wait gives up.
	ErrDenied = errors.New("the store does not let us")
	// ErrUnknownOutcome: the append may or may not have been written. Append the same events again, or read the stream.
	ErrUnknownOutcome = errors.New("outcome of the append is unknown")
	// ErrCorrupt: what is stored is not what was written. Stop, and run the offline check.
	ErrCorrupt = errors.New("event store is corrupt")
	// ErrLocked: another process has the folder open. Stop that one first.
	ErrLocked = errors.New("event store is in use by another process")
)

// ConflictError says that a stream was not at the expected revision: load it again and decide again.
type ConflictError struct {
	Stream   string
	Expected Revision
	Actual   Revision
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("stream %s is at revision %d, not at the expected %d", e.Stream, e.Actual, e.Expected)
}
