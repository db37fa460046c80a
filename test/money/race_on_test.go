//go:build race

package money

// A short run: both cores are shared, and the race detector is slow.
const defaultOrders, defaultKills = 400, 8
