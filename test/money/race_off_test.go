//go:build !race

package money

const defaultOrders, defaultKills = 2000, 10
