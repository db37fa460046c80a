//go:build !race

package open_test

// manyLines is the length of a long file.
const manyLines = 20_000
