package projections

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderengine/domain"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	t0    = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
)

var (
	periods = process.Defaults
	grace   = periods.Grace
)

// memViews are views in maps. Its hook runs before every call and may fail it, or hold it up.
type memViews struct {
	hook func(call string) error

	mu      sync.Mutex
	at      eventstore.Position
	docs    map[string][]byte
	indexes map[string]map[string]bool
	calls   map[string]int
}

func newViews() *memViews {
	return &memViews{docs: map[string][]byte{}, indexes: map[string]map[string]bool{}, calls: map[string]int{}}
}

func (v *memViews) enter(ctx context.Context, call string) error {
	v.mu.Lock()
	v.calls[call]++
	hook := v.hook
	v.mu.Unlock()
	if hook != nil {
		if err := hook(call); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (v *memViews) setHook(hook func(call string) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hook = hook
}

func (v *memViews) count(call string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[call]
}

func (v *memViews) Get(ctx context.Context, keys ...string) (Docs, error) {
	if err := v.enter(ctx, "get"); err != nil {
		return Docs{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = bytes.Clone(v.docs[key])
	}
	return Docs{values, v.at}, nil
}

func (v *memViews) Page(ctx context.Context, index string, cut Cut) (Page, error) {
	if err := v.enter(ctx, "page"); err != nil {
		return Page{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	members := slices.Sorted(maps.Keys(v.indexes[index]))
	total := len(members)
	if cut.NewestFirst {
		slices.Reverse(members)
	}
	members = members[min(cut.Offset, total):]
	page := Page{Members: members[:min(cut.Limit, len(members))], Total: total, At: v.at}
	if cut.Documents.Of != "" {
		for _, key := range cut.Documents.Keys(page.Members) {
			page.Values = append(page.Values, bytes.Clone(v.docs[key]))
		}
	}
	return page, nil
}

func (v *memViews) Range(ctx context.Context, index string, r Range) (Stretch, error) {
	if err := v.enter(ctx, "range"); err != nil {
		return Stretch{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	members := slices.DeleteFunc(slices.Sorted(maps.Keys(v.indexes[index])), func(m string) bool {
		return m < r.From || r.To != "" && m >= r.To
	})
	return Stretch{members[:min(r.Limit, len(members))], v.at}, nil
}

func (v *memViews) Checkpoint(ctx context.Context) (eventstore.Position, error) {
	if err := v.enter(ctx, "checkpoint"); err != nil {
		return eventstore.Position{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at, nil
}

func (v *memViews) Commit(ctx context.Context, b Batch) error {
	if err := v.enter(ctx, "commit"); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at != b.From {
		return ErrStale
	}
	for _, op := range b.Ops {
		if err := v.do(op); err != nil {
			return err
		}
	}
	v.at = b.To
	return nil
}

func (v *memViews) do(op Op) error {
	switch op.Kind {
	case Put:
		value, err := op.Document()
		if err != nil {
			return err
		}
		v.docs[op.Key] = bytes.Clone(value)
	case Delete:
		delete(v.docs, op.Key)
	case List:
		if v.indexes[op.Key] == nil {
			v.indexes[op.Key] = map[string]bool{}
		}
		v.indexes[op.Key][op.Member] = true
	case Unlist:
		delete(v.indexes[op.Key], op.Member)
		if len(v.indexes[op.Key]) == 0 {
			delete(v.indexes, op.Key)
		}
	}
	return nil
}

func (v *memViews) Wipe(ctx context.Context) error {
	if err := v.enter(ctx, "wipe"); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at, v.docs, v.indexes = eventstore.Position{}, map[string][]byte{}, map[string]map[string]bool{}
	return nil
}

// dump is all that the views hold.
func (v *memViews) dump() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	fmt.Fprintln(&b, "at", v.at)
	for _, key := range slices.Sorted(maps.Keys(v.docs)) {
		fmt.Fprintf(&b, "doc %s %s\n", key, v.docs[key])
	}
	for _, index := range slices.Sorted(maps.Keys(v.indexes)) {
		fmt.Fprintf(&b, "index %s %q\n", index, slices.Sorted(maps.Keys(v.indexes[index])))
	}
	return b.String()
}

// record appends events to a stream, as the decider would.
func record[E any](t interface {
	Helper()
	Fatal(...any)
}, store *memory.Store, codec *domain.Codec[E], stream string, events ...E) eventstore.Position {
	t.Helper()
	ctx := context.Background()
	revision := eventstore.NoStream
	for e, err := range store.ReadStream(ctx, stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		revision = e.Revision
	}
	var stored []eventstore.Event
	for _, event := range events {
		name, schema, data, err := codec.Encode(event)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, eventstore.Event{ID: uuid.New(), Type: name, Data: data, Metadata: eventstore.Metadata{Schema: schema, Occurred: t0}.Encode()})
	}
	receipt, err := store.Append(ctx, stream, revision, stored)
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Position
}

func orderNumber(n int) string { return fmt.Sprintf("%026d", n) }

// placed is the first event of order n, between a patient and a doctor.
func placed(n int, patient, doctor string) qa.Event {
	return qa.OrderPlaced{Number: orderNumber(n), PK: int64(n), Patient: patient, Doctor: doctor, Type: qa.Online, Amount: 1500, At: t0}
}

func recordOrder(t testing.TB, store *memory.Store, n int, events ...qa.Event) eventstore.Position {
	t.Helper()
	return record(t, store, qa.Codec, qa.Category+"-"+orderNumber(n), events...)
}

// startFollower runs a follower until the test, or what it returns, ends it.
func startFollower(t testing.TB, log Log, views Views) (f *Follower, stop func()) {
	t.Helper()
	f = NewFollower(log, views, All(periods), quiet, time.Now)
	return f, runFollower(t, f)
}

// runFollower runs a follower until the test ends or it is stopped.
func runFollower(t testing.TB, f *Follower) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("the follower ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// built are the views of a whole log.
func built(t testing.TB, store *memory.Store) *memViews {
	t.Helper()
	views := newViews()
	head, err := store.Head(t.Context())
	must(t, err)
	f, stop := startFollower(t, store, views)
	eventually(t, "views are built", func() bool { at, _, _, err := f.Status(); return err == nil && at == head })
	stop()
	return views
}
