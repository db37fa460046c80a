package proof

import (
	"github.com/transparency-dev/merkle/compact"

	"orderengine/eventstore"
)

// Heads makes the tree heads of a log that is read from its first event on, without keeping a tree. The zero Heads is
// that of no events.
type Heads struct{ leaves *compact.Range }

// Add takes the next event of the log.
func (h *Heads) Add(e *eventstore.Recorded) error {
	if h.leaves == nil {
		h.leaves = ranges.NewEmptyRange(0)
	}
	return h.leaves.Append(LeafHash(e), nil)
}

// Size is the number of events so far.
func (h *Heads) Size() uint64 {
	if h.leaves == nil {
		return 0
	}
	return h.leaves.End()
}

// Head is the tree head of the events so far.
func (h *Heads) Head() (Checkpoint, error) {
	if h.leaves == nil {
		return Checkpoint{Root: hasher.EmptyRoot()}, nil
	}
	root, err := rootOf(h.leaves)
	return Checkpoint{Size: h.Size(), Root: root}, err
}
