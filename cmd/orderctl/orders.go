package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"orderengine/projections"
)

// foundOrder is a row of GET /audit/orders/.
type foundOrder struct {
	OrderNo    string   `json:"order_no"`
	Kind       string   `json:"kind"`
	State      string   `json:"state"`
	Patient    string   `json:"patient"`
	Doctor     string   `json:"doctor"`
	Hospital   string   `json:"hospital"`
	HisOrderNo string   `json:"his_order_no"`
	ChannelNos []string `json:"channel_nos"`
	Amount     int64    `json:"amount"`
	Paid       int64    `json:"paid"`
	Refunded   int64    `json:"refunded"`
	CreateTime string   `json:"create_time"`
}

var foundColumns = []string{"order_no", "kind", "state", "patient", "doctor", "hospital", "his_order_no", "channel_nos", "amount", "paid", "refunded", "create_time"}

func (o foundOrder) row() []string {
	return []string{o.OrderNo, o.Kind, o.State, o.Patient, o.Doctor, o.Hospital, o.HisOrderNo, strings.Join(o.ChannelNos, " "),
		strconv.FormatInt(o.Amount, 10), strconv.FormatInt(o.Paid, 10), strconv.FormatInt(o.Refunded, 10), o.CreateTime}
}

// searchFlags are the flags of a search, by the server's parameters.
var searchFlags = []struct{ parameter, flag, says string }{
	{"number", "number", "the order's number"},
	{"user", "user", "the patient or the doctor, by username"},
	{"hospital", "hospital", "the hospital's code"},
	{"his_order_no", "his-order-no", "the hospital's own number"},
	{"channel_no", "channel-no", "the payment's number at the platform (ch_…) or the channel"},
	{"from", "from", "placed at this time or later, RFC 3339"},
	{"to", "to", "placed before this time, RFC 3339"},
	{"state", "state", "the state: " + strings.Join(projections.SearchStates(), ", ")},
	{"kind", "kind", "the kind: " + strings.Join(projections.SearchKinds(), ", ")},
}

func orders() *cobra.Command {
	var s server
	var out output
	var limit int
	asked := make([]string, len(searchFlags))
	cmd := &cobra.Command{
		Use:   "orders",
		Short: "Search Q&A and hospital orders",
		Long: `Search Q&A and hospital orders, those placed first before the others. All that is given must hold. Amounts are in fen.
The server records that you looked.`,
		Example: `  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl orders --user patient1 --state paid --from 2026-11-01T00:00:00+08:00`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			size := pageSize
			if limit > 0 {
				size = min(limit, pageSize)
			}
			query := url.Values{"page_size": {strconv.Itoa(size)}}
			for i, f := range searchFlags {
				if asked[i] != "" {
					query.Set(f.parameter, asked[i])
				}
			}
			found, more, err := get(s.audit).list(cmd.Context(), "/audit/orders/?"+query.Encode(), limit)
			if err != nil {
				return err
			}
			if more {
				fmt.Fprintf(cmd.ErrOrStderr(), "only the first %d are printed; --limit 0 prints all\n", limit)
			}
			return printed(cmd.OutOrStdout(), out, foundColumns, found, foundOrder.row)
		},
	}
	s.auditFlags(cmd)
	out.flags(cmd)
	for i, f := range searchFlags {
		cmd.Flags().StringVar(&asked[i], f.flag, "", f.says)
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "the most orders to print, 0 for all")
	completes(cmd, "state", projections.SearchStates())
	completes(cmd, "kind", projections.SearchKinds())
	return cmd
}

// completes has the shell offer a flag's values.
func completes(cmd *cobra.Command, flag string, values []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // it fails for a flag that is not there
}
