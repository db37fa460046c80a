package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// server is the one that a command talks to. What no flag gives is looked up in the environment when it is needed: as a
// flag's default it would stand in every help text.
type server struct {
	URL        string
	Token      string
	AuditToken string
}

const defaultServer = "http://127.0.0.1:8000"

// adminFlags are those of a command that calls as an administrator.
func (s *server) adminFlags(cmd *cobra.Command) {
	s.urlFlag(cmd)
	cmd.Flags().StringVar(&s.Token, "token", "", "the administrators' token; better given as ORDERCTL_TOKEN")
}

// auditFlags are those of a command that calls as an auditor.
func (s *server) auditFlags(cmd *cobra.Command) {
	s.urlFlag(cmd)
	cmd.Flags().StringVar(&s.AuditToken, "audit-token", "", "the auditors' token; better given as ORDERCTL_AUDIT_TOKEN")
}

func (s *server) urlFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.URL, "server", "", "the server; else ORDERCTL_SERVER, or "+defaultServer)
}

// request is one call of the server.
type request struct {
	method, path string
	body         io.Reader // nil for none
	contentType  string    // of the body
	accept       string    // "" for whatever there is
}

// admin calls as an administrator and gives the whole reply.
func (s *server) admin(ctx context.Context, r request) ([]byte, error) {
	return whole(s.adminStream(ctx, r))
}

// adminStream calls as an administrator and gives the reply as it comes; the caller closes it.
func (s *server) adminStream(ctx context.Context, r request) (io.ReadCloser, error) {
	token := cmp.Or(s.Token, os.Getenv("ORDERCTL_TOKEN"))
	if token == "" {
		return nil, fmt.Errorf("%w: no token: set ORDERCTL_TOKEN to the server's ORDERD_ADMIN_TOKEN", errCannotAsk)
	}
	return s.do(ctx, r, token)
}

// change calls as an administrator with a JSON object, and prints the one that is answered.
func (s *server) change(cmd *cobra.Command, method, path string, fields map[string]any) error {
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	answer, err := s.admin(cmd.Context(), request{method: method, path: path, body: bytes.NewReader(body), contentType: "application/json"})
	if err != nil {
		return err
	}
	return printObject(cmd.OutOrStdout(), answer)
}

// show prints the object at a path, for an administrator.
func (s *server) show(cmd *cobra.Command, path string) error {
	answer, err := s.admin(cmd.Context(), request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	return printObject(cmd.OutOrStdout(), answer)
}

// audit calls as an auditor and gives the whole reply.
func (s *server) audit(ctx context.Context, r request) ([]byte, error) {
	return whole(s.auditStream(ctx, r))
}

// errCannotAsk: no server can be asked like that.
var errCannotAsk = errors.New("cannot ask the server")

// auditStream calls as an auditor and gives the reply as it comes; the caller closes it.
func (s *server) auditStream(ctx context.Context, r request) (io.ReadCloser, error) {
	token := cmp.Or(s.AuditToken, os.Getenv("ORDERCTL_AUDIT_TOKEN"))
	if token == "" {
		return nil, fmt.Errorf("%w: no token: set ORDERCTL_AUDIT_TOKEN to the server's ORDERD_AUDIT_TOKEN", errCannotAsk)
	}
	return s.do(ctx, r, token)
}

func whole(reply io.ReadCloser, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer reply.Close()
	return io.ReadAll(reply)
}

// refusedError is an answer that is none of success.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return "the server answered " + e.text + e.advice() }

// advice is what to do about it, where the answer's own words do not say.
func (e *refusedError) advice() string {
	switch {
	case e.status == http.StatusUnauthorized, e.status == http.StatusForbidden:
		return "; the token must be the server's: ORDERCTL_TOKEN its ORDERD_ADMIN_TOKEN, ORDERCTL_AUDIT_TOKEN its ORDERD_AUDIT_TOKEN"
	case e.status == http.StatusNotFound && strings.Contains(e.text, "Not found."):
		return "; look the number or the name up with orderctl orders, users list or hospitals list"
	case e.status == http.StatusNotFound && strings.Contains(e.text, "There is no such order, or"):
		return "; orderctl history without --at and --revision tells what there is"
	case e.status == http.StatusServiceUnavailable:
		return "; try again in a moment, /readyz?verbose of the server says what it waits for"
	case e.status >= http.StatusInternalServerError:
		return "; the server's log says why, by the X-Request-Id of the answer"
	}
	return ""
}

// strangeAnswer is an answer of success that cannot be read.
func strangeAnswer(err error) error {
	return fmt.Errorf("the server's answer: %w; is --server an orderd of this tool's version?", err)
}

func (s *server) do(ctx context.Context, r request, token string) (io.ReadCloser, error) {
	at := cmp.Or(s.URL, os.Getenv("ORDERCTL_SERVER"), defaultServer)
	if base, err := url.Parse(at); err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("%w: --server: %q is not http(s)://host:port", errCannotAsk, at)
	}
	call, err := http.NewRequestWithContext(ctx, r.method, strings.TrimSuffix(at, "/")+r.path, r.body)
	if err != nil {
		return nil, fmt.Errorf("%w: --server: %w", errCannotAsk, err)
	}
	call.Header.Set("Authorization", "Token "+token)
	if r.contentType != "" {
		call.Header.Set("Content-Type", r.contentType)
	}
	if r.accept != "" {
		call.Header.Set("Accept", r.accept)
	}
	response, err := http.DefaultClient.Do(call)
	if err != nil {
		return nil, fmt.Errorf("%w; is the server running there?", err)
	}
	if response.StatusCode/100 == 2 {
		return response.Body, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return nil, errors.Join(&refusedError{response.StatusCode, fmt.Sprintf("%s: %s", response.Status, answer)}, err)
}
