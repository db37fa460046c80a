//go:build cgo

package engine

// pebbleMemory is nothing of Go's: pebble's caches and memtables come from C, on top of the limit.
const pebbleMemory = 0
