package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func erasePatient() *cobra.Command {
	var s server
	var why, until string
	var lift, yes bool
	cmd := &cobra.Command{
		Use:     "erase-patient USERNAME",
		Aliases: []string{"erase"},
		Short:   "Erase or restrict what was written about a patient (PIPL, GDPR)",
		Long: `Erase what was written about a patient: the data key of the patient's texts is destroyed, so that nobody can read them any
more in the log, the views, or any copy that does not hold the key. Nothing undoes it. Orders, money and proofs stay as they are.
With --restrict-until the texts are hidden from all but auditors instead, and erased when that day is over; --lift ends it.
Copies of the data folder's keys that were made before, as in older backups, still hold the key: destroy those too.`,
		Example: `  orderctl erase-patient patient1 --why 'asked for it on 2026-03-01, case 17'
  orderctl erase-patient patient1 --restrict-until 2041-12-31 --why 'the law asks for 15 years'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := map[string]string{"standing": "erased", "why": why}
			switch {
			case lift:
				change["standing"] = "kept"
			case until != "":
				change["standing"], change["until"] = "restricted", until
			case !yes:
				if err := confirm(cmd, args[0]); err != nil {
					return err
				}
			}
			body, err := json.Marshal(change)
			if err != nil {
				return err
			}
			answer, err := s.admin(cmd.Context(), request{method: http.MethodPut, path: "/admin/users/" + url.PathEscape(args[0]) + "/privacy/",
				body: bytes.NewReader(body), contentType: "application/json"})
			if err != nil {
				return err
			}
			return tellPrivacy(cmd, answer)
		},
	}
	s.adminFlags(cmd)
	cmd.Flags().StringVar(&why, "why", "", "the reason, which stands in the log; do not name the patient in it")
	cmd.Flags().StringVar(&until, "restrict-until", "", "hide the texts until this day is over, YYYY-MM-DD or RFC 3339, then erase them")
	cmd.Flags().BoolVar(&lift, "lift", false, "end a restriction")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before erasing")
	cmd.MarkFlagsMutuallyExclusive("restrict-until", "lift")
	_ = cmd.MarkFlagRequired("why") // it fails for a flag that is not there
	return cmd
}

// confirm has the username typed again.
func confirm(cmd *cobra.Command, username string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "What was written about %s will be unreadable for ever. Type the username to go on: ", username)
	typed, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if strings.TrimSpace(typed) == username {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errors.New("nothing was erased: the username was not confirmed; --yes does not ask")
}

func tellPrivacy(cmd *cobra.Command, answer []byte) error {
	var is struct {
		Username, Standing, Until string
	}
	if err := json.Unmarshal(answer, &is); err != nil {
		return strangeAnswer(err)
	}
	told := map[string]string{
		"kept":       "the texts about %s are shown again to those they are meant for",
		"restricted": "the texts about %s are hidden from all but auditors, and erased at " + is.Until,
		"erased":     "the texts about %s are erased; the server still has to destroy the data key and tries again",
		"shredded":   "the texts about %s are erased, and the data key is destroyed",
	}[is.Standing]
	if told == "" {
		return fmt.Errorf("the server's answer is not known: %s", answer)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), told+"\n", is.Username)
	return err
}
