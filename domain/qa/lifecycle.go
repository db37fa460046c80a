package qa

import (
	"github.com/looplab/fsm"

	"orderengine/domain"
)

// The moves of the table below.
const (
	movePay      = "pay"
	moveCancel   = "cancel"
	moveDestroy  = "destroy"
	moveAsk      = "ask"
	moveAskAgain = "ask_again" // monthly orders only
	moveAnswer   = "answer"
	moveFinish   = "finish"
	moveEvaluate = "evaluate"
	moveRefund   = "refund"
)

// Lifecycle is the only place that says which move is legal (the notes' "States").
var Lifecycle = domain.NewLifecycle(Unpaid.String(), fsm.Events{
	{Name: movePay, Src: states(Unpaid), Dst: Paid.String()},
	{Name: moveAsk, Src: states(Paid), Dst: Asked.String()},
	{Name: moveAskAgain, Src: states(Answered), Dst: Asked.String()},
	{Name: moveAnswer, Src: states(Asked), Dst: Answered.String()},
	{Name: moveFinish, Src: states(Answered), Dst: Finished.String()},
	{Name: moveEvaluate, Src: states(Finished), Dst: Evaluated.String()},
	{Name: moveCancel, Src: states(Unpaid), Dst: Cancelled.String()},
	{Name: moveRefund, Src: states(Paid, Asked), Dst: Cancelled.String()},
	{Name: moveDestroy, Src: states(Unpaid), Dst: Cancelled.String()},
	{Name: moveDestroy, Src: states(Finished), Dst: Finished.String()},
	{Name: moveDestroy, Src: states(Evaluated), Dst: Evaluated.String()},
	{Name: moveDestroy, Src: states(Cancelled), Dst: Cancelled.String()},
})

func states(ss ...Status) []string {
	names := make([]string, len(ss))
	for i, s := range ss {
		names[i] = s.String()
	}
	return names
}

// may refuses a move that the order's state does not allow, with the move's own code.
func may(o Order, move string, code domain.Code) error {
	if Lifecycle.Allows(o.Status.String(), move) {
		return nil
	}
	return domain.Refuse(code, "order %s is %s", o.Number, o.Status)
}
