package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"orderengine/eventstore"
)

// Generation names one set of views: the version of its rows, and its number among the sets of that version,
// from 0. The zero Generation is none.
type Generation struct{ Version, Number int }

// String is "v2" for the first set of version 2, and "v2.1" for the next.
func (g Generation) String() string {
	if g.Number == 0 {
		return "v" + strconv.Itoa(g.Version)
	}
	return fmt.Sprintf("v%d.%d", g.Version, g.Number)
}

// ParseGeneration reads what [Generation.String] wrote.
func ParseGeneration(s string) (g Generation, err error) {
	digits, ok := strings.CutPrefix(s, "v")
	version, number, later := strings.Cut(digits, ".")
	if g.Version, err = strconv.Atoi(version); err == nil && later {
		g.Number, err = strconv.Atoi(number)
	}
	if !ok || err != nil || g.Version < 1 || g.Number < 0 || g.String() != s {
		return Generation{}, fmt.Errorf("views %q: not of the form v2 or v2.1", s)
	}
	return g, nil
}

// Compare is negative if g is older than h, and zero if they are one.
func (g Generation) Compare(h Generation) int {
	return cmp.Or(cmp.Compare(g.Version, h.Version), cmp.Compare(g.Number, h.Number))
}

// Lineup says which set of views serves, and which one is being built beside it, if any. The zero Lineup is that
// of a place where nothing was set up yet, or all was lost.
type Lineup struct{ Serving, Building Generation }

// String is "v2", or "v2 v2.1" while v2.1 is being built; "" for the zero Lineup.
func (l Lineup) String() string {
	switch {
	case l == Lineup{}:
		return ""
	case l.Building == Generation{}:
		return l.Serving.String()
	default:
		return l.Serving.String() + " " + l.Building.String()
	}
}

// ParseLineup reads what [Lineup.String] wrote.
func ParseLineup(s string) (l Lineup, err error) {
	if s == "" {
		return l, nil
	}
	serving, building, two := strings.Cut(s, " ")
	if l.Serving, err = ParseGeneration(serving); err == nil && two {
		l.Building, err = ParseGeneration(building)
	}
	return l, err
}

// ErrMoved: another set of views serves in this one's place. Read the line-up, and that set.
var ErrMoved = errors.New("views: another set has taken over")

// OpenViews are views that are closed by who opened them.
type OpenViews interface {
	Views
	io.Closer
}

// Generations is where the sets of views of one version are kept, beside those of other versions. All processes that
// use the place have the same line-up.
type Generations interface {
	// Lineup is the line-up of this version.
	Lineup(ctx context.Context) (Lineup, error)
	// Move replaces the line-up; it fails with [ErrStale] if it is not from.
	Move(ctx context.Context, from, to Lineup) error
	// Former is the set that serves at first where there is no line-up: the first of this version if it is there
	// already, else the newest of an older version, from oldest on; zero if there is none.
	Former(ctx context.Context, oldest int) (Generation, error)
	// Open opens a set, empty or as it was left.
	Open(ctx context.Context, g Generation) (OpenViews, error)
	// Switch has the set that is being built take over, if the checkpoint of the serving one is still at, and the
	// line-up the given one; it fails with [ErrStale] if not. Sets of this version take no batch from then on and
	// answer [ErrMoved]; one of an older version goes on for the servers that know no other. A switch that was cut
	// short after the set began to answer so is completed, whatever at is.
	Switch(ctx context.Context, l Lineup, at eventstore.Position) error
	// Tidy removes sets of this and older versions that are not in the line-up and that nobody has open. It says
	// whether all are gone.
	Tidy(ctx context.Context, l Lineup) (done bool, err error)
}
