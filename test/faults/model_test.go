package faults

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// The documents' statuses.
const (
	unpaid = iota
	paid
	asked
	answered
	finished
	evaluated
	cancelled
)

// move is what a call makes of an order.
type move struct {
	from map[int]bool
	to   int
}

// moves are written down once more, from the documents: not by what the engine does.
var moves = map[string]move{
	"pay":      {from: map[int]bool{unpaid: true}, to: paid},
	"cancel":   {from: map[int]bool{unpaid: true}, to: cancelled},
	"ask":      {from: map[int]bool{paid: true}, to: asked},
	"refund":   {from: map[int]bool{paid: true, asked: true}, to: cancelled},
	"answer":   {from: map[int]bool{asked: true}, to: answered},
	"finish":   {from: map[int]bool{answered: true}, to: finished},
	"evaluate": {from: map[int]bool{finished: true}, to: evaluated},
}

const look = "look" // reads the order

// state is an order's, as far as the documents tell.
type state struct {
	status int
	paid   bool // it was, whatever became of it
}

type outcome int

const (
	done    outcome = iota
	refused         // by the order's state
	unknown         // it may have been done, now or later, or not
)

// told is what a client was told.
type told struct {
	outcome outcome
	status  int // of a look
}

// order is one order, from the moment at which it waits for its payment.
var order = porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, input, output any) []any {
		is, call, t := s.(state), input.(string), output.(told)
		if call == look {
			if t.status == is.status {
				return []any{is}
			}
			return nil
		}
		m := moves[call]
		after := state{status: m.to, paid: is.paid || m.to == paid}
		switch {
		case t.outcome == done && m.from[is.status]:
			return []any{after}
		case t.outcome == done && call == "pay" && is.paid:
			return []any{is} // of two payments at once both are told that the order is paid
		case t.outcome == refused && !m.from[is.status]:
			return []any{is}
		case t.outcome == unknown && m.from[is.status]:
			return []any{is, after}
		case t.outcome == unknown:
			return []any{is}
		default:
			return nil
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%s: %+v", input, output) },
	DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s) },
}
