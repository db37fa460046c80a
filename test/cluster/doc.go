// Package cluster holds the tests of several servers on one log and one Redis.
package cluster
