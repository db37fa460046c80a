package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// The default client keeps connections for the next call; the process of a command ends instead.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// TestHelpNamesNoToken: help texts and man pages are pasted and sent on.
func TestHelpNamesNoToken(t *testing.T) {
	for _, name := range []string{"ORDERCTL_TOKEN", "ORDERCTL_AUDIT_TOKEN", "ORDERCTL_SERVER"} {
		t.Setenv(name, "secret-of-"+name)
	}
	for _, cmd := range root().Commands() {
		for _, cmd := range append(cmd.Commands(), cmd) {
			if help := cmd.UsageString(); strings.Contains(help, "secret-of-") {
				t.Errorf("%s:\n%s", cmd.CommandPath(), help)
			}
		}
	}
}
