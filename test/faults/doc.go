// Package faults runs the server with a bad network: a proxy before the log and one before Redis delay, freeze, cut,
// half-close and reset connections while clients work on the same orders. Whatever the network did, what clients were told
// of each order must be what one order could have done (porcupine checks that), and the money must add up.
package faults
