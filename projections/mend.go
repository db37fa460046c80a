package projections

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"orderengine/eventstore"
)

// mendReads is how many streams are read from the log at once.
const mendReads = 16

// mend brings parts of the views that are behind to where the furthest is. What changes in a part follows from the
// states before the change, which the documents of another part may not tell any more: they are folded from the
// log. It goes from one part's checkpoint to the next, so that no part is passed by in the middle of a batch. Views
// of which a part is empty are left to be made again.
func (f *Follower) mend(ctx context.Context) error {
	parted, ok := f.writer.(Parted)
	if !ok {
		return nil
	}
	marks, err := parted.Checkpoints(ctx)
	if err != nil || len(marks) == 1 || marks[0] == (eventstore.Position{}) {
		return err
	}
	at, last := marks[0], marks[len(marks)-1]
	f.logger.Info("parts of the views are behind others; mending them", "from", at.String(), "to", last.String())
	head, err := f.log.Head(ctx)
	if err != nil {
		return err
	}
	if head.Before(last) {
		return f.giveUp(ctx, last, errAnotherLog)
	}
	for batch, err := range f.log.Follow(ctx, at) {
		if err != nil {
			return err
		}
		for len(batch) > 0 && len(marks) > 1 {
			n := until(batch, marks[1])
			if n == 0 {
				return f.giveUp(ctx, marks[1], errAnotherLog)
			}
			at, err = f.step(ctx, at, batch[:n], f.replay)
			if errors.Is(err, errCut) {
				return f.giveUp(ctx, marks[1], err)
			}
			if err != nil {
				return err
			}
			if batch = batch[n:]; at == marks[1] {
				marks = marks[1:]
			}
		}
		if len(marks) == 1 {
			break
		}
	}
	return ctx.Err()
}

// Why parts cannot be mended.
var (
	errAnotherLog = errors.New("a part of them is of another log")
	// errCut: somebody has deleted a stream, or its beginning. The log as a whole still has all of it.
	errCut = errors.New("a stream cannot be read whole any more")
)

// giveUp has the views made again.
func (f *Follower) giveUp(ctx context.Context, mark eventstore.Position, why error) error {
	f.logger.Warn("the views cannot be mended; rebuilding", "checkpoint", mark.String(), "error", why.Error())
	f.ready.Store(false)
	return f.writer.Wipe(ctx)
}

// until is how many events of a batch stand up to a position.
func until(batch []eventstore.Recorded, mark eventstore.Position) int {
	for n, e := range batch {
		if mark.Before(e.Position) {
			return n
		}
	}
	return len(batch)
}

// replay takes the states as the log has them up to a position, where load asks the views.
func (f *Follower) replay(ctx context.Context, at eventstore.Position, parts []part) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(mendReads)
	for i := range parts {
		p := &parts[i]
		var kept bool
		if p.state, kept = f.cache.Get(p.stream); kept {
			continue
		}
		work.Go(func() (err error) {
			p.state, err = f.history(ctx, at, p)
			return err
		})
	}
	return work.Wait()
}

// history folds a stream up to a position, which is to be all that stands before the part's events.
func (f *Follower) history(ctx context.Context, at eventstore.Position, p *part) (folded, error) {
	found, err := restored(p.projection, p.stream, nil)
	if err != nil {
		return folded{}, err
	}
	next := eventstore.Revision(0)
	for e, err := range f.log.ReadStream(ctx, p.stream, 0) {
		if errors.Is(err, eventstore.ErrInvalid) || err == nil && e.Revision != next {
			return folded{}, fmt.Errorf("%w: %s", errCut, p.stream)
		}
		if err != nil {
			return folded{}, err
		}
		if at.Before(e.Position) {
			break
		}
		next++
		if e.IsSystem() {
			continue
		}
		if found.state, _, err = p.projection.evolve(found.state, e); err != nil {
			return folded{}, fmt.Errorf("stream %s revision %d: %w", e.Stream, e.Revision, err)
		}
		found.rows = p.projection.rows(idOf(p.projection, p.stream), found.state)
	}
	if next != p.events[0].Revision {
		return folded{}, fmt.Errorf("%w: %s", errCut, p.stream)
	}
	return found, nil
}
