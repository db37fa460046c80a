package esdb

import (
	"errors"
	"fmt"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderengine/eventstore"
)

// codeOf is the client's code of an error. FromError sees only an error that is not wrapped, and most are.
func codeOf(err error) client.ErrorCode {
	var known *client.Error
	if errors.As(err, &known) {
		return known.Code()
	}
	return client.ErrorCodeUnknown
}

// broken says that a client must not be used any more.
func broken(err error) bool {
	code := codeOf(err)
	return code == client.ErrorUnavailable || code == client.ErrorCodeConnectionClosed || status.Code(err) == codes.Unavailable ||
		errors.Is(err, errGivenUp)
}

// untouched says that an append that failed so was not written, and gives the error to answer; an error that
// says nothing of it gives nil.
func untouched(err error) error {
	switch codeOf(err) {
	case client.ErrorCodeStreamDeleted:
		return fmt.Errorf("%w: %w", eventstore.ErrInvalid, err)
	case client.ErrorCodeUnauthenticated, client.ErrorCodeAccessDenied, client.ErrorCodeUnsupportedFeature:
		return denied(err)
	case client.ErrorCodeNotLeader, client.ErrorCodeConnectionClosed:
		return fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
	}
	switch status.Code(err) {
	case codes.InvalidArgument:
		return fmt.Errorf("%w: %w", eventstore.ErrInvalid, err)
	case codes.ResourceExhausted:
		return fmt.Errorf("%w: %w", eventstore.ErrOverloaded, err)
	}
	return nil
}

func denied(err error) error {
	return fmt.Errorf("%w: %w: %w", eventstore.ErrUnavailable, eventstore.ErrDenied, err)
}

// unread is the error of a read that failed so.
func unread(err error) error {
	switch {
	case codeOf(err) == client.ErrorCodeUnauthenticated, codeOf(err) == client.ErrorCodeAccessDenied:
		return denied(err)
	case codeOf(err) == client.ErrorCodeStreamDeleted, status.Code(err) == codes.InvalidArgument:
		return fmt.Errorf("%w: %w", eventstore.ErrInvalid, err)
	case status.Code(err) == codes.DataLoss, errors.Is(err, eventstore.ErrCorrupt):
		return fmt.Errorf("%w: %w", eventstore.ErrCorrupt, err)
	default:
		return fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
	}
}
