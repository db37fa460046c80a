// Package domain says what an order is. It is pure: no I/O, no clock, no random numbers; times and ids
// arrive in the commands.
//
// One lifecycle is one folder below, each with the same files: commands, events, state, lifecycle, decide,
// evolve, codec. A command is decided on the state that the events so far fold to, and becomes events or a
// refusal; an event is evolved into the state and never refused:
//
//	Decide(state, command) → events | *Fault
//	Evolve(state, event)   → state
//
// This package holds what they share: the closed set of refusals ([Fault]), money ([Fen]), the table of
// legal moves ([Lifecycle]) and the registry of stored event forms ([Codec]).
package domain
