package delivery

import (
	"github.com/looplab/fsm"

	"orderengine/domain"
)

// The moves of the table below.
const (
	moveSend        = "send"
	moveSendAgain   = "send_again" // by a server that was started again, or another
	moveAcknowledge = "acknowledge"
	moveFail        = "fail"
	moveRedeliver   = "redeliver"
)

// Lifecycle is the only place that says which move is legal.
var Lifecycle = domain.NewLifecycle(string(Waiting), fsm.Events{
	{Name: moveSend, Src: states(Waiting), Dst: string(Sending)},
	{Name: moveSendAgain, Src: states(Sending), Dst: string(Sending)},
	{Name: moveSendAgain, Src: states(Failing), Dst: string(Failing)},
	{Name: moveAcknowledge, Src: states(Sending, Failing), Dst: string(Waiting)},
	{Name: moveFail, Src: states(Sending, Failing), Dst: string(Failing)},
	{Name: moveRedeliver, Src: states(Waiting, Sending, Failing), Dst: string(Waiting)},
})

func states(ss ...Status) []string {
	names := make([]string, len(ss))
	for i, s := range ss {
		names[i] = string(s)
	}
	return names
}

// may says that the table has the move from the delivery's state.
func may(d Delivery, move string) bool { return Lifecycle.Allows(string(d.State()), move) }
