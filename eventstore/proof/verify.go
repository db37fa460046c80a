package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore"
)

// Kind is what is wrong with a bundle.
type Kind string

// What [Verify] finds. Who changes a file can make one manipulation look like another, but none like nothing.
const (
	Malformed       Kind = "malformed"        // the file is not one that the server writes
	WrongKey        Kind = "wrong key"        // a note is not signed by the key, or is not what was signed
	WrongCheckpoint Kind = "wrong checkpoint" // the statement is about another tree or subject
	Changed         Kind = "changed"          // an event is not the one that stands in the log at its place
	Dropped         Kind = "dropped"          // an event is missing between others
	Truncated       Kind = "truncated"        // the last events of a stream are missing
	Inserted        Kind = "inserted"         // an event is there that is not among those stated, or is there twice
	Reordered       Kind = "reordered"        // an event stands where another should
)

// Fault is one thing that is wrong.
type Fault struct {
	Kind Kind
	// Event is the event's name, stream@revision, "" if it is about the whole.
	Event string
	Why   string
}

func (f Fault) String() string {
	if f.Event == "" {
		return string(f.Kind) + ": " + f.Why
	}
	return string(f.Kind) + ": " + f.Event + ": " + f.Why
}

// FaultError is all that is wrong with a bundle, what was found first in front.
type FaultError struct{ Faults []Fault }

