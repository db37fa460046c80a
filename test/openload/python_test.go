package openload_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderengine/domain/hospital"
	"orderengine/test/e2e/orderdtest"
)

// python is one that has zeep: Debian's own comes first, for apt-get gives it to no other.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import zeep").Run() == nil {
			return name
		}
	}
	t.Fatal("no python3 has zeep: run make need, or apt-get install python3-zeep, or pip install zeep")
	return ""
}

// TestPythonClients has clients in another language refund and query, one that builds its SOAP from strings, in each
// encoding, and one that is generated from the WSDL.
func TestPythonClients(t *testing.T) {
	t.Parallel()
	python := python(t)
	s := orderdtest.Demo(t)
	order := load(t, s, []paidOrder{{hospital.Outpatient, 1000, hospital.Alipay, "patient1"}})[0]
	paid := []string{"row 1 " + order + " - - -"}
	var refunds []string
	for i, client := range []struct{ script, encoding string }{{"handmade.py", "UTF-8"}, {"handmade.py", "GBK"}, {"generated.py", "UTF-8"}} {
		his := fmt.Sprintf("P-%d", i)
		for _, code := range []string{"0", "3"} {
			lines := run(t, python, client.script, "http://"+s.Addr()+"/open", client.encoding, his, order)
			words := strings.Fields(lines[0])
			if len(words) != 3 || words[0] != "refund" || words[1] != code {
				t.Fatalf("%s in %s: %q, want code %s", client.script, client.encoding, lines[0], code)
			}
			if row := "row 2 " + order + " " + words[2] + " " + his + " 100"; code == "0" {
				refunds = append(refunds, row)
			}
			if want := slices.Concat([]string{"query 0"}, paid, refunds); !slices.Equal(lines[1:], want) {
				t.Fatalf("%s in %s: %q, want %q", client.script, client.encoding, lines[1:], want)
			}
		}
	}
}

// run gives the lines that a script prints.
func run(t *testing.T, python, script string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, append([]string{filepath.Join("clients", script)}, args...)...)
	cmd.Env = append(cmd.Environ(), "PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1", "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
