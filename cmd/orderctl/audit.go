package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore"
	"orderengine/eventstore/proof"
)

// errNotVerified: what was found is told on the standard output.
var errNotVerified = errors.New("the bundle is not what was signed")

// advised says what to do about a bundle's first fault.
func advised(f proof.Fault) error {
	if f.Kind == proof.WrongKey {
		return fmt.Errorf("%w by this key: take the key of the server that made it (orderctl audit key); if it is that one, ask for the bundle again", errNotVerified)
	}
	return fmt.Errorf("%w: ask for it again, and if the server's own is bad too, run orderctl check on its data folder", errNotVerified)
}

func audit() *cobra.Command {
	return family(&cobra.Command{
		Use:   "audit",
		Short: "Get proofs of what happened, and verify them without the server",
		Long: `Get proofs of what happened, and verify them without the server.
Keep the verifier key ("audit key") and some checkpoints ("audit checkpoint") where who runs the server cannot change
them: then every later bundle and checkpoint can be held against them.`,
	}, auditBundle(), auditVerify(), auditCheckpoint(), auditKey(), auditConsistency())
}

func auditBundle() *cobra.Command {
	var s server
	var out string
	cmd := &cobra.Command{
		Use:     "bundle NO",
		Short:   "Get all events of an order with their proofs, as one file",
		Example: `  ORDERCTL_AUDIT_TOKEN=demo-audit orderctl audit bundle 12257268238541425696240003 -o order.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.save(cmd, "/audit/orders/"+url.PathEscape(args[0])+"/bundle/", out)
		},
	}
	s.auditFlags(cmd)
	outFlag(cmd, &out)
	return cmd
}

func auditCheckpoint() *cobra.Command {
	var s server
	var out string
	var size uint64
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Get the newest signed checkpoint of the log",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/audit/checkpoint/"
			if cmd.Flags().Changed("size") {
				path += fmt.Sprintf("?size=%d", size)
			}
			return s.save(cmd, path, out)
		},
	}
	s.auditFlags(cmd)
	outFlag(cmd, &out)
	cmd.Flags().Uint64Var(&size, "size", 0, "an earlier one, of just so many events")
	return cmd
}

func auditKey() *cobra.Command {
	var s server
	var out string
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Get the key that verifies checkpoints and bundles",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return s.save(cmd, "/audit/key/", out) },
	}
	s.auditFlags(cmd)
	outFlag(cmd, &out)
	return cmd
}

func outFlag(cmd *cobra.Command, out *string) {
	cmd.Flags().StringVarP(out, "output", "o", "-", `the file to write; "-" is the standard output`)
}

// save writes what the server answers to a file, the whole of it or nothing.
func (s *server) save(cmd *cobra.Command, path, out string) error {
	answer, err := s.audit(cmd.Context(), request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	if out == "-" {
		_, err = cmd.OutOrStdout().Write(answer)
		return err
	}
	part := out + ".part"
	if err := os.WriteFile(part, answer, 0o600); err != nil {
		return fmt.Errorf("--output: %w; name a file that can be written", err)
	}
	return os.Rename(part, out)
}

func auditVerify() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "verify FILE --key K",
		Short: "Verify a bundle, without the server",
		Long: `Verify a bundle, without the server; "-" reads the standard input.
It prints each event and the verdict. The exit status is 1 if an event was changed, dropped, inserted, reordered or cut
off at the end, or if the key is not the one that signed, and the output names which; it is 2 if there was nothing to verify.`,
		Example:     `  orderctl audit verify order.json --key audit.pub`,
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{compares: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			verifier, err := verifierKey(key)
			if err != nil {
				return err
			}
			file, err := fileOrInput(cmd, args[0])
			if err != nil {
				return fmt.Errorf("%w; name a file that \"orderctl audit bundle\" wrote", err)
			}
			verdict, err := proof.Verify(file, verifier)
			return tell(cmd.OutOrStdout(), verdict, err)
		},
	}
	keyFlag(cmd, &key)
	return cmd
}

func keyFlag(cmd *cobra.Command, key *string) {
	cmd.Flags().StringVar(key, "key", "", `the verifier key, or a file with it ("orderctl audit key")`)
}

// verifierKey reads a key from the text or the file of that name.
func verifierKey(key string) (note.Verifier, error) {
	if key == "" {
		return nil, errors.New(`--key: which key? Give the verifier key, or a file with it, that "orderctl audit key" wrote`)
	}
	if text, err := os.ReadFile(key); err == nil {
		key = string(text)
	} else if !strings.Contains(key, "+") {
		return nil, fmt.Errorf("--key: %w; give the verifier key, or a file that \"orderctl audit key\" wrote", err)
	}
	verifier, err := proof.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	return verifier, nil
}

func fileOrInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}

// tell prints a bundle and what was found.
func tell(w io.Writer, v proof.Verdict, err error) error {
	for _, e := range v.Bundle.Events {
		fmt.Fprintf(w, "%9d  %s  %s  %s  %s\n", e.Index+1, when(e.Metadata), e.Name(), e.Type, actor(e.Metadata))
	}
	var faults *proof.FaultError
	if errors.As(err, &faults) {
		for _, f := range faults.Faults {
			fmt.Fprintf(w, "BAD  %s\n", f)
		}
		return advised(faults.Faults[0])
	}
	for _, s := range v.Streams {
		fmt.Fprintf(w, "%s: %d events\n", s.Stream, s.Events)
	}
	fmt.Fprintf(w, "OK   %s: all %d events are whole, in the log of %d events that was signed, and none is left out\n", v.Bundle.Subject, len(v.Bundle.Events), v.Checkpoint.Size)
	return err
}

// when and actor are of events that may be another program's.
func when(metadata []byte) string {
	m, err := eventstore.DecodeMetadata(metadata)
	if err != nil {
		return strings.Repeat("-", len(time.DateTime))
	}
	return m.Occurred.UTC().Format(time.DateTime)
}

func actor(metadata []byte) string {
	m, _ := eventstore.DecodeMetadata(metadata) // without one there is no actor to tell of
	return m.Actor
}

func auditConsistency() *cobra.Command {
	var s server
	var key string
	cmd := &cobra.Command{
		Use:   "consistency OLD.checkpoint [NEW.checkpoint] --key K",
		Short: "Verify that a newer checkpoint's log begins with all of an older one's",
		Long: `Verify that a newer checkpoint's log begins with all of an older one's. The server makes the proof, and it is verified here.
Without a second file the newer checkpoint is the server's newest. The exit status is 1 if it does not, and 2 if that could
not be found out.`,
		Args:        cobra.RangeArgs(1, 2),
		Annotations: map[string]string{compares: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			verifier, err := verifierKey(key)
			if err != nil {
				return err
			}
			return s.consistency(cmd, args, verifier)
		},
	}
	s.auditFlags(cmd)
	keyFlag(cmd, &key)
	return cmd
}

// consistency asks for the proof between two checkpoints and verifies it.
func (s *server) consistency(cmd *cobra.Command, files []string, key note.Verifier) error {
	older, err := readCheckpoint(files[0], key)
	if err != nil {
		return err
	}
	var newer proof.Checkpoint
	if len(files) == 2 {
		newer, err = readCheckpoint(files[1], key)
	} else {
		newer, err = s.newest(cmd, key)
	}
	if err != nil {
		return err
	}
	if older.Size > newer.Size {
		err := proof.VerifyConsistency(older, newer, nil)
		if len(files) == 2 {
			err = fmt.Errorf("%w; or are the files in the wrong order?", err)
		}
		return err
	}
	answer, err := s.audit(cmd.Context(), request{method: http.MethodGet, path: fmt.Sprintf("/audit/consistency/?from=%d&to=%d", older.Size, newer.Size)})
	if err != nil {
		return err
	}
	var made struct{ Proof [][]byte }
	if err := json.Unmarshal(answer, &made); err != nil {
		return strangeAnswer(err)
	}
	if err := proof.VerifyConsistency(older, newer, made.Proof); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "OK   the log of %d events begins with the %d events of the older checkpoint\n", newer.Size, older.Size)
	return nil
}

func (s *server) newest(cmd *cobra.Command, key note.Verifier) (proof.Checkpoint, error) {
	answer, err := s.audit(cmd.Context(), request{method: http.MethodGet, path: "/audit/checkpoint/"})
	if err != nil {
		return proof.Checkpoint{}, err
	}
	c, err := proof.OpenCheckpoint(answer, key)
	if err != nil {
		return c, fmt.Errorf("the server's checkpoint: %w", err)
	}
	return c, nil
}

func readCheckpoint(file string, key note.Verifier) (proof.Checkpoint, error) {
	signed, err := os.ReadFile(file)
	if err != nil {
		return proof.Checkpoint{}, fmt.Errorf("%w; name a file that \"orderctl audit checkpoint\" wrote", err)
	}
	c, err := proof.OpenCheckpoint(signed, key)
	if err != nil {
		return c, fmt.Errorf("%s: %w; is it a checkpoint, and the key that of its server?", file, err)
	}
	return c, nil
}
