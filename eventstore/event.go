// Package eventstore is an append-only log of streams of events. It knows nothing of orders.
//
// A stream is the history of one thing and is numbered by [Revision]; the log is the history of all
// streams together and is ordered by [Position]. What is appended never changes. Every store in the
// folders below keeps the same promises, which storetest checks:
//
//   - an append is all or nothing, and durable before it is answered;
//   - of several appends to one stream that expect the same revision, exactly one wins;
//   - the same append again (the same event ids at the same place) is answered like the first and adds nothing;
//   - who follows the log sees every event once, in order, with nothing left out.
package eventstore

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Revision numbers an event within its stream; a stream's first event has revision 0.
type Revision int64

// NoStream is the expected revision of a stream that must not exist yet.
const NoStream Revision = -1

// Position orders events across the whole log. It is opaque: it rises from event to event, but the
// difference of two positions means nothing, and what a store gives must be handed back as it was.
// The zero Position stands before the first event.
type Position struct {
	Commit  uint64
	Prepare uint64
}

// End is a position after every event.
var End = Position{Commit: math.MaxUint64, Prepare: math.MaxUint64}

// Compare is negative if p stands before q, zero if they are one, positive if p stands after q.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Commit, q.Commit); c != 0 {
		return c
	}
	return cmp.Compare(p.Prepare, q.Prepare)
}

// Before says that p stands before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// String is the form that [ParsePosition] reads back: "commit-prepare", or one number when both are equal.
func (p Position) String() string {
	if p.Commit == p.Prepare {
		return strconv.FormatUint(p.Commit, 10)
	}
	return fmt.Sprintf("%d-%d", p.Commit, p.Prepare)
}

// ParsePosition reads what [Position.String] wrote.
func ParsePosition(s string) (Position, error) {
	left, right, two := strings.Cut(s, "-")
	commit, err := strconv.ParseUint(left, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("position %q: not of the form N or N-N", s)
	}
	if !two {
		return Position{commit, commit}, nil
	}
	prepare, err := strconv.ParseUint(right, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("position %q: not of the form N or N-N", s)
	}
	return Position{commit, prepare}, nil
}

// Event is what a caller appends. ID makes a repeated append recognisable; Data and Metadata are JSON
// and are kept and handed back byte for byte, so that a digest over them means the same in every store.
type Event struct {
	ID       uuid.UUID
	Type     string
	Data     []byte
	Metadata []byte
	// Decoded is what Data says, if who appended the event left it here: it spares a follower in the same process the
	// decoding. It is nil for an event that was read from the disk or from elsewhere, and nobody may change it.
	Decoded any
}

// Recorded is an event as the log holds it. Who receives one must not change its bytes.
type Recorded struct {
	Event
	Stream   string
	Revision Revision
	Position Position
	// Time is when the store took the event, in UTC and microseconds. Order comes from Position, never from Time.
	Time time.Time
}

// IsSystem says that an event is a store's own, as the tombstone of a stream that was deleted is: it tells nothing of what
// the stream is about.
func (e *Recorded) IsSystem() bool { return strings.HasPrefix(e.Type, "$") }

// Category is the part of a stream's name before the first dash: "qaorder" of "qaorder-123".
func Category(stream string) string {
	category, _, _ := strings.Cut(stream, "-")
	return category
}
