package redisview

import (
	"cmp"
	"fmt"
	"regexp"

	"orderengine/eventstore"
)

// keys names the keys of one set of views. All share a hash tag, and so one slot of a cluster:
//
//	{namespace:v1}:k          the checkpoint, or the mark of a wipe
//	{namespace:v1}:f          the fence: the highest token that has come with a commit
//	{namespace:v1}:d:<key>    a document
//	{namespace:v1}:i:<index>  an index: a sorted set whose members all score 0, and so stand in byte order
type keys struct{ namespace, tag string }

var namespaces = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func newKeys(opts Options) (keys, error) {
	namespace, version := cmp.Or(opts.Namespace, "orderd"), cmp.Or(opts.Version, 1)
	if !namespaces.MatchString(namespace) {
		return keys{}, fmt.Errorf("views namespace %.80q: want 1 to 64 letters, digits, dots, dashes and underlines", namespace)
	}
	if version < 1 {
		return keys{}, fmt.Errorf("views version %d: want 1 or more", version)
	}
	return keys{namespace, fmt.Sprintf("{%s:v%d}:", namespace, version)}, nil
}

func (k keys) checkpoint() string         { return k.tag + "k" }
func (k keys) fence() string              { return k.tag + "f" }
func (k keys) documents() string          { return k.tag + "d:" }
func (k keys) indexes() string            { return k.tag + "i:" }
func (k keys) document(key string) string { return k.documents() + key }
func (k keys) index(index string) string  { return k.indexes() + index }

// wiping stands in the checkpoint's place while the views are removed: readers take it for zero, and no
// batch builds on it.
const wiping = "wiping"

func parseCheckpoint(value string) (eventstore.Position, error) {
	if value == "" || value == wiping {
		return eventstore.Position{}, nil
	}
	at, err := eventstore.ParsePosition(value)
	if err != nil {
		return at, fmt.Errorf("views checkpoint: %w", err)
	}
	return at, nil
}