func (e *FaultError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Verdict is what a bundle tells.
type Verdict struct {
	Bundle     Bundle
	Checkpoint Checkpoint
	// Streams are the streams and how many events each has.
	Streams []StreamCount
}

// StreamCount is a stream and its number of events.
type StreamCount struct {
	Stream string
	Events int
}

// Verify reads a bundle and checks all that it says against the key, without any server. Its error is a [*FaultError]; the
// verdict then has what could be read.
func Verify(file []byte, key note.Verifier) (Verdict, error) {
	v := verifier{key: key}
	v.verify(file)
	if len(v.faults) > 0 {
		return v.verdict, &FaultError{v.faults}
	}
	return v.verdict, nil
}

type verifier struct {
	key     note.Verifier
	verdict Verdict
	faults  []Fault
}

func (v *verifier) fault(kind Kind, event, format string, args ...any) {
	v.faults = append(v.faults, Fault{kind, event, fmt.Sprintf(format, args...)})
}

func (v *verifier) verify(file []byte) {
	if !v.parse(file) {
		return
	}
	stated, ok := v.notes()
	if !ok {
		return
	}
	v.order(stated)
	v.places()
	v.digests(stated)
	v.form(file)
}

// parse reads the file.
func (v *verifier) parse(file []byte) bool {
	b := &v.verdict.Bundle
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	switch err := d.Decode(b); {
	case errors.Is(err, io.EOF):
		v.fault(Malformed, "", "the file is empty")
		return false
	case errors.Is(err, io.ErrUnexpectedEOF):
		v.fault(Truncated, lastWhole(file), "the file ends after this event, in the middle of the bundle")
		return false
	case err != nil:
		v.fault(Malformed, "", "the file is no bundle: %v", err)
		return false
	}
	if b.Format != BundleFormat {
		v.fault(Malformed, "", "format %d is not known to this program, which reads %d", b.Format, BundleFormat)
		return false
	}
	return true
}

// lastWhole is the last event that stands whole in a file that was cut off, "" if none does.
func lastWhole(file []byte) (name string) {
	for line := range bytes.Lines(file) {
		var e Entry
		if json.Unmarshal(bytes.TrimRight(line, ",\n"), &e) == nil && e.Stream != "" {
			name = e.Name()
		}
	}
	return name
}

// form holds the file against its only form: a byte that no signature covers would go unseen otherwise.
func (v *verifier) form(file []byte) {
	again, err := v.verdict.Bundle.Encode()
	if err != nil || bytes.Equal(again, file) {
		return
	}
	at := 0
	for at < len(again) && at < len(file) && again[at] == file[at] {
		at++
	}
	v.fault(Malformed, "", "from byte %d on the file is not as the server writes it", at)
}

// notes opens the two notes, which must be about the same.
func (v *verifier) notes() (s statement, ok bool) {
	b := v.verdict.Bundle
	at, err := OpenCheckpoint([]byte(b.Checkpoint), v.key)
	if err != nil {
		v.fault(WrongKey, "", "checkpoint: %v", err)
		return s, false
	}
	v.verdict.Checkpoint = at
	text, err := openNote([]byte(b.Statement), v.key)
	if err != nil {
		v.fault(WrongKey, "", "statement: %v", err)
		return s, false
	}
	if s, err = parseStatement(text, v.key.Name()); err != nil {
		v.fault(WrongCheckpoint, "", "the statement cannot be read: %v", err)
		return s, false
	}
	if s.tree.Size != at.Size || !bytes.Equal(s.tree.Root, at.Root) {
		v.fault(WrongCheckpoint, "", "the statement is about the tree of %d events with root %x, the checkpoint about that of %d with %x", s.tree.Size, s.tree.Root, at.Size, at.Root)
		return s, false
	}
	if s.subject != b.Subject {
		v.fault(WrongCheckpoint, "", "the statement is about %q, the bundle about %q", s.subject, b.Subject)
	}
	for _, stream := range s.streams {
		v.verdict.Streams = append(v.verdict.Streams, StreamCount{stream.name, stream.events})
	}
	return s, true
}

// slot is a place in a bundle.
type slot struct {
	stream   string
	revision eventstore.Revision
}

// order checks that the stated events are there, each once and in its place.
func (v *verifier) order(s statement) {
	stated := map[string]int{}
	var want []slot
	for _, stream := range s.streams {
		stated[stream.name] = stream.events
		for r := range stream.events {
			want = append(want, slot{stream.name, eventstore.Revision(r)})
		}
	}
	events := v.verdict.Bundle.Events
	seen := map[slot]bool{}
	var have []slot
	for i := range events {
		at := slot{events[i].Stream, events[i].Revision}
		events, known := stated[at.stream]
		switch {
		case !known:
			v.fault(Inserted, v.name(i), "its stream is none of those stated")
		case at.revision < 0 || int(at.revision) >= events:
			v.fault(Inserted, v.name(i), "its stream is stated to have %d events", events)
		case seen[at]:
			v.fault(Inserted, v.name(i), "it is there twice")
		default:
			have = append(have, at)
		}
		seen[at] = true
	}
	v.missing(s, seen)
	want = slices.DeleteFunc(want, func(at slot) bool { return !seen[at] })
	for i, at := range have {
		if at != want[i] {
			v.fault(Reordered, fmt.Sprintf("%s@%d", at.stream, at.revision), "it stands where %s@%d should", want[i].stream, want[i].revision)
		}
	}
}

func (v *verifier) name(i int) string { return v.verdict.Bundle.Events[i].Name() }

// missing tells events that are missing at the end of a stream from those between others.
func (v *verifier) missing(s statement, seen map[slot]bool) {
	for _, stream := range s.streams {
		end := stream.events
		for end > 0 && !seen[slot{stream.name, eventstore.Revision(end - 1)}] {
			end--
		}
		for r := range end {
			if !seen[slot{stream.name, eventstore.Revision(r)}] {
				v.fault(Dropped, fmt.Sprintf("%s@%d", stream.name, r), "it is missing")
			}
		}
		if end < stream.events {
			v.fault(Truncated, fmt.Sprintf("%s@%d", stream.name, end), "the stream is stated to have %d events and ends after %d", stream.events, end)
		}
	}
}

// places checks each event against the tree.
func (v *verifier) places() {
	next := map[string]uint64{}
	at := v.verdict.Checkpoint
	for i := range v.verdict.Bundle.Events {
		e := &v.verdict.Bundle.Events[i]
		if err := proof.VerifyInclusion(hasher, e.Index, at.Size, LeafHash(e.recorded()), e.Proof, at.Root); err != nil {
			v.fault(Changed, e.Name(), "it is not event %d of the log, or its proof was changed: %v", e.Index+1, shown(err))
		} else if e.Index < next[e.Stream] {
			v.fault(Reordered, e.Name(), "it is event %d of the log, and stands after event %d", e.Index+1, next[e.Stream])
		}
		next[e.Stream] = e.Index + 1
	}
}

// digests checks each stream as a whole.
func (v *verifier) digests(s statement) {
	leaves := map[string][][]byte{}
	for i := range v.verdict.Bundle.Events {
		e := &v.verdict.Bundle.Events[i]
		leaves[e.Stream] = append(leaves[e.Stream], LeafHash(e.recorded()))
	}
	for _, stream := range s.streams {
		if len(v.faults) == 0 && !bytes.Equal(digest(leaves[stream.name]), stream.digest) {
			v.fault(Changed, "", "the events of %s are not those that were stated", stream.name)
		}
	}
}
