package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

// errRefused: lines were refused; they are told on the standard output.
var errRefused = errors.New("lines were refused: correct them and send the file again, what was taken is not taken twice")

func importOrders() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in hospital orders that were paid elsewhere, one JSON object a line",
		Long: `Take in hospital orders that were paid elsewhere, one JSON object a line; "-" reads the standard input.
A line has the fields of POST /hospital/order/create/ and trade_mode, pay_time ('YYYY-MM-DD HH:mm:ss'), agt_order_no,
agt_trace_no and patient. Each is taken once by hospital and his_order_no, so a file may be sent again.`,
		Example: `  ORDERCTL_TOKEN=demo-admin orderctl import orders.ndjson`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := io.NopCloser(cmd.InOrStdin())
			if args[0] != "-" {
				opened, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("%w; name a file with one JSON object a line", err)
				}
				file = opened
			}
			defer file.Close()
			answer, err := s.admin(cmd.Context(), request{method: http.MethodPost, path: "/admin/hospital-orders/import", body: file, contentType: "application/x-ndjson"})
			if err != nil {
				return err
			}
			return report(cmd.OutOrStdout(), answer)
		},
	}
	s.adminFlags(cmd)
	return cmd
}

// report tells what became of the lines.
func report(w io.Writer, answer []byte) error {
	var result struct {
		Taken, Repeated, Untold int
		Refused                 []struct {
			Line int
			Why  string
		}
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return strangeAnswer(err)
	}
	for _, r := range result.Refused {
		fmt.Fprintf(w, "line %d: %s\n", r.Line, r.Why)
	}
	if result.Untold > 0 {
		fmt.Fprintf(w, "and %d more lines\n", result.Untold)
	}
	refused := len(result.Refused) + result.Untold
	fmt.Fprintf(w, "%d taken, %d repeated, %d refused\n", result.Taken, result.Repeated, refused)
	if refused > 0 {
		return errRefused
	}
	return nil
}
