//go:build !race

package crash

const defaultReplayKills = 20
