package wire

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"orderengine/eventstore"
)

// visible is how much of a stream readers see: what its metadata, the protocol's way to forget, leaves of it.
type visible struct {
	last       eventstore.Revision // NoStream if there is no stream
	first      eventstore.Revision // what stands before is hidden
	truncated  eventstore.Revision // $tb: what stands before was deleted
	since      time.Time           // older events are hidden
	properties map[string]json.RawMessage
}

// deleted says that nothing came after the stream was deleted.
func (v visible) deleted() bool { return v.truncated > v.last }

// shows says that an event from v.first on is young enough.
func (v visible) shows(e *eventstore.Recorded) bool { return v.since.IsZero() || e.Time.After(v.since) }

// look reads the end of a stream, and its metadata. It fails if the stream has a tombstone.
func (s *service) look(ctx context.Context, stream string) (visible, error) {
	last, err := s.last(ctx, stream)
	if err != nil {
		return visible{}, err
	}
	if last.Type == tombstoneType {
		return visible{}, &deletedError{shown(stream)}
	}
	v := visible{last: last.Revision}
	if isMetadata(stream) {
		v.first = v.last // only the last metadata counts
		return v, nil
	}
	return v, s.limit(ctx, stream, &v)
}

// limit applies the metadata of a stream. What cannot be understood limits nothing.
func (s *service) limit(ctx context.Context, stream string, v *visible) error {
	metadata, err := s.last(ctx, metadataOf(stream))
	if err != nil || metadata.Revision == eventstore.NoStream {
		return err
	}
	if json.Unmarshal(metadata.Data, &v.properties) != nil {
		return nil
	}
	if before := v.number("$tb"); before != nil {
		v.truncated = eventstore.Revision(*before)
		v.first = max(v.first, v.truncated)
	}
	if count := v.number("$maxCount"); count != nil {
		v.first = max(v.first, v.last+1-eventstore.Revision(*count))
	}
	if seconds := v.number("$maxAge"); seconds != nil && *seconds >= 0 && *seconds < int64(math.MaxInt64/time.Second) {
		v.since = s.now().Add(-time.Duration(*seconds) * time.Second)
	}
	return nil
}

// number is a property, nil if that is not there or is something else: one that is wrong takes nothing from the others.
func (v *visible) number(property string) (n *int64) {
	if json.Unmarshal(v.properties[property], &n) != nil {
		return nil
	}
	return n
}

// last is the last event of a stream of the store; without one its revision is [eventstore.NoStream].
func (s *service) last(ctx context.Context, stream string) (eventstore.Recorded, error) {
	for e, err := range s.store.ReadStreamBackwards(ctx, stream, math.MaxInt64) {
		return e, err
	}
	return eventstore.Recorded{Revision: eventstore.NoStream}, nil
}
