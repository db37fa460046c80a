package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answering is a server that answers an import so, and keeps what it was sent.
func answering(t *testing.T, status int, answer string) (url string, sent *string) {
	t.Helper()
	sent = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*sent = fmt.Sprintf("%s %s %s\n%s", r.Method, r.URL.Path, r.Header.Get("Authorization"), body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, sent
}

func run(stdin string, args ...string) (stdout string, err error) {
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	err = execute(context.Background(), cmd)
	return out.String(), err
}

func TestImport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "orders.ndjson")
	if err := os.WriteFile(file, []byte("{}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const sent = "POST /admin/hospital-orders/import Token secret\n{}\n{}\n"
	for _, c := range []struct {
		name, answer string
		status       int
		stdout       string
		fails        error
	}{
		{"all taken", `{"taken":2,"repeated":0,"refused":[]}`, 200, "2 taken, 0 repeated, 0 refused\n", nil},
		{"refused", `{"taken":0,"repeated":1,"refused":[{"line":2,"why":"no kind"}],"untold":3}`, 200,
			"line 2: no kind\nand 3 more lines\n0 taken, 1 repeated, 4 refused\n", errRefused},
	} {
		for _, from := range []string{file, "-"} {
			url, got := answering(t, c.status, c.answer)
			stdout, err := run("{}\n{}\n", "import", from, "--server", url+"/", "--token", "secret")
			if stdout != c.stdout || !errors.Is(err, c.fails) || *got != sent {
				t.Errorf("%s from %s: printed %q, %v; sent %q", c.name, from, stdout, err, *got)
			}
		}
	}
}

func TestImportErrorsSayWhatToDo(t *testing.T) {
	t.Setenv("ORDERCTL_TOKEN", "")
	forbidden, _ := answering(t, 403, `{"detail":"no"}`)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no token":  {[]string{"import", "-", "--server", forbidden}, "ORDERCTL_TOKEN"},
		"refused":   {[]string{"import", "-", "--server", forbidden, "--token", "x"}, `403 Forbidden: {"detail":"no"}`},
		"no server": {[]string{"import", "-", "--server", "http://127.0.0.1:1", "--token", "x"}, "is the server running there?"},
		"no file":   {[]string{"import", "/nowhere/at/all", "--token", "x"}, "/nowhere/at/all"},
	} {
		if _, err := run("", c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
