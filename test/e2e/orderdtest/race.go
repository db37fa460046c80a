//go:build race

package orderdtest

const raceFlag = "-race=true"
