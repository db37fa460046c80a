package wire

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderengine/eventstore"
)

var (
	errReadOnly = status.Error(codes.PermissionDenied, "this server is read-only")
	errStopping = errors.New("the server is stopping")
)

// deletedError says that a stream has a tombstone: it is gone for good.
type deletedError struct{ stream string }

func (e *deletedError) Error() string { return "stream " + e.stream + " is deleted" }

func isConflict(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict)
}

// failure is the status of an error, and sets the trailers by which clients know some of them.
func failure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStopping) {
		err = cause
	}
	code := codes.Unknown
	var deleted *deletedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &deleted):
		code = codes.FailedPrecondition
		setTrailer(ctx, "exception", "stream-deleted", "stream-name", deleted.stream)
	case isConflict(err):
		code = codes.FailedPrecondition
		setTrailer(ctx, "exception", "wrong-expected-version")
	case errors.Is(err, eventstore.ErrInvalid):
		code = codes.InvalidArgument
	case errors.Is(err, eventstore.ErrOverloaded):
		code = codes.ResourceExhausted
	case errors.Is(err, eventstore.ErrUnknownOutcome), errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.Is(err, eventstore.ErrUnavailable), errors.Is(err, eventstore.ErrClosed), errors.Is(err, errStopping):
		code = codes.Unavailable
	case errors.Is(err, eventstore.ErrCorrupt):
		code = codes.DataLoss
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	default:
		if s, ok := status.FromError(err); ok { // of a stream whose other end is gone
			return s.Err()
		}
	}
	return status.Error(code, err.Error())
}

// setTrailer fails only outside a call.
func setTrailer(ctx context.Context, pairs ...string) {
	_ = grpc.SetTrailer(ctx, metadata.Pairs(pairs...))
}
