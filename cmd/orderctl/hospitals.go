package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func hospitals() *cobra.Command {
	return family(&cobra.Command{
		Use:   "hospitals",
		Short: "List, show, make and change hospitals",
		Long: `List, show, make and change hospitals, whose systems call the open interface.
Set ORDERCTL_TOKEN to the server's ORDERD_ADMIN_TOKEN.`,
	}, hospitalsList(), hospitalsShow(), hospitalsCreate(), hospitalsSet())
}

func hospitalPath(code string) string { return "/admin/hospitals/" + url.PathEscape(code) + "/" }

var allHospitals = "/admin/hospitals/?page_size=" + strconv.Itoa(pageSize)

type hospital struct {
	Code, Name string
	ItemTag    string `json:"item_tag"`
	Branches   map[string]string
	Templates  map[string]string
}

func hospitalRow(h hospital) []string {
	return []string{h.Code, h.Name, h.ItemTag, keysOf(h.Branches), keysOf(h.Templates)}
}

func keysOf(of map[string]string) string { return strings.Join(slices.Sorted(maps.Keys(of)), " ") }

func hospitalsList() *cobra.Command {
	return listing(&cobra.Command{
		Use:     "list",
		Short:   "List all hospitals, by code",
		Example: `  orderctl hospitals list`,
	}, allHospitals, []string{"code", "name", "item_tag", "branches", "templates"}, hospitalRow)
}

func hospitalsShow() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:               "show CODE",
		Short:             "Show one hospital, with its branches and templates",
		Example:           `  orderctl hospitals show H001`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: s.completeHospital,
		RunE:              func(cmd *cobra.Command, args []string) error { return s.show(cmd, hospitalPath(args[0])) },
	}
	s.adminFlags(cmd)
	return cmd
}

// hospitalSettings are the flags of what a hospital may be given.
type hospitalSettings struct {
	texts               settings
	branches, templates []string // KEY=VALUE
	secretFile          string
	webhookSecretFile   string
}

func (h *hospitalSettings) flags(cmd *cobra.Command) {
	h.texts = settings{
		{flag: "name", field: "name", says: "the hospital's name"},
		{flag: "item-tag", field: "item_tag", says: "what its messages call the thing that is paid for"},
		{flag: "webhook-url", field: "webhook_url", says: `where its events are delivered, http(s)://…; "" ends that`},
	}
	h.texts.flags(cmd)
	cmd.Flags().StringArrayVar(&h.branches, "branch", nil, "a branch, CODE=NAME; may be repeated, and replaces all that were there")
	cmd.Flags().StringArrayVar(&h.templates, "template", nil, `the text of a message, EVENT=TEXT; may be repeated; a blank text takes it away`)
	cmd.Flags().StringVar(&h.secretFile, "secret-file", "", `a file with the secret; "-" is the standard input`)
	cmd.Flags().StringVar(&h.webhookSecretFile, "webhook-secret-file", "", `a file with the secret that signs its events; "-" is the standard input`)
	for _, name := range []string{"secret-file", "webhook-secret-file"} {
		_ = cmd.MarkFlagFilename(name) // it fails for a flag that is not there
	}
}

// given are the fields that the command line names.
func (h *hospitalSettings) given(cmd *cobra.Command) (map[string]any, error) {
	fields := h.texts.given(cmd)
	for _, of := range []struct {
		flag, field string
		texts       []string
	}{{"branch", "branches", h.branches}, {"template", "templates", h.templates}} {
		if !cmd.Flags().Changed(of.flag) {
			continue
		}
		read, err := pairs(of.flag, of.texts)
		if err != nil {
			return nil, err
		}
		fields[of.field] = read
	}
	for _, of := range []struct{ flag, field, file string }{
		{"secret-file", "secret", h.secretFile}, {"webhook-secret-file", "webhook_secret", h.webhookSecretFile},
	} {
		if of.file == "" {
			continue
		}
		text, err := fileOrInput(cmd, of.file)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", of.flag, err)
		}
		fields[of.field] = strings.TrimSpace(string(text))
	}
	return fields, nil
}

func hospitalsCreate() *cobra.Command {
	var s server
	var h hospitalSettings
	cmd := &cobra.Command{
		Use:               "create CODE --name NAME",
		Short:             "Make a hospital; the reply has its secret, once",
		Example:           `  orderctl hospitals create H002 --name 第二医院 --branch B01=东院 --template 16=您的退费已受理`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := h.given(cmd)
			if err != nil {
				return err
			}
			fields["code"] = args[0]
			return s.change(cmd, http.MethodPost, "/admin/hospitals/", fields)
		},
	}
	s.adminFlags(cmd)
	h.flags(cmd)
	_ = cmd.MarkFlagRequired("name") // it fails for a flag that is not there
	return cmd
}

func hospitalsSet() *cobra.Command {
	var s server
	var h hospitalSettings
	var newSecret bool
	cmd := &cobra.Command{
		Use:   "set CODE",
		Short: "Change what is given of a hospital",
		Long: `Change what is given of a hospital. With --new-secret the server makes a secret; the reply has it, once, and the old one
stops working.`,
		Example:           `  orderctl hospitals set H001 --new-secret`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: s.completeHospital,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := h.given(cmd)
			if err != nil {
				return err
			}
			if newSecret {
				fields["secret"] = ""
			}
			if len(fields) == 0 {
				return errNothingToSet
			}
			return s.change(cmd, http.MethodPatch, hospitalPath(args[0]), fields)
		},
	}
	s.adminFlags(cmd)
	h.flags(cmd)
	cmd.Flags().BoolVar(&newSecret, "new-secret", false, "have a new secret made")
	cmd.MarkFlagsMutuallyExclusive("new-secret", "secret-file")
	return cmd
}

// completeHospital offers the codes that the server has. Users are not offered: to look at them is an event.
func (s *server) completeHospital(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, _, err := get(s.admin).list(cmd.Context(), allHospitals, 0)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var codes []cobra.Completion
	for _, item := range found {
		var h hospital
		if err := json.Unmarshal(item, &h); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		codes = append(codes, cobra.CompletionWithDesc(h.Code, h.Name))
	}
	return codes, cobra.ShellCompDirectiveNoFileComp
}
