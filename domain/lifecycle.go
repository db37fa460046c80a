package domain

import (
	"sync"

	"github.com/looplab/fsm"
)

// Lifecycle is one table of legal moves, the only place that says which move a state allows. Making an
// fsm.FSM costs tens of microseconds and one must not be shared between goroutines, so machines are pooled.
type Lifecycle struct {
	initial string
	moves   fsm.Events
	pool    sync.Pool
}

// NewLifecycle makes a lifecycle from the state before the first move and the table.
func NewLifecycle(initial string, moves fsm.Events) *Lifecycle {
	l := &Lifecycle{initial: initial, moves: moves}
	l.pool.New = func() any { return fsm.NewFSM(initial, moves, nil) }
	return l
}

// Allows says whether move is legal in state.
func (l *Lifecycle) Allows(state, move string) bool {
	m := l.pool.Get().(*fsm.FSM)
	defer l.pool.Put(m)
	m.SetState(state)
	return m.Can(move)
}

// Moves is the table, for tests and tools that walk it.
func (l *Lifecycle) Moves() fsm.Events { return l.moves }

// Diagram draws the table as a Mermaid state diagram.
func (l *Lifecycle) Diagram() string {
	drawing, err := fsm.VisualizeForMermaidWithGraphType(fsm.NewFSM(l.initial, l.moves, nil), fsm.StateDiagram)
	if err != nil {
		panic(err) // the graph type above is one the library knows
	}
	return drawing
}
