package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func users() *cobra.Command {
	return family(&cobra.Command{
		Use:   "users",
		Short: "List, show, make and change users",
		Long: `List, show, make and change users: patients, and doctors, who are users with a price. The server records that you looked.
Set ORDERCTL_TOKEN to the server's ORDERD_ADMIN_TOKEN.`,
	}, usersList(), usersShow(), usersCreate(), usersSet(), usersToken(), usersTopUp())
}

func userPath(name string) string { return "/admin/users/" + url.PathEscape(name) + "/" }

func usersList() *cobra.Command {
	return listing(&cobra.Command{
		Use:     "list",
		Short:   "List all users, the first made first",
		Example: `  orderctl users list --csv`,
	}, "/admin/users/?page_size="+strconv.Itoa(pageSize), []string{"pk", "username", "name", "prices", "active"}, userRow)
}

type user struct {
	PK             int64
	Username, Name string
	Prices         map[string]string
	Active         bool
}

func userRow(u user) []string {
	prices := []string{}
	for orderType, price := range u.Prices {
		prices = append(prices, orderType+" "+price)
	}
	slices.Sort(prices)
	return []string{strconv.FormatInt(u.PK, 10), u.Username, u.Name, strings.Join(prices, ", "), strconv.FormatBool(u.Active)}
}

func usersShow() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show one user, with what is in the wallet",
		Example:           `  orderctl users show patient1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return s.show(cmd, userPath(args[0])) },
	}
	s.adminFlags(cmd)
	return cmd
}

// profile is what a user may be given when made, and later.
func profile() settings {
	return settings{
		{flag: "name", field: "name", says: "the name that others see"},
		{flag: "avatar", field: "avatar", says: "the URL of a picture"},
		{flag: "invitation-code", field: "invitation_code", says: "the invitation code"},
		{flag: "price-online", field: "price_online", says: `a doctor's price of 在线咨询 in yuan; "" takes the offer away`},
		{flag: "price-monthly", field: "price_monthly", says: `a doctor's price of 包月服务 in yuan; "" takes the offer away`},
	}
}

func usersCreate() *cobra.Command {
	var s server
	var passwordFile string
	given := profile()
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a user; the reply has the token, once",
		Long: `Make a user. The reply has the token, once. A password that is not given is made, and printed once.
A user with a price is a doctor.`,
		Example:           `  orderctl users create doctor3 --name 王医生 --price-online 15.00`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields := given.given(cmd)
			fields["username"] = args[0]
			return s.withPassword(cmd, http.MethodPost, "/admin/users/", passwordFile, fields)
		},
	}
	s.adminFlags(cmd)
	given.flags(cmd)
	passwordFlag(cmd, &passwordFile)
	return cmd
}

func usersSet() *cobra.Command {
	var s server
	var active bool
	given := profile()
	cmd := &cobra.Command{
		Use:               "set NAME",
		Short:             "Change what is given of a user",
		Example:           `  orderctl users set doctor3 --active=false`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields := given.given(cmd)
			if cmd.Flags().Changed("active") {
				fields["active"] = active
			}
			if len(fields) == 0 {
				return errNothingToSet
			}
			return s.change(cmd, http.MethodPatch, userPath(args[0]), fields)
		},
	}
	s.adminFlags(cmd)
	given.flags(cmd)
	cmd.Flags().BoolVar(&active, "active", true, "whether the user may call")
	return cmd
}

func usersToken() *cobra.Command {
	var s server
	var passwordFile string
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Give a user a new password and a new token; the old ones stop working",
		Long: `Give a user a new password and a new token; the old ones stop working. The reply has the token, once. A password that is
not given is made, and printed once.`,
		Example:           `  orderctl users token patient1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withPassword(cmd, http.MethodPatch, userPath(args[0]), passwordFile, map[string]any{})
		},
	}
	s.adminFlags(cmd)
	passwordFlag(cmd, &passwordFile)
	return cmd
}

func passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", `a file with the password; "-" is the standard input`)
}

// withPassword sends a change with the password of a file, or one that is made and printed when the server has taken it.
func (s *server) withPassword(cmd *cobra.Command, method, path, file string, fields map[string]any) error {
	password := rand.Text()
	if file != "" {
		text, err := fileOrInput(cmd, file)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	fields["password"] = password
	if err := s.change(cmd, method, path, fields); err != nil || file != "" {
		return err
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), "password:", password)
	return err
}

func usersTopUp() *cobra.Command {
	var s server
	var note string
	cmd := &cobra.Command{
		Use:               "topup NAME YUAN",
		Short:             "Add money to a user's wallet",
		Example:           `  orderctl users topup patient1 100.00 --note "paid at the desk"`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.change(cmd, http.MethodPost, userPath(args[0])+"topup/", map[string]any{"amount": args[1], "note": note})
		},
	}
	s.adminFlags(cmd)
	cmd.Flags().StringVar(&note, "note", "", "what it is for; it stands in the statement")
	return cmd
}
