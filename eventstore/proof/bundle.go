package proof

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore"
)

// BundleFormat is the version of the bundle's form.
const BundleFormat = 1

// Bundle is all about one thing, its subject: the events of its streams whole, each with the proof that it stands in
// the log, and two notes of the same key. Bytes are in base64; data and metadata are strings with just the stored bytes.
type Bundle struct {
	Format  int    `json:"format"`
	Subject string `json:"subject"`
	// Checkpoint is the head of the tree that all proofs lead to.
	Checkpoint string `json:"checkpoint"`
	// Statement says how many events each stream has among those of the checkpoint, so that none can be left out.
	Statement string  `json:"statement"`
	Events    []Entry `json:"events"`
}

// Entry is an event with its place in the tree.
type Entry struct {
	Stream   string              `json:"stream"`
	Revision eventstore.Revision `json:"revision"`
	ID       uuid.UUID           `json:"id"`
	Type     string              `json:"type"`
	Data     Text                `json:"data"`
	Metadata Text                `json:"metadata"`
	// Index is the number of the leaf, from 0.
	Index uint64 `json:"index"`
	// Proof are the hashes from the leaf's sibling up.
	Proof [][]byte `json:"proof"`
}

func (e *Entry) recorded() *eventstore.Recorded {
	return &eventstore.Recorded{
		Stream: e.Stream, Revision: e.Revision,
		Event: eventstore.Event{ID: e.ID, Type: e.Type, Data: e.Data, Metadata: e.Metadata},
	}
}

// Name is how an event is called in messages: stream@revision.
func (e *Entry) Name() string { return e.Stream + "@" + strconv.FormatInt(int64(e.Revision), 10) }

// Text is bytes that are mostly text: a JSON string, or {"base64": "…"} if they are no UTF-8.
type Text []byte

type binaryText struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements [json.Marshaler].
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.Valid(t) {
		return marshal(string(t))
	}
	return marshal(binaryText{t})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Text) UnmarshalJSON(b []byte) error {
	if b[0] == '{' {
		var raw binaryText
		err := json.Unmarshal(b, &raw)
		*t = raw.Base64
		return err
	}
	var s string
	err := json.Unmarshal(b, &s)
	*t = Text(s)
	return err
}

// marshal leaves <, > and & as they are, so that a person can read them.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Encode writes the file, the only form in which [Verify] takes a bundle: an object of one line for each event.
func (b Bundle) Encode() ([]byte, error) {
	var out bytes.Buffer
	head, err := marshal(struct {
		Format     int    `json:"format"`
		Subject    string `json:"subject"`
		Checkpoint string `json:"checkpoint"`
		Statement  string `json:"statement"`
	}{b.Format, b.Subject, b.Checkpoint, b.Statement})
	if err != nil {
		return nil, err
	}
	out.Write(bytes.TrimSuffix(head, []byte("}")))
	out.WriteString(`,"events":[`)
	for i := range b.Events {
		line, err := marshal(b.Events[i])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(line)
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}

// statement is what is signed beside the checkpoint. Its text is
//
//	<origin>/bundle
//	subject <quoted>
//	tree <size> <root in base64>
//	stream <quoted> <events> <digest in base64>     for each stream
//
// The digest is SHA-256 of the leaf hashes of the stream's events, one after another.
type statement struct {
	subject string
	tree    Checkpoint
	streams []streamSum
}

type streamSum struct {
	name   string
	events int
	digest []byte
}

func (s statement) text(origin string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/bundle\nsubject %q\ntree %d %s\n", origin, s.subject, s.tree.Size, base64.StdEncoding.EncodeToString(s.tree.Root))
	for _, stream := range s.streams {
		fmt.Fprintf(&b, "stream %q %d %s\n", stream.name, stream.events, base64.StdEncoding.EncodeToString(stream.digest))
	}
	return b.String()
}

// parseStatement reads what text wrote, and nothing else.
func parseStatement(text, origin string) (s statement, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return s, fmt.Errorf("it has %d lines", len(lines))
	}
	if _, err := fmt.Sscanf(lines[1], "subject %q", &s.subject); err != nil {
		return s, err
	}
	var root string
	if _, err := fmt.Sscanf(lines[2], "tree %d %s", &s.tree.Size, &root); err != nil {
		return s, err
	}
	if s.tree.Root, err = base64.StdEncoding.DecodeString(root); err != nil {
		return s, err
	}
	for _, line := range lines[3:] {
		var sum streamSum
		var digest string
		if _, err := fmt.Sscanf(line, "stream %q %d %s", &sum.name, &sum.events, &digest); err != nil {
			return s, err
		}
		if sum.digest, err = base64.StdEncoding.DecodeString(digest); err != nil {
			return s, err
		}
		s.streams = append(s.streams, sum)
	}
	if s.text(origin) != text {
		return s, fmt.Errorf("it is not a statement of the log %q", origin)
	}
	return s, nil
}

