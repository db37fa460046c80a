package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/esdb"
	"orderengine/eventstore/proof"
)

const (
	tellEvery = 10_000 // events
	retryWait = time.Second
	// A cluster that elects a leader may take some seconds.
	clusterPatience = 15 * time.Second
)

func migrate() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "migrate --from DIR --to esdb://…",
		Short: "Copy a log into an EventStoreDB or KurrentDB cluster",
		Long: `Copy a log into an EventStoreDB or KurrentDB cluster, in the order of the log and with the events' ids.

The source is the data folder of a server that is stopped, which is only read, or esdb://… of one that serves its log
(--esdb-listen); then what that server had when the copy began is copied. The target must hold nothing but the beginning
of the same log: a copy that was broken off goes on where it was. At the end the target is read once more, and its tree head must be that of
the source: it covers each event's stream, revision, id, type, data and metadata. A checkpoint that was signed of the source
names the same head, and is good for the copy.

Positions are the target's own, so a server that is moved to it builds its views anew, and positions that hospitals
hold, and the cursors of their webhooks, are not of the new log: take the webhooks away before, and set the cursors
("orderctl deliveries redeliver") before they are given back. The time at which an event was recorded is the target's;
that at which it occurred is in its metadata.`,
		Example: `  orderctl migrate --from ./data --to 'esdb+discover://admin:…@cluster:2113'`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			read, err := openSource(from)
			if err != nil {
				return source.failed(err)
			}
			defer func() { err = errors.Join(err, read.Close()) }()
			written, err := openCluster(to)
			if err != nil {
				return target.failed(err)
			}
			defer func() { err = errors.Join(err, written.Close()) }()
			m := &migration{from: read, to: written, out: cmd.OutOrStdout()}
			return m.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "data folder, or esdb://…")
	cmd.Flags().StringVar(&to, "to", "", "esdb://… or esdb+discover://…")
	_ = cmd.MarkFlagRequired("from") // fails only for a flag that is not there
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

// openLog is a log that was opened here.
type openLog interface {
	eventstore.Store
	io.Closer
}

func isCluster(s string) bool {
	return strings.HasPrefix(s, "esdb://") || strings.HasPrefix(s, "esdb+discover://")
}

func openCluster(s string) (openLog, error) {
	if !isCluster(s) {
		return nil, errors.New("it is neither esdb://… nor esdb+discover://…")
	}
	return esdb.Open(s, esdb.Options{Logger: quiet, Patience: clusterPatience})
}

// quiet drops log lines: what matters is an error.
var quiet = slog.New(slog.DiscardHandler)

func openSource(from string) (openLog, error) {
	if isCluster(from) {
		return openCluster(from)
	}
	dir := filepath.Join(from, "log")
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s holds no log (%w): name the ORDERD_DATA of a server", from, err)
	}
	store, err := embedded.Open(dir, embedded.Options{Logger: quiet, ReadOnly: true})
	if errors.Is(err, eventstore.ErrLocked) {
		return nil, fmt.Errorf("%w; stop the server, or copy from its --esdb-listen", err)
	}
	return store, err
}

// migration is one copy.
type migration struct {
	from, to eventstore.Store
	out      io.Writer
	source   proof.Heads           // as far as it was read
	pending  []eventstore.Recorded // events of one stream that follow each other, not yet appended
	present  int                   // events that the target had
}

// side is an end of a copy, by the flag that names it.
type side string

const source, target side = "--from", "--to"

// failed says what to do about what one side answered.
func (s side) failed(err error) error {
	switch {
	case errors.Is(err, eventstore.ErrDenied) && s == source:
		return fmt.Errorf("%s: %w; name a user there who may read, esdb://user:password@…", s, err)
	case errors.Is(err, eventstore.ErrDenied):
		return fmt.Errorf("%s: %w; name a user there who may write, or let the server take appends (orderd: --esdb-writable)", s, err)
	case errors.Is(err, eventstore.ErrUnavailable):
		return fmt.Errorf("%s: %w; is a server running there? Run it again, and it goes on where it was", s, err)
	}
	return fmt.Errorf("%s: %w", s, err)
}

func (m *migration) run(ctx context.Context) error {
	end, err := m.from.Head(ctx)
	if err != nil {
		return source.failed(err)
	}
	if err := m.copy(ctx, end); err != nil {
		return err
	}
	fmt.Fprintf(m.out, "%d events, of which %d were there already; reading the copy\n", m.source.Size(), m.present)
	return m.verify(ctx)
}

