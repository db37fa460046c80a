package account

import (
	"github.com/looplab/fsm"

	"orderengine/domain"
)

const (
	stateUnknown  = "unknown"
	stateActive   = "active"
	stateInactive = "inactive"
)

// Lifecycle is the only place that says which move is legal.
var Lifecycle = domain.NewLifecycle(stateUnknown, fsm.Events{
	{Name: "register", Src: []string{stateUnknown}, Dst: stateActive},
	{Name: "deactivate", Src: []string{stateActive}, Dst: stateInactive},
	{Name: "activate", Src: []string{stateInactive}, Dst: stateActive},
})

func stateOf(u User) string {
	switch {
	case !u.Registered():
		return stateUnknown
	case u.Active:
		return stateActive
	default:
		return stateInactive
	}
}
