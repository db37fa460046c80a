package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

const (
	// idleLimit is after how long a live replay that sends nothing is left: the server's heartbeats come every 10 s.
	idleLimit = 35 * time.Second
	againMin  = time.Second // before a live replay is asked for again; it doubles
	againMax  = 30 * time.Second
)

func replayEvents() *cobra.Command {
	var s server
	r := replay{server: &s}
	var output string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Write the events of the log, one CloudEvents envelope a line",
		Long: `Write the events of the log, one CloudEvents envelope a line, to the standard output or a file.
A file that is there already is continued after its last whole line, so a replay that broke off is simply run again.

With --follow it goes on with what happens. If the server goes away, it comes back after the last event it has written,
again and again, until it is interrupted or refused; what it writes has no gap and nothing twice.

The exit status is 0 if all of it was written, or if a live replay was interrupted, and 1 otherwise.`,
		Example: `  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl replay --types refund,stop --output events.ndjson`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if output != "" {
				file, last, err := continued(output)
				if err != nil {
					return err
				}
				defer file.Close()
				out, r.after = file, cmp.Or(last, r.after)
			}
			r.out, r.progress = bufio.NewWriterSize(out, 256<<10), newProgress(cmd.ErrOrStderr())
			defer r.progress.finish()
			if r.live {
				return r.follow(cmd.Context())
			}
			return r.once(cmd.Context())
		},
	}
	s.auditFlags(cmd)
	cmd.Flags().StringVar(&r.after, "after", "0", "the position to begin after; 0 is the beginning")
	cmd.Flags().StringVar(&r.types, "types", "", "event types, or refund, stop, payment, order, question, message, hospital, delivery, between commas")
	cmd.Flags().StringVar(&output, "output", "", "the file to write or to continue")
	cmd.Flags().BoolVar(&r.live, "follow", false, "go on with what happens, until interrupted")
	return cmd
}

// replay is one run of the command.
type replay struct {
	server   *server
	types    string
	live     bool
	after    string // the position of the last event that was written
	out      *bufio.Writer
	progress *progress
}

// writeError is what kept events from being written here.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// once writes what there is. The file is flushed whatever happens, so that it can be continued.
func (r *replay) once(ctx context.Context) error {
	err := r.copy(ctx)
	if err == nil {
		return nil
	}
	if refused := (*refusedError)(nil); errors.As(err, &refused) || r.progress.events == 0 {
		return err
	}
	return fmt.Errorf("the replay broke off: %w; run it again with --output to go on", err)
}

// follow writes what there is and what comes, until ctx ends, the server refuses, or nothing can be written.
func (r *replay) follow(ctx context.Context) error {
	wait := againMin
	for {
		before := r.progress.events
		err := r.copy(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if isFinal(err) {
			return err
		}
		if r.progress.events > before {
			wait = againMin
		}
		pause := wait/2 + rand.N(wait/2)
		r.progress.say("the server is away (%v); coming back after position %s in %s", cmp.Or(err, io.EOF), r.after, pause.Round(10*time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, againMax)
	}
}

// isFinal says that trying again would end the same way.
func isFinal(err error) bool {
	if errors.As(err, new(writeError)) || errors.Is(err, errCannotAsk) {
		return true
	}
	refused := (*refusedError)(nil)
	return errors.As(err, &refused) && refused.status/100 == 4 && refused.status != http.StatusRequestTimeout && refused.status != http.StatusTooManyRequests
}

// copy writes events until the reply ends: nil at its end, an error if it was cut off.
func (r *replay) copy(ctx context.Context) error {
	ask := request{method: http.MethodGet, path: "/replay/events?" + url.Values{"after": {r.after}, "types": {r.types}}.Encode()}
	if r.live {
		ask.accept = "text/event-stream"
	}
	reply, err := r.server.auditStream(ctx, ask)
	if err != nil {
		return err
	}
	defer reply.Close()
	if r.live {
		watched := watch(reply, idleLimit)
		defer watched.stop()
		return r.copyLive(watched)
	}
	return r.copyLines(reply)
}

// copyLines writes whole lines alone.
func (r *replay) copyLines(reply io.Reader) error {
	lines := bufio.NewReaderSize(reply, maxEnvelope)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			flushed := r.flush()
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return flushed
			}
			return errors.Join(err, flushed)
		}
		if _, err := r.out.Write(line); err != nil {
			return writeError{err}
		}
		r.progress.add()
	}
}

// copyLive writes the data of Server-Sent Events, each with its line end, and keeps their ids.
func (r *replay) copyLive(reply io.Reader) error {
	lines := bufio.NewReaderSize(reply, maxEnvelope)
	position := r.after
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return errors.Join(err, r.flush())
		}
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			position = string(bytes.TrimSuffix(id, []byte("\n")))
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			if _, err := r.out.Write(data); err != nil {
				return writeError{err}
			}
			r.after = position
			r.progress.add()
		}
		if lines.Buffered() > 0 {
			continue // more is there already
		}
		if err := r.flush(); err != nil {
			return err
		}
	}
}

func (r *replay) flush() error {
	if err := r.out.Flush(); err != nil {
		return writeError{err}
	}
	return nil
}

// watched is a reply that is closed if nothing comes for too long: a server whose machine is gone sends no end.
type watched struct {
	io.Reader
	limit time.Duration
	timer *time.Timer
}

func watch(reply io.ReadCloser, limit time.Duration) watched {
	return watched{reply, limit, time.AfterFunc(limit, func() { _ = reply.Close() })}
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.timer.Reset(w.limit)
	return n, err
}

func (w watched) stop() { w.timer.Stop() }
