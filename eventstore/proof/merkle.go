package proof

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

var (
	hasher = rfc6962.DefaultHasher
	ranges = compact.RangeFactory{Hash: hashChildren}
)

// nodes gives the hashes of complete subtrees.
type nodes interface {
	node(id compact.NodeID) ([]byte, error)
}

// remembered asks for each node once: the proofs of a bundle share most of theirs.
type remembered struct {
	nodes
	known map[compact.NodeID][]byte
}

func remember(from nodes) remembered { return remembered{from, map[compact.NodeID][]byte{}} }

func (r remembered) node(id compact.NodeID) ([]byte, error) {
	hash, ok := r.known[id]
	if ok {
		return hash, nil
	}
	hash, err := r.nodes.node(id)
	if err == nil {
		r.known[id] = hash
	}
	return hash, err
}

func fetch(from nodes, ids []compact.NodeID) ([][]byte, error) {
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		var err error
		if hashes[i], err = from.node(id); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// prefix is the range of the first size leaves.
func prefix(from nodes, size uint64) (*compact.Range, error) {
	hashes, err := fetch(from, compact.RangeNodes(0, size, nil))
	if err != nil {
		return nil, err
	}
	return ranges.NewRange(0, size, hashes)
}

// rootOf is the root of a range from leaf 0 on.
func rootOf(r *compact.Range) ([]byte, error) {
	if r.End() == 0 {
		return hasher.EmptyRoot(), nil
	}
	return r.GetRootHash(nil)
}

func rootAt(from nodes, size uint64) ([]byte, error) {
	r, err := prefix(from, size)
	if err != nil {
		return nil, err
	}
	return rootOf(r)
}

// prove makes the proof that the plan asks for.
func prove(from nodes, plan proof.Nodes, err error) ([][]byte, error) {
	if err != nil {
		return nil, err
	}
	hashes, err := fetch(from, plan.IDs)
	if err != nil {
		return nil, err
	}
	return plan.Rehash(hashes, hashChildren)
}

// inclusion proves that a leaf is among the first size ones.
func inclusion(from nodes, index, size uint64) ([][]byte, error) {
	plan, err := proof.Inclusion(index, size)
	return prove(from, plan, err)
}

// consistency proves that the first size1 leaves of both trees are the same.
func consistency(from nodes, size1, size2 uint64) ([][]byte, error) {
	plan, err := proof.Consistency(size1, size2)
	return prove(from, plan, err)
}

// VerifyConsistency checks the proof that the tree of the newer checkpoint begins with all of the older's.
func VerifyConsistency(older, newer Checkpoint, hashes [][]byte) error {
	if older.Size > newer.Size {
		return fmt.Errorf("%w: the older checkpoint has %d events, the newer %d", ErrRolledBack, older.Size, newer.Size)
	}
	if older.Size == 0 {
		return nil // everything begins with nothing; RFC 6962 has no proof of it
	}
	if err := proof.VerifyConsistency(hasher, older.Size, newer.Size, hashes, older.Root, newer.Root); err != nil {
		return fmt.Errorf("%w: between %d and %d events: %w", ErrInconsistent, older.Size, newer.Size, shown(err))
	}
	return nil
}

// shown is an error of a proof's verification on one line: the module lists the bytes of both roots.
func shown(err error) error {
	var mismatch proof.RootMismatchError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("the root would be %x, and %x was signed", mismatch.CalculatedRoot, mismatch.ExpectedRoot)
	}
	return err
}
