package embedded

import (
	"slices"
	"sync"

	"orderengine/eventstore"
)

// recent keeps the last durable events, so that a follower that keeps up never reads the disk, and wakes
// those who wait for more. It is a ring: the event at position p stands at p modulo its size.
type recent struct {
	maxBytes int

	mu      sync.RWMutex
	ring    []eventstore.Recorded
	first   uint64 // the oldest position kept; last+1 if none is
	last    uint64 // the last durable position
	bytes   int
	changed chan struct{} // closed when last rises; nil while nobody waits
}

func newRecent(last uint64, events, maxBytes int) *recent {
	return &recent{maxBytes: maxBytes, ring: make([]eventstore.Recorded, events), first: last + 1, last: last}
}

// durable is the last position that may be read.
func (r *recent) durable() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last
}

// publish adds events, which are durable and follow the last ones.
func (r *recent) publish(events []eventstore.Recorded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range events {
		if r.last+1-r.first == uint64(len(r.ring)) {
			r.dropFirst()
		}
		r.last++
		*r.slot(r.last) = events[i]
		r.bytes += heldBytes(&events[i])
	}
	for r.bytes > r.maxBytes {
		r.dropFirst()
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *recent) dropFirst() {
	e := r.slot(r.first)
	r.bytes -= heldBytes(e)
	*e = eventstore.Recorded{}
	r.first++
}

func (r *recent) slot(position uint64) *eventstore.Recorded {
	return &r.ring[position%uint64(len(r.ring))]
}

func heldBytes(e *eventstore.Recorded) int { return len(e.Data) + len(e.Metadata) }

// after appends events after a position, as many as a batch may hold. Without any it says why: the follower is up to
// date, or (kept is false) so far behind that it must read the log.
func (r *recent) after(position uint64, batch []eventstore.Recorded) (_ []eventstore.Recorded, kept bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if position+1 < r.first {
		return batch, false
	}
	n, size := min(r.last-position, maxBatch), 0
	batch = slices.Grow(batch, int(n))
	for i := uint64(1); i <= n && size < maxPageBytes; i++ {
		e := r.slot(position + i)
		batch = append(batch, *e)
		size += heldBytes(e)
	}
	return batch, true
}

// wait returns a channel that is closed when there are events after a position, nil if there are already.
func (r *recent) wait(position uint64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last > position {
		return nil
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}
