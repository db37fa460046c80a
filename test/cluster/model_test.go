package cluster

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// The documents' statuses of an order that was paid.
const (
	asked     = 2
	answered  = 3
	finished  = 4
	evaluated = 5
)

// verb is what a client does to an order.
type verb string

const (
	ask      verb = "ask"
	answer   verb = "answer"
	finish   verb = "finish"
	evaluate verb = "evaluate"
	refund   verb = "refund"
	read     verb = "read"
)

// moves are the statuses that a verb leads from and to, from the document.
var moves = map[verb]map[int]int{
	ask:      {paid: asked},
	answer:   {asked: answered},
	finish:   {answered: finished},
	evaluate: {finished: evaluated},
	refund:   {paid: cancelled, asked: cancelled},
}

// outcome is what a client heard.
type outcome struct {
	status  int  // of a read
	refused bool // the state did not allow it
	unknown bool // nobody knows whether it was done
}

// orderModel is one paid order as a client may see it. What nobody knows of was done if it could be, at any time
// after it was asked for, or has not been yet.
var orderModel = porcupine.Model{
	Init: func() any { return paid },
	Step: func(state, input, output any) (bool, any) {
		status, heard := state.(int), output.(outcome)
		if input == read {
			return heard.status == status, status
		}
		after, allowed := moves[input.(verb)][status]
		switch {
		case heard.unknown && !allowed:
			return true, status
		case heard.refused:
			return !allowed, status
		default:
			return allowed, after
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %+v", input, output) },
}
