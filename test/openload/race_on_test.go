//go:build race

package openload_test

// A short run: the race detector is slow.
const racerCalls, registrations = 20, 1000
