// Package proof proves what is in a log: a Merkle tree over its events (RFC 6962), signed heads of that tree
// (C2SP tlog-checkpoint notes, Ed25519), proofs that an event is in it and that it only grew, and bundles,
// files that tell all about some streams and are verified without the server. It knows nothing of orders.
//
// # Leaves
//
// Leaf n is the nth event of the log. Its bytes are, with lengths of four bytes, big-endian:
//
//	version      1 byte    LeafVersion
//	stream       length, bytes
//	revision     length (8), big-endian
//	id           length (16), bytes
//	type         length, bytes
//	data         length, bytes
//	metadata     length, bytes
//
// Its hash is SHA-256 of a zero byte and these, as RFC 6962 has it. Neither the position nor the time at which the
// store took the event is in it, so that a log copied into another store has the same tree; when the event
// occurred stands in its metadata.
//
// # What a signature says
//
// A checkpoint says: the first N events of the log have this root. A statement, which is in a bundle, says: among
// these N, the stream S has just so many events, with this digest. Both are notes signed by the same key, and the
// first line keeps one from being taken for the other. Who has kept a checkpoint can hold any later one against it.
package proof
