//go:build !race

package openload_test

const racerCalls = 60
