package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The suite runs straight from the module cache, in a module of its own: its client and the product's register
// the same protocol, and both in one binary panic.
const (
	suiteModule  = "github.com/kurrent-io/KurrentDB-Client-Go"
	suiteVersion = "v1.2.0"
	suiteLimit   = 5 * time.Minute
)

// applicable are the suite's tests that must pass, each with how many tests it has within; none may be skipped.
var applicable = map[string]int{
	"TestAppendEventsSuite":            3,
	"TestReadStreamSuite":              6,
	"TestReadAllSuite":                 5,
	"TestSubscriptionSuite":            6,
	"TestDeleteSuite":                  3,
	"TestConnectionSuite":              1,
	"TestSecureAuthenticationSuite":    3,
	"TestInsecureAuthenticationSuite":  2,
	"TestTLS":                          8,
	"TestTypes":                        6,
	"TestConnectionStringSuite":        0,
	"TestPositionParsingSuite":         1,
	"TestUUIDParsingSuite":             1,
	"TestVersionParsingWithPrerelease": 0,
}

// notApplicable are the others, and why they are not run.
var notApplicable = map[string]string{
	"TestAppendRecordsSuite":              "appends of protocol v2",
	"TestMultiAppendEventsSuite":          "appends to several streams at once, of protocol v2",
	"TestPersistentSubscriptionSuite":     "persistent subscriptions are not served: a follower keeps its own checkpoint",
	"TestPersistentSubscriptionReadSuite": "persistent subscriptions are not served: a follower keeps its own checkpoint",
	"TestProjectionSuite":                 "the server runs no projections",
	"TestClusterSuite":                    "stops the leader of three nodes over HTTP; a node that serves an embedded log has no followers",
	"TestStreams":                         "runs others of these a second time",
	"TestPersistentSubscriptions":         "runs others of these a second time",
	"TestMisc":                            "runs others of these a second time",
}

// TestPublicSuite runs the successor client's own suite against servers where it looks for them.
func TestPublicSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches a module")
	}
	module := t.TempDir()
	goIn(t, module, "mod", "init", "suite")
	goIn(t, module, "get", "-t", suiteModule+"/test@"+suiteVersion)
	folder := strings.TrimSpace(goIn(t, module, "list", "-m", "-f", "{{.Dir}}", suiteModule))
	knowEachTest(t, goIn(t, module, "test", "-list", ".", suiteModule+"/test"))

	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "certs", "node1", "node.crt"), filepath.Join(folder, "certs", "node1", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	secure := wire.Options{Writable: true, User: "admin", Password: "changeit", TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	serve(t, "localhost:2114", wire.Options{Writable: true})
	serve(t, "localhost:2115", secure)
	for _, addr := range []string{"localhost:2111", "localhost:2112", "localhost:2113"} {
		serve(t, addr, secure, "esdb-$users") // the suite waits until the server has made its users
	}
	names := slices.Sorted(maps.Keys(applicable))
	output := goIn(t, module, "test", "-json", "-count=1", "-run", "^("+strings.Join(names, "|")+")$", suiteModule+"/test")
	judge(t, output)
}

// goIn runs the go command in a folder. The suite's own failures are judged by what it printed.
func goIn(t *testing.T, folder string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suiteLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil && !slices.Contains(args, "-json") {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(output)
}

// knowEachTest fails if the suite has tests that nobody has thought about.
func knowEachTest(t *testing.T, list string) {
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		_, run := applicable[name]
		if _, not := notApplicable[name]; strings.HasPrefix(name, "Test") && run == not {
			t.Errorf("%s of the suite is neither run nor known not to apply", name)
		}
	}
}

// serve serves an embedded log until the test ends. In each stream that is named stands one event.
func serve(t *testing.T, addr string, options wire.Options, streams ...string) {
	t.Helper()
	store, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range streams {
		if _, err := store.Append(t.Context(), stream, eventstore.NoStream, []eventstore.Event{{ID: uuid.New(), Type: "Made"}}); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the suite looks for a server there: %v", err)
	}
	options.Advertise = addr
	server, served := wire.New(store, options), make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		for _, err := range []error{server.Close(), <-served, store.Verify(context.Background()), store.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// judge reads what "go test -json" printed.
func judge(t *testing.T, output string) {
	passed, printed := map[string]int{}, map[string]string{}
	for line := range strings.Lines(output) {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		name, within, _ := strings.Cut(event.Test, "/")
		printed[event.Test] += event.Output
		switch {
		case event.Action == "fail" || event.Action == "skip":
			t.Errorf("%s of the suite: %s\n%s", event.Test, event.Action, printed[event.Test])
		case event.Action == "pass" && within == "":
			passed[name] += 0
		case event.Action == "pass" && !strings.Contains(within, "/"):
			passed[name]++
		}
	}
	for name, want := range applicable {
		if got, ran := passed[name]; !ran || want > 0 && got != want {
			t.Errorf("%s of the suite: %d tests passed, want %d", name, got, want)
		}
	}
	total := 0
	for _, n := range passed {
		total += n
	}
	t.Logf("%d tests of %d groups passed", total, len(passed)-1)
}
