//go:build !cgo

package engine

// pebbleMemory is what pebble's caches, with its memtables, take of Go's memory at most: the log's, the views', the tree's.
const pebbleMemory = 64<<20 + 160<<20 + 32<<20
