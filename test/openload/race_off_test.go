//go:build !race

package openload_test

const racerCalls, registrations = 60, 5000
