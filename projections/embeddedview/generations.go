package embeddedview

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"orderengine/eventstore"
	"orderengine/eventstore/durable"
	"orderengine/projections"
)

// Generations keeps sets of views side by side in one folder, which one process has at a time:
//
//	v2.lineup   the line-up of version 2, a line of text; if it is missing, v2 serves
//	v2 v2.1     a set each
type Generations struct {
	dir     string
	version int
	opts    Options

	mu   sync.Mutex // held by what changes the line-up or the folders
	open map[projections.Generation]*Store
}

var _ projections.Generations = (*Generations)(nil)

// OpenGenerations opens the folder dir, which is made if it is missing, for the sets of a version.
func OpenGenerations(dir string, version int, opts Options) (*Generations, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("views folder: %w", err)
	}
	return &Generations{dir: dir, version: version, opts: opts, open: map[projections.Generation]*Store{}}, nil
}

// Lineup implements [projections.Generations].
func (g *Generations) Lineup(ctx context.Context) (projections.Lineup, error) {
	if err := ctx.Err(); err != nil {
		return projections.Lineup{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lineup(g.version)
}

// lineup takes a file that cannot be read for a missing one: the sets can be made again.
func (g *Generations) lineup(version int) (projections.Lineup, error) {
	text, err := os.ReadFile(g.lineupFile(version))
	if errors.Is(err, fs.ErrNotExist) {
		return projections.Lineup{}, nil
	}
	if err != nil {
		return projections.Lineup{}, fmt.Errorf("views folder: %w", err)
	}
	lineup, err := projections.ParseLineup(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		g.opts.logger().Warn("views: the line-up cannot be read; going by the folders", "error", err.Error())
		return projections.Lineup{}, nil
	}
	return lineup, nil
}

func (g *Generations) lineupFile(version int) string {
	return filepath.Join(g.dir, projections.Generation{Version: version}.String()+lineupSuffix)
}

const lineupSuffix = ".lineup"

// Move implements [projections.Generations].
func (g *Generations) Move(ctx context.Context, from, to projections.Lineup) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.move(from, to)
}

func (g *Generations) move(from, to projections.Lineup) error {
	is, err := g.lineup(g.version)
	if err != nil {
		return err
	}
	if is != from {
		return fmt.Errorf("%w: the line-up is %q, not %q", projections.ErrStale, is, from)
	}
	if err := durable.Replace(g.lineupFile(g.version), []byte(to.String()+"\n")); err != nil {
		return fmt.Errorf("views folder: %w", err)
	}
	return nil
}

// Former implements [projections.Generations].
func (g *Generations) Former(ctx context.Context, oldest int) (projections.Generation, error) {
	if err := ctx.Err(); err != nil {
		return projections.Generation{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	sets, err := g.sets()
	if err != nil {
		return projections.Generation{}, err
	}
	for version := g.version; version >= oldest; version-- {
		lineup, err := g.lineup(version)
		if err != nil {
			return projections.Generation{}, err
		}
		for _, set := range sets { // the lowest number served before the others were begun
			serves := set == lineup.Serving || lineup == (projections.Lineup{}) && set.Version == version
			if serves && set.Version >= oldest {
				return set, nil
			}
		}
	}
	return projections.Generation{}, nil
}

// sets are those in the folder, the oldest first.
func (g *Generations) sets() (sets []projections.Generation, err error) {
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return nil, fmt.Errorf("views folder: %w", err)
	}
	for _, e := range entries {
		if set, err := projections.ParseGeneration(e.Name()); err == nil && e.IsDir() {
			sets = append(sets, set)
		}
	}
	slices.SortFunc(sets, projections.Generation.Compare)
	return sets, nil
}

// Open implements [projections.Generations]. A set that is damaged is begun anew.
func (g *Generations) Open(ctx context.Context, set projections.Generation) (projections.OpenViews, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	dir := filepath.Join(g.dir, set.String())
	store, err := Open(dir, g.opts)
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrFormat) {
		g.opts.logger().Error("the views cannot be read; they are made again from the log", "folder", dir, "error", err.Error())
		if err = os.RemoveAll(dir); err == nil {
			store, err = Open(dir, g.opts)
		}
	}
	if err != nil {
		return nil, err
	}
	g.open[set] = store
	return openSet{store, func() { g.closed(set) }}, nil
}

// openSet tells its folder when it is closed.
type openSet struct {
	*Store
	closed func()
}

func (s openSet) Close() error {
	defer s.closed()
	return s.Store.Close()
}

func (g *Generations) closed(set projections.Generation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, set)
}

// Switch implements [projections.Generations].
func (g *Generations) Switch(ctx context.Context, l projections.Lineup, at eventstore.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	serving := g.open[l.Serving]
	if serving == nil {
		return fmt.Errorf("%w: %s is not open", projections.ErrStale, l.Serving)
	}
	return serving.moveAfter(at, func() error { return g.move(l, projections.Lineup{Serving: l.Building}) })
}

// moveAfter ends the set at a checkpoint, if what is to be done then succeeds.
func (s *Store) moveAfter(at eventstore.Position, do func() error) error {
	s.commits.Lock()
	defer s.commits.Unlock()
	if s.recent.at != at {
		return fmt.Errorf("%w: it is %s, not %s", projections.ErrStale, s.recent.at, at)
	}
	if err := do(); err != nil {
		return err
	}
	s.moved.Store(true)
	return nil
}

// Tidy implements [projections.Generations].
func (g *Generations) Tidy(ctx context.Context, l projections.Lineup) (done bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	sets, err := g.sets()
	if err != nil {
		return false, err
	}
	done = true
	for _, set := range sets {
		if set.Version > g.version || set == l.Serving || set == l.Building {
			continue
		}
		if g.open[set] != nil {
			done = false
			continue
		}
		if err := errors.Join(ctx.Err(), os.RemoveAll(filepath.Join(g.dir, set.String()))); err != nil {
			return false, err
		}
	}
	for version := 1; version < g.version; version++ {
		if version == l.Serving.Version {
			continue
		}
		if err := os.Remove(g.lineupFile(version)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return done, nil
}
