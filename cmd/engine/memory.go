package engine

import (
	"os"
	"runtime/debug"
)

// A server that handles many small requests collects often and finds little; it may use memory instead, to a limit.
const (
	gcPercent   = 400
	memoryLimit = 640<<20 + pebbleMemory // bytes, of all that Go gives out
)

// TuneMemory sets the collector for a server, unless GOGC or GOMEMLIMIT say otherwise.
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
