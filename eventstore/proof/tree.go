package proof

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/transparency-dev/merkle/compact"

	"orderengine/eventstore"
)

// ErrBehind: the tree does not have the event yet, or cannot be read. Answer 503 with Retry-After.
var ErrBehind = errors.New("the tree is behind the log")

// ErrFewer: the tree does not have so many events. If it had them once, the log was rolled back, or the tree is being
// made again.
var ErrFewer = errors.New("the tree has fewer events")

var errUnchecked = fmt.Errorf("%w: the log was not compared with it yet", ErrBehind)

// Options change how a tree works; the zero value of each field means its default.
type Options struct {
	// Logger hears of failures; [slog.Default] by default.
	Logger *slog.Logger
	// CheckpointEvents is after how many events a checkpoint is signed; 1000 by default.
	CheckpointEvents uint64
	// CheckpointEvery is after which time one is, if the tree has grown; 10 s by default.
	CheckpointEvery time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CheckpointEvents == 0 {
		o.CheckpointEvents = 1000
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = 10 * time.Second
	}
	return o
}

// Tree is the Merkle tree over a log, in a folder of its own. [Tree.Run] keeps it up with the log; it is safe for use by
// many goroutines. Its folder can be deleted with nothing lost but the old checkpoints: it is made again from the log.
type Tree struct {
	folder folder
	log    eventstore.Log
	key    Key
	o      Options

	mu      sync.Mutex
	state   state
	leaves  *compact.Range // the first state.size ones
	signed  uint64         // size of the newest checkpoint
	checked bool           // the log held the last leaf when Run began: nothing is signed before
	failure error          // why it is not kept up
	broken  bool           // failure is of the log: nothing more is signed
	changed chan struct{}  // closed when any of these changes; nil while nobody waits

	life   sync.RWMutex // held for reading while the folder is used, for writing to close it
	closed bool
}

// Open opens the tree in the folder dir, and makes it if there is none. It fails with [ErrLocked] or [ErrDamaged], or with
// what the file system says. Whether it is the log's is found out by [Tree.Run].
func Open(dir string, log eventstore.Log, key Key, options Options) (*Tree, error) {
	o := options.withDefaults()
	f, err := openFolder(dir, false, o.Logger)
	if err != nil {
		return nil, err
	}
	t := &Tree{folder: f, log: log, key: key, o: o}
	if err := t.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("tree in %s: %w", dir, err), f.db.Close())
	}
	return t, nil
}

// load reads what is committed.
func (t *Tree) load() (err error) {
	if t.state, err = t.folder.state(); err != nil {
		return err
	}
	if t.leaves, err = prefix(t.folder, t.state.size); err != nil {
		return err
	}
	t.signed, err = t.folder.signed()
	return err
}

// Close waits for the calls under way and frees the folder. Call it after Run has returned.
func (t *Tree) Close() error {
	t.life.Lock()
	defer t.life.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	return errors.Join(t.folder.db.Flush(), t.folder.db.Close())
}

// use keeps the folder open until the function it returns is called.
func (t *Tree) use() (release func(), err error) {
	t.life.RLock()
	if t.closed {
		t.life.RUnlock()
		return nil, fmt.Errorf("%w: it is closed", ErrBehind)
	}
	return t.life.RUnlock, nil
}

// Status is the number of events in the tree, the position of the last one, the size of the newest checkpoint, and
// an error while the tree is not kept up; one that wraps [ErrRolledBack] or [ErrInconsistent] stays.
func (t *Tree) Status() (size uint64, at eventstore.Position, signed uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure == nil && !t.checked {
		return t.state.size, t.state.at, t.signed, errUnchecked
	}
	return t.state.size, t.state.at, t.signed, t.failure
}

// Key is the verifier key of what the tree signs.
func (t *Tree) Key() string { return t.key.Public() }

const (
	retryMin = 100 * time.Millisecond // between attempts after an error
	retryMax = 5 * time.Second
)

