package orderdtest

import (
	"os"
	"strconv"
	"testing"
)

// Setting is a number from the environment, by which a test is made longer.
func Setting(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
