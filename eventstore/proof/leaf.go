package proof

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/transparency-dev/merkle/rfc6962"

	"orderengine/eventstore"
)

// LeafVersion is that of the leaf's bytes. It never changes for events that stand in a tree.
const LeafVersion = 1

// HashSize is the length of a leaf's and of a node's hash.
const HashSize = sha256.Size

// AppendLeaf appends the bytes of an event's leaf, which the package's comment lays out.
func AppendLeaf(b []byte, e *eventstore.Recorded) []byte {
	b = append(b, LeafVersion)
	b = append(appendLength(b, len(e.Stream)), e.Stream...)
	b = binary.BigEndian.AppendUint64(appendLength(b, 8), uint64(e.Revision))
	b = append(appendLength(b, len(e.ID)), e.ID[:]...)
	b = append(appendLength(b, len(e.Type)), e.Type...)
	b = append(appendLength(b, len(e.Data)), e.Data...)
	return append(appendLength(b, len(e.Metadata)), e.Metadata...)
}

func appendLength(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

// LeafHash is the hash of an event's leaf.
func LeafHash(e *eventstore.Recorded) []byte {
	var h leafHasher
	return h.hash(e)
}

// leafHasher hashes leaves one after another in one buffer: it is done for every event.
type leafHasher struct{ buffer []byte }

func (h *leafHasher) hash(e *eventstore.Recorded) []byte {
	h.buffer = AppendLeaf(append(h.buffer[:0], rfc6962.RFC6962LeafHashPrefix), e)
	sum := sha256.Sum256(h.buffer)
	return sum[:]
}

// hashChildren is rfc6962.DefaultHasher.HashChildren without a hash state of its own for each node.
func hashChildren(left, right []byte) []byte {
	var b [1 + 2*HashSize]byte
	b[0] = rfc6962.RFC6962NodeHashPrefix
	copy(b[1:], left)
	copy(b[1+HashSize:], right)
	sum := sha256.Sum256(b[:])
	return sum[:]
}
