package proof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
)

// signInTime signs what nobody else has within the time of the settings.
func (t *Tree) signInTime(ctx context.Context) {
	tick := time.NewTicker(t.o.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, _, err := t.head(); err != nil && !said(err) {
			t.o.Logger.Error("a checkpoint could not be signed", "error", err.Error())
		}
	}
}

// said is an error that was logged when it came, or is none yet: an empty log.
func said(err error) bool {
	return errors.Is(err, ErrBehind) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrRolledBack) || errors.Is(err, ErrInconsistent)
}

// sign signs the tree as it is, unless that is done or nothing may be signed; the caller holds mu.
func (t *Tree) sign() error {
	if t.broken || !t.checked || t.state.size == t.signed {
		return nil
	}
	root, err := rootOf(t.leaves)
	if err != nil {
		return err
	}
	_, err = t.put(Checkpoint{t.state.size, root})
	return err
}

// put signs a checkpoint and keeps it; the caller holds mu.
func (t *Tree) put(c Checkpoint) (signed []byte, err error) {
	if signed, err = t.key.sign(c); err != nil {
		return nil, err
	}
	if err := t.folder.db.Set(checkpointKey(c.Size), signed, pebble.NoSync); err != nil {
		return nil, err
	}
	t.signed = max(t.signed, c.Size)
	return signed, nil
}

// head signs the tree as it is and gives the newest checkpoint with the state it is of.
func (t *Tree) head() (signed []byte, of state, err error) {
	release, err := t.use()
	if err != nil {
		return nil, state{}, err
	}
	defer release()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken {
		return nil, state{}, t.failure
	}
	if !t.checked {
		return nil, state{}, errUnchecked
	}
	if err := t.sign(); err != nil {
		return nil, state{}, err
	}
	signed, found, err := t.folder.checkpoint(t.signed)
	if err == nil && !found {
		err = fmt.Errorf("%w: nothing was signed yet", ErrNotFound)
	}
	return signed, t.state, err
}

// Latest is the newest checkpoint that was signed. It fails with [ErrNotFound] while there is none.
func (t *Tree) Latest() ([]byte, error) {
	_, _, size, _ := t.Status()
	return t.Checkpoint(size)
}

// Checkpoint is the one of a size, which is signed now if it was not. A note tells no time, so it does not matter when,
// nor which of the servers of one log and one key signs it. It fails with [ErrNotFound] if the tree has fewer events.
func (t *Tree) Checkpoint(size uint64) ([]byte, error) {
	release, err := t.use()
	if err != nil {
		return nil, err
	}
	defer release()
	signed, found, err := t.folder.checkpoint(size)
	if err != nil || found {
		return signed, err
	}
	if grown, _, _, _ := t.Status(); size == 0 || size > grown {
		return nil, fmt.Errorf("%w: the tree has %d events, not %d", ErrNotFound, grown, size)
	}
	signed, _, err = t.signAt(size)
	return signed, err
}

// CheckpointAt signs the log up to the event at a position, for which it waits as long as ctx lasts: a copy of the log
// that ends there is held against it. It fails with [ErrBehind], and with [ErrNotFound] if no event stands there.
func (t *Tree) CheckpointAt(ctx context.Context, at eventstore.Position) (signed []byte, c Checkpoint, err error) {
	if err := t.await(ctx, at); err != nil {
		return nil, c, err
	}
	release, err := t.use()
	if err != nil {
		return nil, c, err
	}
	defer release()
	index, found, err := t.folder.index(at)
	if err != nil || !found {
		return nil, c, cmp.Or(err, fmt.Errorf("%w: no event stands at position %s", ErrNotFound, at))
	}
	return t.signAt(index + 1)
}

// signAt signs the first size events of the tree.
func (t *Tree) signAt(size uint64) (signed []byte, c Checkpoint, err error) {
	c.Size = size
	if c.Root, err = rootAt(t.folder, size); err != nil {
		return nil, c, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken {
		return nil, c, t.failure
	}
	if !t.checked {
		return nil, c, errUnchecked
	}
	signed, err = t.put(c)
	return signed, c, err
}
