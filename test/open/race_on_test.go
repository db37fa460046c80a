//go:build race

package open_test

// manyLines is the length of a long file; the race detector makes every line many times as slow.
const manyLines = 2_000
