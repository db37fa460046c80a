// Orderctl is the order engine's tool for the people who look after it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"orderengine/eventstore"
	"orderengine/eventstore/proof"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, root()); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "orderctl:", err)
		os.Exit(exitStatus(err))
	}
}

// exitStatus is 1, but for trouble.
func exitStatus(err error) int {
	if errors.As(err, new(troubleError)) {
		return 2
	}
	return 1
}

// troubleError is the failure of a command whose exit status 1 says what it found, as that of diff(1) does.
type troubleError struct{ error }

func (e troubleError) Unwrap() error { return e.error }

// compares is the annotation of such a command.
const compares = "compares"

// findings are what such commands find.
var findings = []error{errDiffer, errNotVerified, proof.ErrSignature, proof.ErrRolledBack, proof.ErrInconsistent, proof.ErrDamaged, eventstore.ErrCorrupt}

func isFinding(err error) bool {
	return slices.ContainsFunc(findings, func(found error) bool { return errors.Is(err, found) })
}

// execute runs the tool. An error that came before the command began is one of how it was called: it says where that
// is written.
func execute(ctx context.Context, root *cobra.Command) error {
	began := false
	noteBegin(root, &began)
	called, err := root.ExecuteContextC(ctx)
	if err != nil && !began {
		err = fmt.Errorf("%w; see %q", err, called.CommandPath()+" --help")
	}
	if _, found := called.Annotations[compares]; found && err != nil && !isFinding(err) {
		err = troubleError{err}
	}
	return err
}

func noteBegin(cmd *cobra.Command, began *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return run(cmd, args)
		}
	}
	for _, member := range cmd.Commands() {
		noteBegin(member, began)
	}
}

// The groups of commands, as the help shows them.
var (
	forAudit  = &cobra.Group{ID: "audit", Title: "What happened to orders, and how it is proved (ORDERCTL_AUDIT_TOKEN):"}
	forAdmin  = &cobra.Group{ID: "admin", Title: "Who uses the server, and what it is given (ORDERCTL_TOKEN):"}
	forData   = &cobra.Group{ID: "data", Title: "A server's data:"}
	forItself = &cobra.Group{ID: "tool", Title: "This tool:"}
)

func root() *cobra.Command {
	root := family(&cobra.Command{
		Use:   "orderctl",
		Short: "Look after an order engine",
		Long: `Look after an order engine.
Commands call the server at --server (ORDERCTL_SERVER, http://127.0.0.1:8000), or work on the data of a stopped one.`,
		SilenceUsage: true, SilenceErrors: true,
	})
	root.AddGroup(forAudit, forAdmin, forData, forItself)
	add(root, forAudit, orders(), history(), audit(), replayEvents(), reconcile())
	add(root, forAdmin, users(), erasePatient(), hospitals(), deliveries(), importOrders())
	add(root, forData, takeBackup(), restore(), rebuild(), check(), migrate())
	add(root, forItself, man())
	root.SetHelpCommandGroupID(forItself.ID)
	root.SetCompletionCommandGroupID(forItself.ID)
	return root
}

func add(root *cobra.Command, to *cobra.Group, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = to.ID
		root.AddCommand(cmd)
	}
}
