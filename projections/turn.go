package projections

import (
	"context"
	"time"

	"orderengine/eventstore"
)

const (
	lookBusy = 2 * time.Millisecond   // between looks at the leader's checkpoint while somebody waits for it
	lookIdle = 250 * time.Millisecond // while nobody does
)

// turn does what is this process's part until that is another: to project while it leads, and to look how far
// the leader is while another does. It ends with errTurn then.
func (f *Follower) turn(ctx context.Context) error {
	if f.Leadership == nil {
		return f.follow(ctx)
	}
	term, changed := f.Leadership.now()
	if term == nil {
		return f.look(ctx, changed)
	}
	ctx, stop := term.within(ctx)
	defer stop()
	err := f.lead(ctx, term.token)
	if context.Cause(ctx) == errTurn {
		return errTurn
	}
	return err
}

// lead follows the log. Whoever led before can commit no more.
func (f *Follower) lead(ctx context.Context, token uint64) error {
	if shared, ok := f.views.(Fencer); ok {
		writer, err := shared.Fence(ctx, token)
		if err != nil {
			return err
		}
		f.writer = writer
	}
	f.cache.Purge()
	if err := f.mend(ctx); err != nil {
		return err
	}
	return f.follow(ctx)
}

// look tells who waits how far the leader's checkpoint is: one look serves all who wait.
func (f *Follower) look(ctx context.Context, changed <-chan struct{}) error {
	head := eventstore.End // what the views must reach to be ready, if they are not
	unknown := !f.ready.Load()
	for {
		at, err := f.views.Checkpoint(ctx)
		if err != nil {
			return err
		}
		if at.Before(f.await.position()) {
			f.ready.Store(false)
			f.logger.Info("views are behind what they were; the leader makes them again", "checkpoint", at.String())
			unknown = true
		}
		if unknown {
			if head, err = f.log.Head(ctx); err != nil {
				return err
			}
			unknown = false
		}
		f.reached(at, head)
		if err := f.pause(ctx, changed); err != nil {
			return err
		}
	}
}

// pause waits for the time of the next look.
func (f *Follower) pause(ctx context.Context, changed <-chan struct{}) error {
	wait, joined := lookIdle, f.await.joined
	if f.await.awaited() {
		wait, joined = lookBusy, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-joined:
	case <-changed:
		return errTurn
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
