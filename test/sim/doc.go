// Package sim plays the money of many orders against a naive model: patients, doctors, a payment platform in
// memory, two servers whose clocks jump, that stop after any step and that overtake each other, in an order
// that pgregory.net/rapid chooses, shrinks and repeats by its seed.
//
//	go test ./test/sim                                  1,000,000 commands
//	go test -race ./test/sim                              100,000, as make test does
//	SIM_COMMANDS=20000000 go test -timeout 1h ./test/sim as many as one likes
//	go test ./test/sim -rapid.seed=…                    one that failed again; it prints the seed
package sim
