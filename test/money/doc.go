// Package money runs the whole server against a payment platform that misbehaves (test/pingpp), kills it, and
// lets its clock jump, and holds it to what it must do with money whatever fails: every payment and every
// refund once, in the end the same states as on a good day.
//
//	go test -race ./test/money                                  a short run of everything, as make test does
//	MONEY_ORDERS=10000 go test -timeout 30m -run TestABadDay ./test/money
//	MONEY_KILLS=50 go test -timeout 30m -run TestKills ./test/money
package money
