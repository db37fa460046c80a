package drf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NonFieldErrors is the key under which errors stand that belong to no single field.
const NonFieldErrors = "non_field_errors"

// Error is a refusal as DRF's exception_handler shows it: a status and either one detail or errors by field.
// Reply with its Status, its Header and its Body.
type Error struct {
	Status int
	Detail Text         // shown as {"detail": …} if there are no Fields
	Fields []FieldError // shown as {"field": ["…"], …}, in this order
	Header http.Header  // what the reply carries beside the body; may be nil
}

// FieldError is what was wrong with one field, or with single items of a list field (ListField's errors by index).
type FieldError struct {
	Field string
	Texts []Text
	Items []FieldError
}

// NewError is an error with a detail.
func NewError(status int, m *Message, args ...any) *Error {
	return &Error{Status: status, Detail: m.With(args...)}
}

// FieldInvalid is a 400 about one field; for several fields use [Fields].
func FieldInvalid(field string, m *Message, args ...any) *Error {
	texts := []Text{m.With(args...)}
	return &Error{Status: http.StatusBadRequest, Fields: []FieldError{{Field: field, Texts: texts}}}
}

// NonFieldInvalid is a 400 about the data as a whole.
func NonFieldInvalid(m *Message, args ...any) *Error {
	return FieldInvalid(NonFieldErrors, m, args...)
}

// Unauthorized is a 401 and names the scheme to use, as HTTP demands (APIView.handle_exception).
func Unauthorized(m *Message) *Error {
	e := NewError(http.StatusUnauthorized, m)
	e.Header = http.Header{"Www-Authenticate": {"Token"}}
	return e
}

// PermissionDenied is the 403.
func PermissionDenied() *Error { return NewError(http.StatusForbidden, MsgPermissionDenied) }

// NotFound is the 404 of an unknown object or route.
func NotFound() *Error { return NewError(http.StatusNotFound, MsgNotFound) }

// MethodNotAllowed is the 405; the Allow header is the route's own matter, since it stands on every reply.
func MethodNotAllowed(method string) *Error {
	return NewError(http.StatusMethodNotAllowed, MsgMethodNotAllowed, method)
}

// UnsupportedMediaType is the 415; it names the Content-Type as it was sent.
func UnsupportedMediaType(contentType string) *Error {
	return NewError(http.StatusUnsupportedMediaType, MsgUnsupportedMediaType, contentType)
}

// BodyTooLarge is the 413; limit is in bytes.
func BodyTooLarge(limit int64) *Error {
	return NewError(http.StatusRequestEntityTooLarge, MsgBodyTooLarge, limit)
}

// Unavailable is the 503; retryAfter tells when to come again, rounded up to whole seconds, and is left out if zero.
func Unavailable(retryAfter time.Duration) *Error {
	e := NewError(http.StatusServiceUnavailable, MsgUnavailable)
	if retryAfter > 0 {
		seconds := (retryAfter + time.Second - 1) / time.Second
		e.Header = http.Header{"Retry-After": {strconv.FormatInt(int64(seconds), 10)}}
	}
	return e
}

// ServerError is the 500; what went wrong belongs in the log, not on the wire.
func ServerError() *Error { return NewError(http.StatusInternalServerError, MsgServerError) }

// AsError finds the *Error in err's chain. Any other error becomes a reply that gives nothing away: a 413 for net/http's
// own limit, a 503 for time that ran out, else a 500. Nil stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return BodyTooLarge(tooLarge.Limit)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Unavailable(time.Second)
	}
	return ServerError()
}

// Error is the refusal in English, for logs and tests. It may quote what the client sent.
func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return fmt.Sprintf("%d: %s", e.Status, e.Detail.In(En))
	}
	return fmt.Sprintf("%d: %s", e.Status, appendFields(nil, e.Fields, En))
}

// Body is the reply's body in a language.
func (e *Error) Body(lang Lang) []byte {
	if len(e.Fields) == 0 {
		return append(appendString([]byte(`{"detail":`), e.Detail.In(lang)), '}')
	}
	return appendFields(nil, e.Fields, lang)
}

// SetHeader puts the error's own headers on the reply.
func (e *Error) SetHeader(h http.Header) {
	for name, values := range e.Header {
		h[name] = slices.Clone(values)
	}
}

func appendFields(b []byte, fields []FieldError, lang Lang) []byte {
	b = append(b, '{')
	for i, field := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, field.Field), ':')
		if field.Items != nil {
			b = appendFields(b, field.Items, lang)
		} else {
			b = appendTexts(b, field.Texts, lang)
		}
	}
	return append(b, '}')
}

func appendTexts(b []byte, texts []Text, lang Lang) []byte {
	b = append(b, '[')
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, text.In(lang))
	}
	return append(b, ']')
}

// appendString writes a JSON string; invalid UTF-8, which no reply may hold, becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	quoted, _ := Marshal(strings.ToValidUTF8(s, "\uFFFD")) // a string always has a JSON form
	return append(b, quoted...)
}
