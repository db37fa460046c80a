package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

const rebuildLook = 200 * time.Millisecond // between looks at how far it is

// errGivenUp: the set that was waited for is neither there nor being built.
var errGivenUp = errors.New("the rebuild was given up, since the views were lost meanwhile and are made again: see the server's log and /readyz?verbose")

func rebuild() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Build the views anew from the log while they serve, and wait until the new ones have taken over",
		Long: `Build the views anew from the log, beside those that serve. Reads never stop: they pass to the new views in one step when
these have caught up, and the old ones are removed. Nothing is done twice because of it: payments, refunds and messages come
from the log. If it is going on already it is waited for. Interrupting the command leaves the server going on.`,
		Example: `  ORDERCTL_TOKEN=demo-admin orderctl rebuild`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := s.admin(cmd.Context(), request{method: http.MethodPost, path: rebuildPath})
			if refused := (*refusedError)(nil); errors.As(err, &refused) && refused.status == http.StatusConflict {
				fmt.Fprintln(cmd.ErrOrStderr(), "the views are being rebuilt already; waiting for that")
				answer, err = s.admin(cmd.Context(), request{method: http.MethodGet, path: rebuildPath})
			}
			if err != nil {
				return err
			}
			return s.awaitRebuild(cmd.Context(), answer, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.adminFlags(cmd)
	return cmd
}

const rebuildPath = "/admin/rebuild/"

// rebuilding is the server's answer.
type rebuilding struct {
	Serving  string
	Building *building // nil if nothing is
}

type building struct {
	Set            string
	Position, Head int64
	Events         int64 // that the server has projected
	Seconds        float64
}

// awaitRebuild shows how far a rebuild is until it has ended.
func (s *server) awaitRebuild(ctx context.Context, answer []byte, out, progress io.Writer) error {
	var first, now rebuilding
	if err := json.Unmarshal(answer, &first); err != nil {
		return strangeAnswer(err)
	}
	if first.Building == nil {
		fmt.Fprintf(out, "%s serves; it was quicker than this command could look\n", first.Serving)
		return nil
	}
	began := time.Now()
	show := showRebuild(progress)
	defer func() { show(rebuilding{}) }()
	for now = first; now.Building != nil && now.Building.Set == first.Building.Set; {
		show(now)
		select {
		case <-time.After(rebuildLook):
		case <-ctx.Done():
			return errors.New("interrupted; the server goes on: run it again to wait for it")
		}
		answer, err := s.admin(ctx, request{method: http.MethodGet, path: rebuildPath})
		if err == nil {
			now = rebuilding{}
			err = json.Unmarshal(answer, &now)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("%w; the server goes on, also after a restart: run it again to wait for it", err)
		}
	}
	if now.Serving != first.Building.Set {
		return errGivenUp
	}
	show(rebuilding{})
	fmt.Fprintf(out, "%s serves in place of %s, after %s\n", now.Serving, first.Serving, time.Since(began).Round(time.Millisecond))
	return nil
}

// showRebuild shows how far it is: a bar on a terminal, else a line now and then. Nothing being built ends it.
func showRebuild(w io.Writer) func(rebuilding) {
	if isTerminal(w) {
		return rebuildBar(w)
	}
	var pace pace
	var line time.Time
	return func(r rebuilding) {
		if b := r.Building; b != nil && time.Since(line) >= plainEvery {
			line = time.Now()
			fmt.Fprintf(w, "building %s: at %d of %d%s\n", b.Set, b.Position, b.Head, pace.of(*b))
		}
	}
}

func rebuildBar(w io.Writer) func(rebuilding) {
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("rebuild"),
		progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(rebuildLook/2))
	var pace pace
	return func(r rebuilding) {
		b := r.Building
		if b == nil {
			_ = bar.Finish() // how it looks is no reason to stop
			return
		}
		bar.Describe("rebuild " + b.Set + pace.of(*b))
		bar.ChangeMax64(max(b.Head, 1))
		_ = bar.Set64(min(b.Position, max(b.Head-1, 0)))
	}
}

// pace is how quick a rebuild is since it was first looked at.
type pace struct{ first *building }

// of gives the rate and the time left, "" while they are not known.
func (p *pace) of(b building) string {
	if p.first == nil {
		p.first = &b
	}
	took, way := b.Seconds-p.first.Seconds, float64(b.Position-p.first.Position)
	if took <= 0 || way <= 0 {
		return ""
	}
	left := time.Duration(float64(b.Head-b.Position) / way * took * float64(time.Second))
	return fmt.Sprintf(", %.0f events/s, %s left", float64(b.Events-p.first.Events)/took, left.Round(time.Second))
}
