package wire

import (
	"fmt"
	"strings"

	"orderengine/eventstore"
)

// reserved begins the names under which system streams stand in a store, whose own names never begin with $:
// "$$order-1", the metadata of the stream "order-1", is "esdb-$$order-1" there. So clients cannot name such a
// stream otherwise than by its system name.
const reserved = "esdb-"

const (
	systemPrefix   = "$"
	metadataPrefix = "$$"
	allStream      = "$all"

	metadataType  = "$metadata"
	tombstoneType = "$streamDeleted"
)

// stored is the name in the store of a stream that a client names.
func stored(name []byte) (string, error) {
	switch s := string(name); {
	case s == "" || s == allStream || strings.HasPrefix(s, reserved+systemPrefix):
		return "", fmt.Errorf("%w: stream name %.40q", eventstore.ErrInvalid, s)
	case strings.HasPrefix(s, systemPrefix):
		return reserved + s, nil
	default:
		return s, nil
	}
}

// shown is the name by which clients know a stream of the store.
func shown(stream string) string {
	if strings.HasPrefix(stream, reserved+systemPrefix) {
		return stream[len(reserved):]
	}
	return stream
}

// metadataOf is the name in the store of the stream that holds another's metadata.
func metadataOf(stream string) string { return reserved + metadataPrefix + shown(stream) }

// isMetadata says that a stream of the store holds the metadata of another.
func isMetadata(stream string) bool { return strings.HasPrefix(stream, reserved+metadataPrefix) }