func digest(leaves [][]byte) []byte {
	sum := sha256.Sum256(bytes.Join(leaves, nil))
	return sum[:]
}

// Bundle tells all about subject: the events that its streams have now, whole and with their proofs. It waits until the
// tree has them, no longer than ctx: then it fails with [ErrBehind]. A stream without events is stated to have none.
func (t *Tree) Bundle(ctx context.Context, reader eventstore.StreamReader, subject string, streams []string) (Bundle, error) {
	var last eventstore.Position
	for _, stream := range streams {
		for e, err := range reader.ReadStream(ctx, stream, 0) {
			if err != nil {
				return Bundle{}, err
			}
			if last.Before(e.Position) {
				last = e.Position
			}
		}
	}
	if err := t.await(ctx, last); err != nil {
		return Bundle{}, err
	}
	signed, of, err := t.head()
	if err != nil {
		return Bundle{}, err
	}
	b := Bundle{Format: BundleFormat, Subject: subject, Checkpoint: string(signed), Events: []Entry{}}
	from := remember(t.folder)
	sums := make([]streamSum, len(streams))
	for i, stream := range streams {
		if sums[i], err = t.gather(ctx, &b, from, reader, stream, of); err != nil {
			return Bundle{}, err
		}
	}
	b.Statement, err = t.stated(subject, signed, sums)
	return b, err
}

// gather adds the events of a stream up to a state of the tree: what came later is in no proof of it.
func (t *Tree) gather(ctx context.Context, b *Bundle, from nodes, reader eventstore.StreamReader, stream string, of state) (streamSum, error) {
	release, err := t.use()
	if err != nil {
		return streamSum{}, err
	}
	defer release()
	var leaves [][]byte
	for e, err := range reader.ReadStream(ctx, stream, 0) {
		if err != nil {
			return streamSum{}, err
		}
		if of.at.Before(e.Position) {
			break
		}
		index, found, err := t.folder.index(e.Position)
		if err != nil || !found {
			return streamSum{}, cmp.Or(err, fmt.Errorf("%w: %s at position %s has no leaf", ErrInconsistent, stream, e.Position))
		}
		leaf := LeafHash(&e)
		if stored, err := from.node(compact.NewNodeID(0, index)); err != nil || !bytes.Equal(stored, leaf) {
			return streamSum{}, cmp.Or(err, fmt.Errorf("%w: %s at position %s is not what the tree took in", ErrInconsistent, stream, e.Position))
		}
		hashes, err := inclusion(from, index, of.size)
		if err != nil {
			return streamSum{}, err
		}
		leaves = append(leaves, leaf)
		b.Events = append(b.Events, Entry{e.Stream, e.Revision, e.ID, e.Type, e.Data, e.Metadata, index, hashes})
	}
	return streamSum{stream, len(leaves), digest(leaves)}, nil
}

// stated signs the statement about the streams at a checkpoint.
func (t *Tree) stated(subject string, checkpoint []byte, sums []streamSum) (string, error) {
	at, err := OpenCheckpoint(checkpoint, t.key.Verifier())
	if err != nil {
		return "", err
	}
	s := statement{subject, at, sums}
	signed, err := note.Sign(&note.Note{Text: s.text(t.key.Origin())}, t.key.signer)
	return string(signed), err
}
