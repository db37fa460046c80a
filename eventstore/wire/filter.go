package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"orderengine/eventstore"
)

// defaultWindow is how many events a search that names no window looks through before it says how far it is.
const defaultWindow = 32

// filter is what a read or subscription of $all wants.
type filter struct {
	wants func(e *eventstore.Recorded) bool
	every int // events that are looked at from one checkpoint to the next; 0 sends none
}

// newFilter reads a request's filter. Its regular expressions are those of package regexp, which has all that
// prefixes and alternatives need; EventStoreDB's are .NET's.
func newFilter(options *streams.ReadReq_Options) (filter, error) {
	f := options.GetFilter()
	if f == nil {
		return filter{wants: func(*eventstore.Recorded) bool { return true }}, nil
	}
	expression, subject := f.GetEventType(), func(e *eventstore.Recorded) string { return e.Type }
	if expression == nil {
		expression, subject = f.GetStreamIdentifier(), func(e *eventstore.Recorded) string { return shown(e.Stream) }
	}
	matches, err := matcher(expression)
	if err != nil {
		return filter{}, err
	}
	window := int(f.GetMax())
	if window == 0 {
		window = defaultWindow
	}
	return filter{
		wants: func(e *eventstore.Recorded) bool { return matches(subject(e)) },
		every: window * max(1, int(f.GetCheckpointIntervalMultiplier())),
	}, nil
}

func matcher(expression *streams.ReadReq_Options_FilterOptions_Expression) (func(string) bool, error) {
	if text := expression.GetRegex(); text != "" {
		compiled, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("%w: filter: %w", eventstore.ErrInvalid, err)
		}
		return compiled.MatchString, nil
	}
	prefixes := expression.GetPrefix()
	if len(prefixes) == 0 {
		return nil, fmt.Errorf("%w: filter: neither a prefix nor a regular expression", eventstore.ErrInvalid)
	}
	return func(s string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
	}, nil
}
