package proof

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore"
)

// Audit makes the tree of a whole log again and holds it against what was signed.
type Audit struct {
	Log eventstore.Log
	// Tree is the folder of the tree that was made while the log grew, "" if there is none. It is only read.
	Tree string
	// Key verifies the checkpoints in that folder; nil leaves their signatures unchecked.
	Key note.Verifier
	// Kept are checkpoints from elsewhere, whose signatures were verified.
	Kept []Checkpoint
	// Progress is told how many events are done; it may be nil.
	Progress func(events uint64)
}

// Audited is what was found to be right.
type Audited struct {
	Head        Checkpoint          // the tree of the whole log
	At          eventstore.Position // its last event
	Tree        uint64              // events of the tree in the folder
	Checkpoints int                 // that agree with the log
}

// Run reads the whole log once. Its error names the first position that is not as it was: [ErrRolledBack] if events are
// missing at the end, [ErrInconsistent] if one is another, [ErrDamaged] if the tree's own folder cannot be believed.
func (a Audit) Run(ctx context.Context) (found Audited, err error) {
	r := auditing{Audit: a, leaves: ranges.NewEmptyRange(0)}
	if a.Tree != "" {
		r.folder, err = openFolder(a.Tree, true, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			return found, err
		}
		defer r.folder.db.Close()
		if err := r.loadTree(); err != nil {
			return found, err
		}
	}
	r.signed = append(r.signed, a.Kept...)
	slices.SortStableFunc(r.signed, func(c, d Checkpoint) int { return cmp.Compare(c.Size, d.Size) })
	if err := r.read(ctx); err != nil {
		return found, err
	}
	return r.finish()
}

// auditing is an audit under way.
type auditing struct {
	Audit
	folder folder
	state  state        // of the folder
	signed []Checkpoint // by size; those of no more events than read are done
	agreed int
	leaves *compact.Range
	at     eventstore.Position
	hasher leafHasher
	wrong  error // what the nodes' visitor found
}

func (r *auditing) loadTree() (err error) {
	if r.state, err = r.folder.state(); err != nil {
		return err
	}
	var wrong error
	err = r.folder.checkpoints(false, func(size uint64, signed []byte) bool {
		var c Checkpoint
		if c, wrong = r.open(signed); wrong == nil && c.Size != size {
			wrong = fmt.Errorf("it is of %d events", c.Size)
		}
		if wrong != nil {
			wrong = fmt.Errorf("%w: its checkpoint of %d events: %w", ErrDamaged, size, wrong)
		}
		r.signed = append(r.signed, c)
		return wrong == nil
	})
	return cmp.Or(wrong, err)
}

func (r *auditing) open(signed []byte) (Checkpoint, error) {
	if r.Key == nil {
		return unverified(signed)
	}
	return OpenCheckpoint(signed, r.Key)
}

func (r *auditing) read(ctx context.Context) error {
	head, err := r.Log.Head(ctx)
	if err != nil || head == (eventstore.Position{}) {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for batch, err := range r.Log.Follow(ctx, eventstore.Position{}) {
		if err != nil {
			return err
		}
		for i := range batch {
			if err := r.take(&batch[i]); err != nil {
				return err
			}
		}
		if r.Progress != nil {
			r.Progress(r.leaves.End())
		}
		if !r.at.Before(head) {
			return nil
		}
	}
	return ctx.Err()
}

// take compares one event with the tree, and the tree so far with what was signed of it.
func (r *auditing) take(e *eventstore.Recorded) error {
	hash, index := r.hasher.hash(e), r.leaves.End()
	r.at = e.Position
	if index < r.state.size {
		if err := r.compare(e, hash, index); err != nil {
			return err
		}
	}
	if err := r.leaves.Append(hash, r.visit); err != nil {
		return err
	}
	if r.wrong != nil {
		return r.wrong
	}
	for r.agreed < len(r.signed) && r.signed[r.agreed].Size <= r.leaves.End() {
		if err := r.agrees(r.signed[r.agreed]); err != nil {
			return err
		}
		r.agreed++
	}
	return nil
}

// compare holds an event against its leaf.
func (r *auditing) compare(e *eventstore.Recorded, hash []byte, index uint64) error {
	leaf, err := r.folder.node(compact.NewNodeID(0, index))
	if err != nil {
		return err
	}
	if !bytes.Equal(leaf, hash) {
		return fmt.Errorf("%w: position %s: %s@%d is not the event that the tree took in as number %d", ErrInconsistent, e.Position, e.Stream, e.Revision, index+1)
	}
	if stored, found, err := r.folder.index(e.Position); err != nil || !found || stored != index {
		return cmp.Or(err, fmt.Errorf("%w: position %s: the tree has event %d elsewhere", ErrInconsistent, e.Position, index+1))
	}
	return nil
}

// visit holds a node against the stored one.
func (r *auditing) visit(id compact.NodeID, hash []byte) {
	if _, end := id.Coverage(); end > r.state.size || r.wrong != nil {
		return
	}
	stored, err := r.folder.node(id)
	if err == nil && !bytes.Equal(stored, hash) {
		err = fmt.Errorf("%w: node %d of level %d is not the hash of those below it", ErrDamaged, id.Index, id.Level)
	}
	r.wrong = err
}

func (r *auditing) agrees(c Checkpoint) error {
	if c.Size == 0 {
		return nil
	}
	root, err := rootOf(r.leaves)
	if err != nil || bytes.Equal(root, c.Root) {
		return err
	}
	since := uint64(0)
	if r.agreed > 0 {
		since = r.signed[r.agreed-1].Size
	}
	return fmt.Errorf("%w: the first %d events, up to position %s, are not those that were signed: one of the events %d to %d is another", ErrInconsistent, c.Size, r.at, since+1, c.Size)
}

// finish looks at what should still have come.
func (r *auditing) finish() (Audited, error) {
	size := r.leaves.End()
	for _, c := range r.signed[r.agreed:] {
		if c.Size > 0 {
			return Audited{}, fmt.Errorf("%w: the log has %d events and ends at position %s, the checkpoint signed %d: all after that position are gone", ErrRolledBack, size, r.at, c.Size)
		}
		r.agreed++
	}
	if r.state.size > size {
		return Audited{}, fmt.Errorf("%w: the log has %d events and ends at position %s, the tree has taken in %d, up to position %s", ErrRolledBack, size, r.at, r.state.size, r.state.at)
	}
	if r.state.size > 0 {
		if hash, err := r.folder.node(compact.NewNodeID(0, r.state.size-1)); err != nil || !bytes.Equal(hash, r.state.last) {
			return Audited{}, cmp.Or(err, fmt.Errorf("%w: its state is not that of its last leaf", ErrDamaged))
		}
	}
	root, err := rootOf(r.leaves)
	return Audited{Checkpoint{size, root}, r.at, r.state.size, r.agreed}, err
}
