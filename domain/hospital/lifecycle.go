package hospital

import (
	"github.com/looplab/fsm"

	"orderengine/domain"
)

// The moves of the table below.
const (
	movePay        = "pay"
	moveCancel     = "cancel"
	moveRefundPart = "refund_part"
	moveRefundRest = "refund_rest"
	moveStop       = "stop"
	// A refund that the platform could not carry out leaves its money with the order again.
	moveKeepPart = "keep_part"
	moveKeepAll  = "keep_all"
)

// Lifecycle is the only place that says which move is legal (the notes' "Lifecycle").
var Lifecycle = domain.NewLifecycle(Unpaid.String(), fsm.Events{
	{Name: movePay, Src: states(Unpaid), Dst: Paid.String()},
	{Name: moveCancel, Src: states(Unpaid), Dst: Cancelled.String()},
	{Name: moveRefundPart, Src: states(Paid, PartlyRefunded), Dst: PartlyRefunded.String()},
	{Name: moveRefundRest, Src: states(Paid, PartlyRefunded), Dst: Refunded.String()},
	{Name: moveKeepPart, Src: states(PartlyRefunded, Refunded), Dst: PartlyRefunded.String()},
	{Name: moveKeepAll, Src: states(PartlyRefunded, Refunded), Dst: Paid.String()},
	{Name: moveStop, Src: states(Paid, PartlyRefunded), Dst: Stopped.String()},
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
