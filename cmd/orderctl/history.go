package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// errNotBoth: an order as it was is one thing, and no rows.
var errNotBoth = errors.New("the order as it was at --at or --revision is JSON: leave --csv out")

func history() *cobra.Command {
	var s server
	var out output
	var at string
	var revision int64
	cmd := &cobra.Command{
		Use:   "history NO",
		Short: "Show all that happened to an order, and what it refused",
		Long: `Show all that happened to an order of either kind, and the commands that it refused. Amounts are in fen.
With --at or --revision it is the order's detail, as JSON, as it was then. The server records that you looked.`,
		Example: `  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl history 12257268238541425696240003
  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl history 12257268238541425696240003 --at 2026-11-23T15:00:00+08:00`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if at != "" {
				query.Set("at", at)
			}
			if cmd.Flags().Changed("revision") {
				query.Set("revision", strconv.FormatInt(revision, 10))
			}
			then := len(query) > 0
			if then && out.csv {
				return errNotBoth
			}
			r := request{method: http.MethodGet, path: "/audit/orders/" + url.PathEscape(args[0]) + "/history/?" + query.Encode()}
			if out.csv {
				r.accept = "text/csv"
			}
			answer, err := s.audit(cmd.Context(), r)
			switch {
			case err != nil:
				return err
			case then:
				return printObject(cmd.OutOrStdout(), answer)
			case out.csv:
				_, err := cmd.OutOrStdout().Write(answer)
				return err
			case out.json:
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", answer)
				return err
			}
			return tellHistory(cmd.OutOrStdout(), answer)
		},
	}
	s.auditFlags(cmd)
	out.flags(cmd)
	cmd.Flags().StringVar(&at, "at", "", "a time, RFC 3339: the order as it was then")
	cmd.Flags().Int64Var(&revision, "revision", 0, "a revision: the order as it was after that event")
	cmd.MarkFlagsMutuallyExclusive("at", "revision")
	return cmd
}

// tellHistory prints the server's history as tables.
func tellHistory(w io.Writer, answer []byte) error {
	var h struct {
		Events []struct {
			Revision              int64
			Recorded, Type, Actor string
			Before                *string `json:"state_before"`
			After                 string  `json:"state_after"`
			Paid, Refunded        int64
		}
		Refused []struct{ At, By, Command, Code, Why string }
	}
	if err := json.Unmarshal(answer, &h); err != nil {
		return strangeAnswer(err)
	}
	rows := make([][]string, len(h.Events))
	for i, e := range h.Events {
		state := e.After
		if e.Before != nil && *e.Before != e.After {
			state = *e.Before + " > " + e.After
		}
		rows[i] = []string{strconv.FormatInt(e.Revision, 10), e.Recorded, e.Type, e.Actor, state, strconv.FormatInt(e.Paid, 10), strconv.FormatInt(e.Refunded, 10)}
	}
	if err := (output{}).rows(w, []string{"revision", "recorded", "event", "actor", "state", "paid", "refunded"}, rows); err != nil || len(h.Refused) == 0 {
		return err
	}
	refused := make([][]string, len(h.Refused))
	for i, r := range h.Refused {
		refused[i] = []string{r.At, r.Command, r.By, r.Code, r.Why}
	}
	fmt.Fprintln(w)
	return (output{}).rows(w, []string{"refused at", "command", "actor", "code", "why"}, refused)
}
