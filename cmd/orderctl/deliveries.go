package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func deliveries() *cobra.Command {
	return family(&cobra.Command{
		Use:   "deliveries",
		Short: "See what was delivered to a hospital's webhook, and deliver it again",
		Long: `See what was delivered to a hospital's webhook, and deliver it again.
A batch is "sent" when it is written down before it goes out, "delivered" when the hospital has taken it.`,
	}, listDeliveries(), redeliver())
}

// deliveryState is how a hospital's deliveries go, as the server answers.
type deliveryState struct {
	Hospital    string
	WebhookURL  string `json:"webhook_url"`
	State       string
	Cursor      string
	Lag         int
	OldestTime  *string `json:"oldest_time"`
	TakenTime   *string `json:"taken_time"`
	Delivered   int
	Tries       int
	FailingTime *string `json:"failing_time"`
	Why         string
	Count       int // lines of the whole ledger
	Results     []deliveryLine
}

// deliveryLine is a line of the ledger.
type deliveryLine struct {
	Position, Event, After, Through string
	Count, Tries                    int
	Why, By, Time                   string
}

func listDeliveries() *cobra.Command {
	var s server
	var asJSON bool
	var lines int
	cmd := &cobra.Command{
		Use:     "list CODE",
		Short:   "Show how the deliveries to a hospital go, and its ledger, the newest line first",
		Example: `  ORDERCTL_TOKEN=demo-admin orderctl deliveries list H001`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines < 1 || lines > 100 {
				return fmt.Errorf("--lines %d: 1 to 100", lines)
			}
			path := fmt.Sprintf("/admin/hospitals/%s/deliveries/?page_size=%d", url.PathEscape(args[0]), lines)
			answer, err := s.admin(cmd.Context(), request{method: http.MethodGet, path: path})
			if err != nil {
				return err
			}
			return tellDeliveries(cmd.OutOrStdout(), answer, asJSON)
		},
	}
	s.adminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the server's answer as it is")
	cmd.Flags().IntVar(&lines, "lines", 20, "how many lines of the ledger, 1 to 100")
	return cmd
}

func redeliver() *cobra.Command {
	var s server
	var after string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "redeliver CODE --after P",
		Short: "Deliver to a hospital again all that came after a position",
		Long: `Deliver to a hospital again all that came after a position; 0 is the beginning.
A batch that is on its way is given up, and there is no waiting for the next try. A position after the cursor leaves out
what lies between: so a hospital begins at the present, or is brought past a batch that it cannot take.`,
		Example: `  ORDERCTL_TOKEN=demo-admin orderctl deliveries redeliver H001 --after 1024`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/admin/hospitals/" + url.PathEscape(args[0]) + "/deliveries/redeliver/"
			body := strings.NewReader(url.Values{"after": {after}}.Encode())
			answer, err := s.admin(cmd.Context(), request{method: http.MethodPost, path: path, body: body, contentType: "application/x-www-form-urlencoded"})
			if err != nil {
				return err
			}
			return tellDeliveries(cmd.OutOrStdout(), answer, asJSON)
		},
	}
	s.adminFlags(cmd)
	cmd.Flags().StringVar(&after, "after", "", "the position to begin after")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the server's answer as it is")
	_ = cmd.MarkFlagRequired("after") // fails only for a flag that is not there
	return cmd
}

// tellDeliveries writes a server's answer as it is, or for people.
func tellDeliveries(w io.Writer, answer []byte, asJSON bool) error {
	if asJSON {
		_, err := fmt.Fprintf(w, "%s\n", answer)
		return err
	}
	var d deliveryState
	if err := json.Unmarshal(answer, &d); err != nil {
		return strangeAnswer(err)
	}
	d.summary(w)
	if len(d.Results) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := make([][]string, len(d.Results))
	for i, l := range d.Results {
		rows[i] = []string{l.Position, l.Time, l.Event, l.After, cmp.Or(l.Through, "-"), number(l.Count), number(l.Tries), cmp.Or(l.By, "-"), cmp.Or(l.Why, "-")}
	}
	if err := (output{}).rows(w, []string{"position", "time", "event", "after", "through", "events", "tries", "by", "why"}, rows); err != nil {
		return err
	}
	if older := d.Count - len(d.Results); older > 0 {
		fmt.Fprintf(w, "and %d older lines\n", older)
	}
	return nil
}

// summary tells how the deliveries go.
func (d deliveryState) summary(w io.Writer) {
	fmt.Fprintf(w, "hospital %s, delivered to %s\n%s, cursor at %s, %d events delivered", d.Hospital, cmp.Or(d.WebhookURL, "nowhere: it has no webhook"), d.State, d.Cursor, d.Delivered)
	if d.TakenTime != nil {
		fmt.Fprintf(w, ", the last at %s", *d.TakenTime)
	}
	if d.Lag > 0 && d.OldestTime != nil {
		fmt.Fprintf(w, "\n%d events wait, the first since %s", d.Lag, *d.OldestTime)
	}
	if d.Tries > 0 && d.FailingTime != nil {
		fmt.Fprintf(w, "\n%d tries failed since %s: %s", d.Tries, *d.FailingTime, d.Why)
	}
	fmt.Fprintln(w)
}

// number is a column's number, "-" where the line has none.
func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
