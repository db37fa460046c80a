package main

import (
	"testing"

	"go.uber.org/goleak"
)

// The default client keeps connections for the next call; the process of a command ends instead.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}
