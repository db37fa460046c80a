// Orderd is the order engine's server.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"orderengine/cmd/engine"
)

func main() {
	engine.TuneMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "orderd:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	root := &cobra.Command{Use: "orderd", Short: "The order engine's server", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(serve())
	return root
}

func serve() *cobra.Command {
	var config engine.Config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the APIs until SIGTERM",
		Long:  "Serve the APIs until SIGTERM. Each flag can be given as a variable too: --addr is ORDERD_ADDR.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := engine.Environment(cmd.Flags(), os.LookupEnv); err != nil {
				return err
			}
			e, err := engine.Open(config, config.Logger(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			err = e.Run(cmd.Context(), cmd.OutOrStdout())
			if closed := e.Close(); err == nil {
				err = closed
			}
			return err
		},
	}
	config.Flags(cmd.Flags())
	return cmd
}
