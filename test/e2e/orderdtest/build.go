// Package orderdtest runs the real server for tests, on a free port: in the test's own process, or, where it
// is to be killed or must show how it begins and ends, as a child process of the binary of cmd/orderd. With
// -race the binary is built with the race detector too, and a race in it fails the test that ran it.
package orderdtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// binary is where [Main] has built the server.
var binary string

// Main is for TestMain: it builds the server, runs the tests, and fails if a goroutine is left over.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "orderd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "orderd")
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func build() error {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if err := consult(root); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", raceFlag, "-o", binary, "./cmd/orderd")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build orderd: %w\n%s", err, out)
	}
	return nil
}

// consult lists the folders of the server's sources: go test takes a result from its cache only while what
// the test has looked at is the same, and the tests do not import the server.
func consult(root string) error {
	for _, part := range []string{"cmd", "domain", "eventstore", "gateways", "httpapi", "projections", "xmlapi"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(string, fs.DirEntry, error) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}
