// Orderctl is the order engine's tool for the people who look after it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "orderctl:", err)
		if bad := (*badInputError)(nil); errors.As(err, &bad) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func root() *cobra.Command {
	root := &cobra.Command{Use: "orderctl", Short: "Look after an order engine", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(
		importOrders(),
		audit(),
		check(),
		replayEvents(),
		reconcile(),
		erasePatient(),
		deliveries(),
		migrate(),
		takeBackup(),
		restore(),
		rebuild(),
		man(),
	)
	return root
}
