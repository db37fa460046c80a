package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// family is a command that does nothing but hold others.
func family(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	cmd.SuggestionsMinimumDistance = 2 // cobra's own for its root
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(like, " or "))
		}
		return err
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(members...)
	return cmd
}

// listing has a command list all that administrators find at a path.
func listing[T any](cmd *cobra.Command, path string, columns []string, row func(T) []string) *cobra.Command {
	var s server
	var out output
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		found, _, err := get(s.admin).list(cmd.Context(), path, 0)
		if err != nil {
			return err
		}
		return printed(cmd.OutOrStdout(), out, columns, found, row)
	}
	s.adminFlags(cmd)
	out.flags(cmd)
	return cmd
}

// setting is a flag whose value is sent as a field of a JSON object, if it is given.
type setting struct {
	flag, field string
	value       string
	says        string
}

// settings are those of one command.
type settings []*setting

func (s settings) flags(cmd *cobra.Command) {
	for _, one := range s {
		cmd.Flags().StringVar(&one.value, one.flag, "", one.says)
	}
}

// given are the fields that the command line names.
func (s settings) given(cmd *cobra.Command) map[string]any {
	fields := map[string]any{}
	for _, one := range s {
		if cmd.Flags().Changed(one.flag) {
			fields[one.field] = one.value
		}
	}
	return fields
}

// errNothingToSet: a change without anything to change.
var errNothingToSet = errors.New("nothing to set: name at least one flag")

// pairs reads KEY=VALUE of a flag that may be repeated.
func pairs(flag string, texts []string) (map[string]string, error) {
	read := make(map[string]string, len(texts))
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--%s %q: write it as KEY=VALUE", flag, text)
		}
		read[key] = value
	}
	return read, nil
}
