// Package pebbles is what the folders that hold a pebble database have in common, whatever they keep there.
package pebbles

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// IsLocked says whether err is that of a lock that is held. Pebble has no error value for a lock that
// its own process holds.
func IsLocked(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || err != nil && strings.Contains(err.Error(), "lock held by current process")
}

// Tell has a database that is opened with the options tell a log of failures and damage.
func Tell(o *pebble.Options, log *slog.Logger) {
	o.Logger = logger{log}
	// Pebble's own answer to a damaged block is to end the process; whoever reads it gets an error anyway.
	o.EventListener = &pebble.EventListener{DataCorruption: func(info pebble.DataCorruptionInfo) {
		log.Error("pebble: a file is damaged", "file", info.Path, "error", info.Details.Error())
	}}
}

// logger hands what pebble says to slog. Its Infof tells of every flush: that is for debugging.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return. In a goroutine that commits the panic can become the error of the commit; in one of
// pebble's own it ends the process, as pebble wants when it can no longer write its manifest.
func (l logger) Fatalf(format string, args ...any) {
	message := "pebble: " + fmt.Sprintf(format, args...)
	l.log.Error(message)
	panic(message)
}
