package account

import (
	"cmp"

	"github.com/looplab/fsm"

	"orderengine/domain"
)

const (
	stateUnknown  = "unknown"
	stateActive   = "active"
	stateInactive = "inactive"
)

// Lifecycle is the only place that says which move of a user is legal.
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

// PrivacyLifecycle is the only place that says which move is legal between the standings of a patient's texts.
var PrivacyLifecycle = domain.NewLifecycle(Kept.state(), fsm.Events{
	{Name: "make_key", Src: standings(Kept), Dst: Kept.state()},
	{Name: "restrict", Src: standings(Kept, Restricted), Dst: Restricted.state()},
	{Name: "lift", Src: standings(Restricted), Dst: Kept.state()},
	{Name: "erase", Src: standings(Kept, Restricted), Dst: Erased.state()},
	{Name: "destroy_key", Src: standings(Erased), Dst: Shredded.state()},
})

func standings(ss ...Standing) []string {
	names := make([]string, len(ss))
	for i, s := range ss {
		names[i] = s.state()
	}
	return names
}

// state is a standing's name in the table; Kept, which every user's texts are at first, is stored as nothing.
func (s Standing) state() string { return cmp.Or(string(s), "kept") }
