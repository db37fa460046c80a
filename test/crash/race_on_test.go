//go:build race

package crash

// A short run: both cores are shared, and the race detector is slow.
const defaultReplayKills = 5
