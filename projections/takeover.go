package projections

import (
	"context"
	"errors"

	"orderengine/eventstore"
)

// arrange brings this process in line with the line-up, and lets the set that is being built take over when it may.
func (l *Live) arrange(ctx context.Context) error {
	lineup, err := l.lineup(ctx)
	if err != nil {
		return err
	}
	settled, err := l.serve(ctx, lineup)
	if err != nil {
		return err
	}
	l.start(ctx, l.serving.Load())
	if !settled {
		l.start(ctx, l.building)
		return nil
	}
	if err := l.build(ctx, lineup.Building); err != nil || l.building == nil {
		return err
	}
	return l.takeOver(ctx, lineup)
}

// lineup is the line-up, which is set up if there is none and set right after a take-over that was cut short.
func (l *Live) lineup(ctx context.Context) (Lineup, error) {
	is, err := l.o.Generations.Lineup(ctx)
	if err != nil {
		return is, err
	}
	current := l.serving.Load()
	if current != nil && is.Building == current.Generation { // a server that was lost has taken the end of the switch with it
		if err := l.o.Generations.Switch(ctx, is, eventstore.Position{}); !errors.Is(err, ErrStale) {
			return Lineup{Serving: is.Building}, err
		}
	}
	to := is
	switch moved := current != nil && current.Generation == is.Serving && current.moved.Load(); {
	case moved && current.Version == l.o.Version:
		return Lineup{Serving: is.Building}, l.o.Generations.Switch(ctx, is, eventstore.Position{})
	case is == Lineup{} && current != nil && current.Version == l.o.Version:
		to.Serving = current.Generation // all was lost, and is built anew
	case is == Lineup{} || moved:
		to, err = l.firstLineup(ctx)
	}
	if err != nil || to == is {
		return is, err
	}
	return to, l.o.Generations.Move(ctx, is, to)
}

// firstLineup has what is there already serve until the first set of this version is built.
func (l *Live) firstLineup(ctx context.Context) (Lineup, error) {
	first := Generation{Version: l.o.Version}
	former, err := l.o.Generations.Former(ctx, l.o.Readable)
	switch {
	case err != nil:
		return Lineup{}, err
	case former == Generation{}:
		return Lineup{Serving: first}, nil
	case former.Version == l.o.Version:
		return Lineup{Serving: former}, nil
	default:
		l.o.Logger.Info("views of an older version serve until new ones are built", "serving", former.String(), "building", first.String())
		return Lineup{former, first}, nil
	}
}

// serve reads from the set that serves by the line-up. It is not settled while that set holds less than has been read
// in this process.
func (l *Live) serve(ctx context.Context, lineup Lineup) (settled bool, err error) {
	current := l.serving.Load()
	if current != nil && current.Generation == lineup.Serving {
		return true, nil
	}
	if err := l.build(ctx, lineup.Serving); err != nil {
		return false, err
	}
	if current != nil && !current.moved.Load() {
		at, err := l.building.views.Checkpoint(ctx)
		if err != nil || at.Before(current.follower.await.position()) {
			return false, err
		}
	}
	return true, l.swap(l.building)
}

// build opens the set that is being built, and gives up one that is so no longer.
func (l *Live) build(ctx context.Context, g Generation) error {
	if s := l.building; s != nil && s.Generation != g {
		s.stop()
		l.mu.Lock()
		l.past.add(s.follower)
		l.building = nil
		l.mu.Unlock()
		if err := s.views.Close(); err != nil {
			return err
		}
	}
	if g == (Generation{}) || l.building != nil {
		return nil
	}
	s, err := l.open(ctx, g)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.building = s
	return nil
}

// takeOver lets the set that is being built take over, once it is so near the log's head that commands hardly feel
// how the serving one is held still for the last step.
func (l *Live) takeOver(ctx context.Context, lineup Lineup) error {
	current, next := l.serving.Load(), l.building
	l.start(ctx, next)
	if !next.follower.ready.Load() {
		return nil
	}
	head, err := l.o.Log.Head(ctx)
	if err != nil || next.follower.awaitFor(ctx, head, nearEnough) != nil {
		return err
	}
	current.stop()
	defer func() {
		if l.serving.Load() == current {
			l.start(ctx, current)
		}
	}()
	for end := l.o.Now().Add(finalLimit); l.o.Now().Before(end); {
		at, err := current.views.Checkpoint(ctx)
		if errors.Is(err, ErrMoved) {
			current.moved.Store(true) // another process was quicker
			return nil
		}
		if err != nil {
			return err
		}
		if next.follower.awaitFor(ctx, latest(at, current.follower.await.position()), finalLimit) != nil {
			return nil
		}
		if err = l.o.Generations.Switch(ctx, lineup, at); err == nil {
			return l.swap(next)
		}
		// Followers of other processes may have committed in between, or switched.
		if is, failed := l.o.Generations.Lineup(ctx); !errors.Is(err, ErrStale) || failed != nil || is != lineup {
			return err
		}
	}
	return nil
}

func latest(a, b eventstore.Position) eventstore.Position {
	if a.Before(b) {
		return b
	}
	return a
}

// swap has the next set serve: from here on it is read, and who waits for a position waits for it.
func (l *Live) swap(next *liveSet) error {
	current := l.serving.Load()
	if current != nil {
		current.stop()
		next.follower.inherit(current.follower)
	}
	l.mu.Lock()
	if current != nil {
		l.past.add(current.follower)
	}
	l.serving.Store(next)
	l.building = nil
	l.mu.Unlock()
	l.look()
	if current == nil {
		return nil
	}
	l.o.Logger.Info("views have been replaced", "was", current.String(), "serving", next.String())
	close(current.replaced)
	current.follower.await.fail() // who waits there asks the next
	return current.views.Close()
}

// inherit takes over what another follower's views have promised, which these hold too.
func (f *Follower) inherit(from *Follower) {
	f.await.promise(from.await.position())
	f.await.owe(from.await.floor())
	if from.ready.Load() {
		f.ready.Store(true)
	}
}

// followerCount is what the followers of closed sets have done.
type followerCount struct{ events, skipped, failures uint64 }

func (c *followerCount) add(f *Follower) {
	c.events += f.stats.Events.Load()
	c.skipped += f.stats.Skipped.Load()
	c.failures += f.stats.Errors.Load()
}
