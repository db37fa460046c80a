//go:build race

package sim

const defaultCommands = 100_000
