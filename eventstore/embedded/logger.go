package embedded

import (
	"fmt"
	"log/slog"
)

// pebbleLogger hands what pebble says to slog. Its Infof tells of every flush: that is for debugging.
type pebbleLogger struct{ log *slog.Logger }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return. In the writer the panic becomes the error of the commit; in a goroutine of
// pebble's own it ends the process, as pebble wants when it can no longer write its manifest.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.log.Error("pebble: " + message)
	panic("pebble: " + message)
}