// Run follows the log until ctx ends. If the log was rolled back or changed it stops following and signing, says so in
// the log and in [Tree.Status], and waits for ctx to end: what was signed is still served.
func (t *Tree) Run(ctx context.Context) error {
	var ticking sync.WaitGroup
	ticking.Go(func() { t.signInTime(ctx) })
	defer ticking.Wait()
	for delay := retryMin; ; delay = min(2*delay, retryMax) {
		err := t.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := time.After(delay)
		if t.fail(err) {
			wait = nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fail notes why the tree is not kept up, and says whether that is for good.
func (t *Tree) fail(err error) (forGood bool) {
	forGood = errors.Is(err, ErrRolledBack) || errors.Is(err, ErrInconsistent)
	if forGood {
		t.o.Logger.Error("the log is not the one that was signed; nothing more is signed", "error", err.Error())
	} else {
		t.o.Logger.Warn("following the log into the tree failed; trying again", "error", err.Error())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failure, t.broken = err, forGood
	t.wake()
	return forGood
}

// wake tells who waits; the caller holds mu.
func (t *Tree) wake() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// follow begins at the last leaf and returns at the first error.
func (t *Tree) follow(ctx context.Context) error {
	if err := t.checkLog(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	after := t.state.at
	t.failure, t.checked = nil, true
	t.wake()
	t.mu.Unlock()
	for batch, err := range t.log.Follow(ctx, after) {
		if err == nil {
			err = t.add(batch)
		}
		if err != nil {
			return err
		}
		if len(batch) < fullBatch {
			pause(ctx)
		}
	}
	return ctx.Err()
}

// Nobody waits for the tree but auditors, and an event that is taken in with a hundred others costs half of one that is
// taken in with a few: after a small batch the next ones may gather.
const (
	gatherTime = 5 * time.Millisecond
	fullBatch  = 256 // events
)

func pause(ctx context.Context) {
	select {
	case <-time.After(gatherTime):
	case <-ctx.Done():
	}
}

// whatToDo is the same for both ways in which a log can be another than the signed one.
const whatToDo = "; stop the server, keep the data folder as evidence, and compare it with backups: " +
	"orderctl check names the first position that differs. To go on with this log all the same, move the folder tree away: old checkpoints will not agree with new ones"

// checkLog finds out whether the log still holds what the tree was made of.
func (t *Tree) checkLog(ctx context.Context) error {
	t.mu.Lock()
	now := t.state
	t.mu.Unlock()
	if now.size == 0 {
		return nil
	}
	head, err := t.log.Head(ctx)
	if err != nil {
		return err
	}
	if head.Before(now.at) {
		return fmt.Errorf("%w: it ends at position %s, but %d events up to position %s were taken in%s", ErrRolledBack, head, now.size, now.at, whatToDo)
	}
	before, err := t.folder.before(now.at)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for batch, err := range t.log.Follow(ctx, before) {
		if err != nil {
			return err
		}
		if e := batch[0]; e.Position != now.at || !slices.Equal(LeafHash(&e), now.last) {
			return fmt.Errorf("%w: at position %s stands %s@%d, which is not event %d as it was taken in%s", ErrInconsistent, e.Position, e.Stream, e.Revision, now.size, whatToDo)
		}
		return nil
	}
	return ctx.Err()
}

// add takes events in: their leaves, the nodes that they complete and the state are committed together.
func (t *Tree) add(batch []eventstore.Recorded) error {
	release, err := t.use()
	if err != nil {
		return err
	}
	defer release()
	t.mu.Lock()
	defer t.mu.Unlock()
	leaves, err := ranges.NewRange(0, t.state.size, slices.Clone(t.leaves.Hashes()))
	if err != nil {
		return err
	}
	write := t.folder.db.NewBatch()
	defer write.Close() // the next one gets its memory
	next, err := grow(write, leaves, batch)
	if err != nil {
		return err
	}
	if err := write.Commit(pebble.NoSync); err != nil {
		return err
	}
	t.state, t.leaves = next, leaves
	t.wake()
	if t.state.size-t.signed >= t.o.CheckpointEvents {
		return t.sign()
	}
	return nil
}

// grow adds the leaves of events to a range, and writes what is new.
func grow(write *pebble.Batch, leaves *compact.Range, events []eventstore.Recorded) (next state, err error) {
	var wrong error
	visit := func(id compact.NodeID, hash []byte) {
		wrong = errors.Join(wrong, write.Set(nodeKey(id), hash, nil))
	}
	var h leafHasher
	for i := range events {
		e := &events[i]
		next = state{leaves.End() + 1, e.Position, h.hash(e)}
		wrong = errors.Join(wrong, write.Set(positionKey(e.Position), binary.BigEndian.AppendUint64(nil, leaves.End()), nil))
		if err := errors.Join(wrong, leaves.Append(next.last, visit)); err != nil {
			return state{}, err
		}
	}
	return next, errors.Join(wrong, write.Set(stateKey, next.encode(), nil))
}

// Consistency proves that the first from events of the tree of the first to are those of a tree of from. It fails with
// [ErrFewer] if the tree does not reach so far, and with [eventstore.ErrInvalid] if there is no such proof.
func (t *Tree) Consistency(from, to uint64) ([][]byte, error) {
	release, err := t.use()
	if err != nil {
		return nil, err
	}
	defer release()
	size, _, _, _ := t.Status()
	if from > to {
		return nil, fmt.Errorf("%w: from %d to %d", eventstore.ErrInvalid, from, to)
	}
	if to > size {
		return nil, fmt.Errorf("%w: %d, not %d", ErrFewer, size, to)
	}
	if from == 0 {
		return nil, nil
	}
	return consistency(t.folder, from, to)
}

// await returns when the tree has the event at a position, or when it fails, or the context ends: then with [ErrBehind].
func (t *Tree) await(ctx context.Context, at eventstore.Position) error {
	for {
		t.mu.Lock()
		there, failure := t.checked && !t.state.at.Before(at), t.failure
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		if there {
			return nil
		}
		if failure != nil {
			return fmt.Errorf("%w: %w", ErrBehind, failure)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBehind, ctx.Err())
		}
	}
}
