// Package projections turns the log into the read models that serve the lists, and the log's open ends
// into things to be done.
//
// A [Projection] is pure: it folds the events of one stream and says which rows follow from the result. The
// [Follower] reads the log, diffs the rows of before and after, and commits them together with its
// checkpoint to a view store. Views never hold what the log does not: they may be wiped at any time and are
// rebuilt byte for byte.
package projections

import (
	"context"
	"errors"

	"orderengine/domain"
	"orderengine/eventstore"
)

var (
	// ErrStale: the store's checkpoint is not the one this batch builds on; another follower was here or
	// the views were wiped. Nothing was changed: read the checkpoint and begin again from there.
	ErrStale = errors.New("views: checkpoint has moved")
	// ErrLagging: the views are being rebuilt or are behind what was promised. Answer 503 with Retry-After.
	ErrLagging = errors.New("views are behind the log")
	// ErrUnavailable: the view store cannot be reached. Answer 503 with Retry-After.
	ErrUnavailable = errors.New("views are unavailable")
)

// MayPass says that what failed with err may well succeed later.
func MayPass(err error) bool { return errors.Is(err, ErrLagging) || errors.Is(err, ErrUnavailable) }

// OpKind says what an [Op] does.
type OpKind uint8

const (
	Put    OpKind = iota + 1 // set the document Key
	Delete                   // remove the document Key
	List                     // list Member in the index Key
	Unlist                   // take Member out of the index Key
)

// Op is one change of the views. Doing one twice is doing it once.
type Op struct {
	Kind   OpKind
	Key    string // of the document, or of the index
	Value  []byte // of the document
	State  any    // that the document is the stored form of, instead of a Value; nobody may change it
	Member string
}

// Document is what a Put sets. It is made of a State when it is asked for: most documents are overwritten before
// anybody needs them.
func (op *Op) Document() ([]byte, error) {
	if op.State == nil {
		return op.Value, nil
	}
	return domain.JSON(op.State)
}

// Batch is what one step of the follower changes: the ops of the events after From up to To.
type Batch struct {
	From eventstore.Position // the checkpoint it builds on, zero for empty views
	To   eventstore.Position // after From
	Ops  []Op
	// Exact says that the ops were made from what the views hold at From: each List is of a member that is not
	// listed, each Unlist of one that is, and none overrules another. A store then need not look first.
	Exact bool
}

// Docs answers [Reader.Get]: the values in the order of the keys, nil where there is none.
type Docs struct {
	Values [][]byte
	At     eventstore.Position // the checkpoint the answer is true at
}

// Cut is a part of an index by place, counted from the first member, or from the last if NewestFirst.
type Cut struct {
	Offset, Limit int // a negative one counts as 0
	NewestFirst   bool
	// Documents asks for what the members stand for as well, as it is at At or a moment later.
	Documents Documents
}

// Documents are those of an index's members: each has the key Of and its member without the first Skip bytes. None if Of
// is "".
type Documents struct {
	Of   string
	Skip int
}

// Keys are the keys of the documents of members.
func (d Documents) Keys(members []string) []string {
	keys := make([]string, len(members))
	for i, member := range members {
		keys[i] = d.Of + member[min(d.Skip, len(member)):]
	}
	return keys
}

// Page answers [Reader.Page].
type Page struct {
	Members []string
	Values  [][]byte            // of the members' documents, if they were asked for; nil where there is none
	Total   int                 // members in the whole index
	At      eventstore.Position // the checkpoint the answer is true at
}

// With is the page with its members' documents, which were read after them. If they are from before the page's moment, the
// views were wiped in between, and the page is of no moment that is later.
func (p Page) With(docs Docs) Page {
	p.Values = docs.Values
	if docs.At.Before(p.At) {
		p.At = docs.At
	}
	return p
}

// Range is a part of an index, in the byte order of the members.
type Range struct {
	From  string // the first member that may be in it
	To    string // the first after it; "" is the end of the index
	Limit int    // the most members to give; a negative one counts as 0
}

// Stretch answers [Reader.Range].
type Stretch struct {
	Members []string
	At      eventstore.Position // the checkpoint the answer is true at
}

// Reader reads the views. Its errors wrap [ErrUnavailable] where trying later may help.
type Reader interface {
	// Get reads documents. An empty value is not nil.
	Get(ctx context.Context, keys ...string) (Docs, error)
	// Page reads members of an index in their byte order, or backwards. An index that was never listed in is empty.
	Page(ctx context.Context, index string, cut Cut) (Page, error)
	// Range reads the first members of a part of an index. Its cost does not grow with the index.
	Range(ctx context.Context, index string, r Range) (Stretch, error)
}

// Committer changes the views.
type Committer interface {
	// Checkpoint is the position that the views are true at, zero if they are empty or were wiped.
	Checkpoint(ctx context.Context) (eventstore.Position, error)
	// Commit does the ops and moves the checkpoint from b.From to b.To, all or nothing. It fails with
	// [ErrStale] and changes nothing if the checkpoint is not b.From. The ops and their values are the caller's again
	// when it returns.
	Commit(ctx context.Context, b Batch) error
	// Wipe removes everything, the checkpoint included.
	Wipe(ctx context.Context) error
}

// Parted is a view store that commits in parts, each of them all or nothing and with a checkpoint of its own. A
// commit that fails may have been done in some of them, and a server that is lost may take some of them back to
// an earlier checkpoint. Then a [Committer.Commit] changes the parts that are at b.From, and leaves those alone
// that are at b.To or further; the [Committer.Checkpoint] is that of the part that is behind all others.
type Parted interface {
	// Checkpoints are those of the parts, each position once, the lowest first.
	Checkpoints(ctx context.Context) ([]eventstore.Position, error)
}

// Views is a view store, as the server uses it.
type Views interface {
	Reader
	Committer
}
