package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"orderengine/domain"
	"orderengine/domain/catalog"
	"orderengine/domain/process"
	"orderengine/eventstore"
)

// Rows is what the views hold because of one stream, beside the document of its state.
type Rows struct {
	Docs     []Doc
	Listings []Listing
}

// Doc is a further document.
type Doc struct {
	Key   string
	Value []byte
}

// Listing is a place in an index.
type Listing struct{ Index, Member string }

// ranked is a member "<rank of 20 digits>-<id>", so that the byte order is the order of the ranks.
func ranked(rank int64, id string) string { return fmt.Sprintf("%020d-%s", rank, id) }

// rankSize is how many bytes of a ranked member stand before the id.
const rankSize = 20 + len("-")

// Projection folds the streams of one category and says which rows follow from the result. The state
// itself is the document with the stream's name as its key.
type Projection interface {
	Category() string
	// restore reads a state back from its document, nil for a stream that has none yet.
	restore(doc []byte) (any, error)
	// evolve also gives the rows that follow from the event alone and stay for ever.
	evolve(state any, e eventstore.Recorded) (any, Rows, error)
	rows(id string, state any) Rows
}

// Fold is a projection of a lifecycle: S its state, E its events. Evolve and Rows are pure.
type Fold[S, E any] struct {
	Of     string // the category
	Codec  *domain.Codec[E]
	Evolve func(S, E) S
	Rows   func(id string, state S) Rows
	// Lines, if there is one, gives what an event adds for ever, from the state after it: the lines of a list that
	// grows too long to be kept in a state. Their keys follow from where the event is recorded.
	Lines func(id string, state S, event E, recorded eventstore.Recorded) Rows
}

// Category is the category whose streams are folded.
func (f Fold[S, E]) Category() string { return f.Of }

func (f Fold[S, E]) restore(doc []byte) (any, error) {
	var state S
	if doc == nil {
		return state, nil
	}
	err := json.Unmarshal(doc, &state)
	return state, err
}

func (f Fold[S, E]) evolve(state any, e eventstore.Recorded) (any, Rows, error) {
	event, err := f.event(e)
	if err != nil {
		return nil, Rows{}, err
	}
	after := f.Evolve(state.(S), event)
	if f.Lines == nil {
		return after, Rows{}, nil
	}
	return after, f.Lines(strings.TrimPrefix(e.Stream, f.Of+"-"), after, event, e), nil
}

// event is what was recorded, decoded unless it still is from being appended.
func (f Fold[S, E]) event(e eventstore.Recorded) (E, error) {
	if event, ok := e.Decoded.(E); ok {
		return event, nil
	}
	schema, err := eventstore.SchemaOf(e.Metadata)
	if err != nil {
		var none E
		return none, err
	}
	return f.Codec.Decode(e.Type, schema, e.Data)
}

func (f Fold[S, E]) rows(id string, state any) Rows { return f.Rows(id, state.(S)) }

// folded is a stream's state at some position, with the rows that are in the views because of it.
type folded struct {
	state any
	rows  Rows
}

// restored is the folded stream that a document holds.
func restored(p Projection, stream string, doc []byte) (folded, error) {
	state, err := p.restore(doc)
	if err != nil {
		return folded{}, fmt.Errorf("document %s: %w", stream, err)
	}
	if doc == nil {
		return folded{state: state}, nil
	}
	return folded{state, p.rows(idOf(p, stream), state)}, nil
}

// project folds events of one stream and appends the ops that lead from the rows of before to those of after.
func project(ops []Op, p Projection, before folded, events []eventstore.Recorded) (after folded, _ []Op, err error) {
	state := before.state
	for _, e := range events {
		var lines Rows
		if state, lines, err = p.evolve(state, e); err != nil {
			return before, ops, fmt.Errorf("stream %s revision %d: %w", e.Stream, e.Revision, err)
		}
		ops = appendDiff(ops, Rows{}, lines)
	}
	stream := events[0].Stream
	after = folded{state, p.rows(idOf(p, stream), state)}
	ops = append(ops, Op{Kind: Put, Key: stream, State: state})
	return after, appendDiff(ops, before.rows, after.rows), nil
}

func idOf(p Projection, stream string) string { return strings.TrimPrefix(stream, p.Category()+"-") }

// appendDiff appends what has to be done to the views that hold the rows of before for them to hold those of after.
func appendDiff(ops []Op, before, after Rows) []Op {
	for _, d := range before.Docs {
		if !slices.ContainsFunc(after.Docs, func(a Doc) bool { return a.Key == d.Key }) {
			ops = append(ops, Op{Kind: Delete, Key: d.Key})
		}
	}
	for _, d := range after.Docs {
		if !slices.ContainsFunc(before.Docs, func(b Doc) bool { return b.Key == d.Key && bytes.Equal(b.Value, d.Value) }) {
			ops = append(ops, Op{Kind: Put, Key: d.Key, Value: d.Value})
		}
	}
	for _, l := range before.Listings {
		if !slices.Contains(after.Listings, l) {
			ops = append(ops, Op{Kind: Unlist, Key: l.Index, Member: l.Member})
		}
	}
	for _, l := range after.Listings {
		if !slices.Contains(before.Listings, l) {
			ops = append(ops, Op{Kind: List, Key: l.Index, Member: l.Member})
		}
	}
	return ops
}

// All is every projection of the server. A change of what they give asks for a new [Version].
func All(periods process.Periods) []Projection {
	return []Projection{
		orderProjection(periods),
		userProjection(periods),
		catalogProjection(catalog.TagCategory),
		catalogProjection(catalog.DrugCategory),
		walletProjection(),
		hospitalOrderProjection(periods),
		hospitalProjection(),
		cardProjection(),
		messageProjection(periods),
		stopListProjection(periods),
		deliveryProjection(),
	}
}

// Version names the set of rows that the projections give: views of another version follow other rules.
const Version = 4

// Readable is the oldest version whose rows today's queries can read: views of it serve until those of [Version]
// are built. Raise it together with Version when a query asks for what older rows do not have.
const Readable = 3