// copy appends what the target does not have. What it has must be the beginning of the source.
func (m *migration) copy(ctx context.Context, end eventstore.Position) error {
	targetEnd, err := m.to.Head(ctx)
	if err != nil {
		return target.failed(err)
	}
	next, stop := iter.Pull2(upTo(ctx, m.to, targetEnd))
	defer stop()
	for e, err := range upTo(ctx, m.from, end) {
		if err != nil {
			return source.failed(err)
		}
		if err := m.source.Add(&e); err != nil {
			return err
		}
		if m.source.Size()%tellEvery == 0 {
			fmt.Fprintf(m.out, "%d events, at position %v of %v\n", m.source.Size(), e.Position, end)
		}
		switch got, err, more := next(); {
		case err != nil:
			return target.failed(err)
		case more && !same(&got, &e):
			return fmt.Errorf("the target holds another log: its event %d is %s@%d, the source's is %s@%d; copy into an empty cluster",
				m.source.Size(), got.Stream, got.Revision, e.Stream, e.Revision)
		case more:
			m.present++
		default:
			if err := m.append(ctx, e); err != nil {
				return err
			}
		}
	}
	if _, err, more := next(); more || err != nil {
		return cmp.Or(err, fmt.Errorf("the target holds more than the %d events of the source; copy into an empty cluster", m.source.Size()))
	}
	return m.flush(ctx)
}

// append gathers events that may go into one append.
func (m *migration) append(ctx context.Context, e eventstore.Recorded) error {
	size := len(e.Data) + len(e.Metadata)
	for _, p := range m.pending {
		size += len(p.Data) + len(p.Metadata)
	}
	if n := len(m.pending); n > 0 && (m.pending[0].Stream != e.Stream || n == eventstore.MaxEvents || size > eventstore.MaxAppend || has(m.pending, &e)) {
		if err := m.flush(ctx); err != nil {
			return err
		}
	}
	m.pending = append(m.pending, e)
	return nil
}

// has says that an id is among the events: a stream may hold it twice, an append may not.
func has(events []eventstore.Recorded, e *eventstore.Recorded) bool {
	for i := range events {
		if events[i].ID == e.ID {
			return true
		}
	}
	return false
}

// flush appends what was gathered, as often as it takes: the events have ids, so none is written twice.
func (m *migration) flush(ctx context.Context) error {
	if len(m.pending) == 0 {
		return nil
	}
	first := m.pending[0]
	events := make([]eventstore.Event, len(m.pending))
	for i, p := range m.pending {
		events[i] = p.Event
	}
	m.pending = m.pending[:0]
	for {
		_, err := m.to.Append(ctx, first.Stream, first.Revision-1, events)
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted; run it again, and it goes on where it was")
		case errors.Is(err, eventstore.ErrDenied):
			return target.failed(err)
		case err == nil || !decider.MayPass(err):
			return err
		}
		fmt.Fprintf(m.out, "waiting: %v\n", err)
		select {
		case <-time.After(retryWait):
		case <-ctx.Done():
		}
	}
}

// verify reads the copy and compares it with what was read of the source.
func (m *migration) verify(ctx context.Context) error {
	end, err := m.to.Head(ctx)
	if err != nil {
		return target.failed(err)
	}
	var copied proof.Heads
	for e, err := range upTo(ctx, m.to, end) {
		if err != nil {
			return target.failed(err)
		}
		if err := copied.Add(&e); err != nil {
			return err
		}
	}
	is, err := copied.Head()
	if err != nil {
		return err
	}
	want, err := m.source.Head()
	if err != nil {
		return err
	}
	if is.Size != want.Size || !bytes.Equal(is.Root, want.Root) {
		return fmt.Errorf("the copy differs: %d events with tree head %x, the source has %d with %x; does somebody write to it?",
			is.Size, is.Root, want.Size, want.Root)
	}
	fmt.Fprintf(m.out, "the copy is the source: %d events, tree head %x\n", is.Size, is.Root)
	return nil
}

// upTo yields the events of a log up to a position, at which an event stands.
func upTo(ctx context.Context, log eventstore.Log, end eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if end == (eventstore.Position{}) {
			return
		}
		for batch, err := range log.Follow(ctx, eventstore.Position{}) {
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			for _, e := range batch {
				if !yield(e, nil) || !e.Position.Before(end) {
					return
				}
			}
		}
	}
}

// same compares all that a copy keeps of an event.
func same(a, b *eventstore.Recorded) bool { return bytes.Equal(proof.LeafHash(a), proof.LeafHash(b)) }
