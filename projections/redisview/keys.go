package redisview

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"

	"orderengine/eventstore"
	"orderengine/projections"
)

// clusterParts is how many parts the views have in a cluster, whatever servers it has: each is in one slot, moves
// with it, and commits by itself. More would be moved more evenly and make every commit dearer. It must not
// change without [Options.Version].
const clusterParts = 16

// keys names the keys of one set of views, which are in one part or in several. A part's keys share a hash tag,
// and so one slot of a cluster:
//
//	{namespace:v1}:           the tag of the only part
//	{namespace:v1:15}:        or of one of several
//	…k                        the checkpoint, or the mark of a wipe or of a set that another has taken over from
//	…f                        the fence: the highest token that has come with a commit
//	…d:<key>                  a document
//	…i:<index>                an index: a sorted set whose members all score 0, and so stand in byte order
//	…lineup                   in the first part: which set of the version serves, and which one is being built
//
// Those of the second set of the version begin with {namespace:v1.1 and so on.
type keys struct {
	namespace string
	start     string // of all tags
	parts     []part
}

// part is the tag of a part.
type part string

// DefaultNamespace is the one of who names none.
const DefaultNamespace = "orderd"

var namespaces = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// CheckNamespace says what is wrong with a namespace.
func CheckNamespace(namespace string) error {
	if !namespaces.MatchString(namespace) {
		return fmt.Errorf("views namespace %.80q: want 1 to 64 letters, digits, dots, dashes and underlines", namespace)
	}
	return nil
}

func newKeys(opts Options, parts int) (keys, error) {
	namespace, version := cmp.Or(opts.Namespace, DefaultNamespace), cmp.Or(opts.Version, 1)
	if err := CheckNamespace(namespace); err != nil {
		return keys{}, err
	}
	if version < 1 {
		return keys{}, fmt.Errorf("views version %d: want 1 or more", version)
	}
	k := keys{namespace: namespace, start: fmt.Sprintf("{%s:%s", namespace, projections.Generation{Version: version, Number: opts.Number})}
	if parts == 1 {
		k.parts = []part{part(k.start + "}:")}
		return k, nil
	}
	for i := range parts {
		k.parts = append(k.parts, part(fmt.Sprintf("%s:%d}:", k.start, i)))
	}
	return k, nil
}

// checkpoint is that of the first part, in which another set's taking over is marked.
func (k keys) checkpoint() string { return k.parts[0].checkpoint() }

// lineup stands beside the first set of the version.
func (k keys) lineup() string { return string(k.parts[0]) + "lineup" }

// split says that a commit is not one step.
func (k keys) split() bool { return len(k.parts) > 1 }

// place is the part of a document or an index.
func (k keys) place(name string) int {
	if !k.split() {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(name)) // never fails
	return int(h.Sum32() % uint32(len(k.parts)))
}

// placeOf is the part that a key of Redis is of, if it is a document's or an index's.
func (k keys) placeOf(name string) (place int, found bool) {
	for i, p := range k.parts {
		if strings.HasPrefix(name, p.documents()) || strings.HasPrefix(name, p.indexes()) {
			return i, true
		}
	}
	return 0, false
}

func (p part) checkpoint() string         { return string(p) + "k" }
func (p part) fence() string              { return string(p) + "f" }
func (p part) documents() string          { return string(p) + "d:" }
func (p part) indexes() string            { return string(p) + "i:" }
func (p part) document(key string) string { return p.documents() + key }
func (p part) index(index string) string  { return p.indexes() + index }

// wiping stands in the checkpoint's place while the views are removed: readers take it for zero, and no
// batch builds on it.
const wiping = "wiping"

// moved stands there once another set has taken over.
const moved = "moved"

func parseCheckpoint(value string) (eventstore.Position, error) {
	switch value {
	case "", wiping:
		return eventstore.Position{}, nil
	case moved:
		return eventstore.Position{}, projections.ErrMoved
	}
	at, err := eventstore.ParsePosition(value)
	if err != nil {
		return at, fmt.Errorf("views checkpoint: %w", err)
	}
	return at, nil
}
