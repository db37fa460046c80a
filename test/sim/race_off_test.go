//go:build !race

package sim

const defaultCommands = 1_000_000
