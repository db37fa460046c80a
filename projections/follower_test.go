package projections

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

var errViews = errors.New("views are broken")

func failing(call string) func(string) error {
	return func(now string) error {
		if now == call {
			return errViews
		}
		return nil
	}
}

// held lets calls of one kind wait until release.
func held(call string) (hook func(string) error, release func()) {
	open := make(chan struct{})
	return func(now string) error {
		if now == call {
			<-open
		}
		return nil
	}, func() { close(open) }
}

func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	gate := Gate{views, f}
	must(t, f.Await(t.Context(), eventstore.Position{}))
	for n := 1; n <= 100; n++ {
		at := recordOrder(t, store, n, placed(n, "p", "d"))
		must(t, f.Await(t.Context(), at))
		if o, ok, err := (Orders{gate}).Get(t.Context(), orderNumber(n)); err != nil || !ok || o.PK != int64(n) {
			t.Fatalf("order %d: %+v, %v, %v", n, o, ok, err)
		}
		if _, total, err := (Orders{gate}).Of(t.Context(), qa.PatientSide, "p", Window{0, 1}); err != nil || total != n {
			t.Fatalf("%d orders listed, %v; want %d", total, err, n)
		}
	}
	if _, events, failures, err := f.Status(); events != 100 || failures != 0 || err != nil {
		t.Errorf("%d events, %d failures, %v", events, failures, err)
	}
}

func TestAwaitIsBounded(t *testing.T) {
	t.Parallel()
	f, _ := startFollower(t, memory.New(), newViews())
	began := time.Now()
	err := f.Await(t.Context(), eventstore.Position{Commit: 1 << 40, Prepare: 1 << 40})
	if took := time.Since(began); !errors.Is(err, ErrLagging) || took < AwaitLimit || took > 3*AwaitLimit {
		t.Errorf("%v after %s, want %v after %s", err, took, ErrLagging, AwaitLimit)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Await(ctx, eventstore.Position{Commit: 1 << 40}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if f.await.awaited() { // for ever, by a server that looks every 2 ms as long as somebody waits
		t.Error("who has gone is still waited for")
	}
}

func TestFailingViewsAnswerAtOnceAndRecover(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	must(t, f.Await(t.Context(), recordOrder(t, store, 1, placed(1, "p", "d"))))
	views.setHook(failing("commit"))
	at := recordOrder(t, store, 2, placed(2, "p", "d"))
	if err := f.Await(t.Context(), at); !errors.Is(err, ErrLagging) { // sends away who waits when it fails
		t.Errorf("await: %v, want %v", err, ErrLagging)
	}
	eventually(t, "the follower has tried three times", func() bool { return views.count("commit") >= 4 })
	if _, _, failures, _ := f.Status(); failures < 2 {
		t.Errorf("%d failures", failures)
	}
	views.setHook(nil)
	eventually(t, "views are true again", func() bool { return f.Await(t.Context(), at) == nil })
	if _, _, _, err := f.Status(); err != nil {
		t.Errorf("status %v", err)
	}
	if got, want := views.dump(), built(t, store).dump(); got != want {
		t.Errorf("views\n%s, want\n%s", got, want)
	}
}

func TestNobodyWaitsForViewsThatFail(t *testing.T) {
	f := NewFollower(memory.New(), newViews(), nil, quiet, time.Now)
	f.failed(errViews)
	began := time.Now()
	for range 100 {
		if err := f.Await(t.Context(), eventstore.Position{Commit: 1}); !errors.Is(err, ErrLagging) {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > AwaitLimit {
		t.Errorf("100 calls took %s", took)
	}
	if _, _, _, err := f.Status(); err == nil || err.Error() != errViews.Error() {
		t.Errorf("status %v, want %v", err, errViews)
	}
}

func TestWaitersAreToldInOneStep(t *testing.T) {
	var a awaiting
	position := func(n uint64) eventstore.Position { return eventstore.Position{Commit: n, Prepare: n} }
	first, second, third := a.join(position(1)), a.join(position(2)), a.join(position(3))
	a.reached(position(2))
	if ok1, ok2 := <-first, <-second; !ok1 || !ok2 || len(third) != 0 || len(a.waiters) != 1 {
		t.Errorf("told %v %v %d, %d wait", ok1, ok2, len(third), len(a.waiters))
	}
	if a.join(position(2)) != nil {
		t.Error("who asks for what is reached waits")
	}
	a.fail()
	if ok := <-third; ok || len(a.waiters) != 0 {
		t.Errorf("told %v, %d wait", ok, len(a.waiters))
	}
	if ok := <-a.join(position(1)); ok {
		t.Error("who comes while the views fail is told that they are true")
	}
	a.reached(position(2))
	if a.join(position(1)) != nil {
		t.Error("the failure stays")
	}
}

func TestBackoffGrows(t *testing.T) {
	t.Parallel()
	views := newViews()
	views.setHook(failing("checkpoint"))
	began := time.Now()
	startFollower(t, memory.New(), views)
	eventually(t, "four attempts", func() bool { return views.count("checkpoint") >= 4 })
	if took := time.Since(began); took < 7*retryMin { // 1 + 2 + 4
		t.Errorf("four attempts in %s: it does not back off", took)
	}
}

func TestWipeWhileIdleIsNoticedAndRebuilt(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	gate := Gate{views, f}
	var at eventstore.Position
	for n := range 20 {
		at = recordOrder(t, store, n+1, placed(n+1, "p", "d"))
	}
	must(t, f.Await(t.Context(), at))
	want := views.dump()
	hook, release := held("commit")
	views.setHook(hook)
	commits := views.count("commit")
	must(t, views.Wipe(t.Context()))
	isLagging(t, gate, "wiped, not noticed")
	eventually(t, "the rebuild begins", func() bool { return views.count("commit") > commits })
	isLagging(t, gate, "rebuild has begun")
	if _, _, _, err := f.Status(); !errors.Is(err, ErrLagging) {
		t.Errorf("status while rebuilding: %v", err)
	}
	release()
	eventually(t, "the gate opens", func() bool { _, err := gate.Get(t.Context(), "x"); return err == nil })
	if got := views.dump(); got != want {
		t.Errorf("views\n%s, want\n%s", got, want)
	}
}

func isLagging(t *testing.T, gate Gate, when string) {
	t.Helper()
	if _, err := gate.Get(t.Context(), "x"); !errors.Is(err, ErrLagging) {
		t.Errorf("%s: get %v, want %v", when, err, ErrLagging)
	}
	if _, err := gate.Page(t.Context(), "x", Cut{Limit: 1, NewestFirst: true}); !errors.Is(err, ErrLagging) {
		t.Errorf("%s: page %v, want %v", when, err, ErrLagging)
	}
}

func TestGateIsShutUntilTheFirstBuildIsDone(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	recordOrder(t, store, 1, placed(1, "p", "d"))
	isLagging(t, Gate{views, NewFollower(store, views, nil, quiet, time.Now)}, "not running")
	hook, release := held("commit")
	views.setHook(hook)
	f, _ := startFollower(t, store, views)
	gate := Gate{views, f}
	eventually(t, "the first commit", func() bool { return views.count("commit") > 0 })
	isLagging(t, gate, "building")
	release()
	eventually(t, "the gate opens", func() bool {
		_, err := gate.Page(t.Context(), "orders/patient/p", Cut{Limit: 1, NewestFirst: true})
		return err == nil
	})
	if page, err := gate.Page(t.Context(), "orders/patient/p", Cut{Limit: 9, NewestFirst: true}); err != nil || page.Total != 1 {
		t.Errorf("page %+v, %v", page, err)
	}
}

func TestGateTellsTheViewsErrors(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	must(t, f.Await(t.Context(), recordOrder(t, store, 1, placed(1, "p", "d"))))
	eventually(t, "the gate opens", func() bool { _, err := (Gate{views, f}).Get(t.Context(), "x"); return err == nil })
	views.setHook(failing("get"))
	if _, err := (Gate{views, f}).Get(t.Context(), "x"); !errors.Is(err, errViews) {
		t.Errorf("get: %v, want %v", err, errViews)
	}
}

func TestViewsOfAnotherLogAreWiped(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	recordOrder(t, store, 1, placed(1, "p", "d"))
	foreign := []Op{{Kind: Put, Key: "qaorder-9", Value: []byte("{}")}, {Kind: List, Key: "orders/patient/p", Member: "9"}}
	must(t, views.Commit(t.Context(), Batch{To: eventstore.Position{Commit: 1 << 40, Prepare: 1 << 40}, Ops: foreign}))
	f, _ := startFollower(t, store, views)
	want := built(t, store).dump()
	eventually(t, "the views are this log's", func() bool { return views.dump() == want })
	if views.count("wipe") != 1 {
		t.Errorf("wiped %d times", views.count("wipe"))
	}
	must(t, f.Await(t.Context(), recordOrder(t, store, 2, placed(2, "p", "d"))))
}

func TestFollowerGoesOnFromTheCheckpoint(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, stop := startFollower(t, store, views)
	must(t, f.Await(t.Context(), recordOrder(t, store, 1, placed(1, "p", "d"))))
	stop()
	recordOrder(t, store, 1, qa.OrderCancelled{By: "p", At: t0})
	at := recordOrder(t, store, 2, placed(2, "p", "d"))
	f, _ = startFollower(t, store, views)
	must(t, f.Await(t.Context(), at))
	if _, events, _, _ := f.Status(); events != 2 {
		t.Errorf("%d events read, want 2: those after the checkpoint", events)
	}
	if got, want := views.dump(), built(t, store).dump(); got != want {
		t.Errorf("views\n%s, want\n%s", got, want)
	}
}

// TestTwoFollowersOnOneView: each loses commits to the other and goes on from the checkpoint.
func TestTwoFollowersOnOneView(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	startFollower(t, store, views)
	startFollower(t, store, views)
	for n := 1; n <= 30; n++ {
		recordOrder(t, store, n, placed(n, "p", "d"))
		if n%10 == 0 {
			recordOrder(t, store, n-5, qa.OrderCancelled{By: "p", At: t0})
		}
	}
	want := built(t, store).dump()
	eventually(t, "views hold it all", func() bool { return views.dump() == want })
}

func TestEventThatNobodyKnowsStopsTheViewsAndSaysSo(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	must(t, f.Await(t.Context(), recordOrder(t, store, 1, placed(1, "p", "d"))))
	was := views.dump()
	unheard := eventstore.Event{ID: uuid.New(), Type: "Unheard", Data: []byte("{}"), Metadata: eventstore.Metadata{Schema: 1}.Encode()}
	_, err := store.Append(t.Context(), "qaorder-"+orderNumber(1), 0, []eventstore.Event{unheard})
	must(t, err)
	eventually(t, "the status says so", func() bool {
		_, _, _, err := f.Status()
		return err != nil && strings.Contains(err.Error(), "revision 1") && strings.Contains(err.Error(), "Unheard")
	})
	if views.dump() != was {
		t.Error("the views moved past an event that they do not hold")
	}
}

// TestSystemEventsAreLeftOut: whoever deletes a stream at the store puts a tombstone into it, which is no event of ours.
// The log keeps it for ever, so views that stopped there could never be made again.
func TestSystemEventsAreLeftOut(t *testing.T) {
	t.Parallel()
	store, views, logs := memory.New(), newViews(), new(bytes.Buffer)
	f := NewFollower(store, views, All(periods), slog.New(slog.NewTextHandler(logs, nil)), time.Now)
	stop := runFollower(t, f)
	must(t, f.Await(t.Context(), recordOrder(t, store, 1, placed(1, "p", "d"))))
	_, want, _ := strings.Cut(views.dump(), "\n") // all but the checkpoint
	must(t, f.Await(t.Context(), bury(t, store, "qaorder-"+orderNumber(1), 0)))
	must(t, f.Await(t.Context(), bury(t, store, "qaorder-"+orderNumber(2), eventstore.NoStream)))
	if _, got, _ := strings.Cut(views.dump(), "\n"); got != want {
		t.Errorf("after the tombstones\n%s\nwant\n%s", got, want)
	}
	must(t, f.Await(t.Context(), bury(t, store, "sequence-order", eventstore.NoStream))) // nobody projects it
	must(t, f.Await(t.Context(), recordOrder(t, store, 3, placed(3, "p", "d"))))
	stop()
	if got, want := views.dump(), built(t, store).dump(); got != want {
		t.Errorf("views\n%s, rebuilt\n%s", got, want)
	}
	if told := strings.Count(logs.String(), "$streamDeleted"); told != 2 || f.stats.Skipped.Load() != 2 || !strings.Contains(logs.String(), "stream=qaorder-"+orderNumber(1)) {
		t.Errorf("told of %d events, counted %d, want 2:\n%s", told, f.stats.Skipped.Load(), logs)
	}
}

// bury puts a tombstone into a stream, as EventStoreDB does.
func bury(t *testing.T, store *memory.Store, stream string, last eventstore.Revision) eventstore.Position {
	t.Helper()
	receipt, err := store.Append(t.Context(), stream, last, []eventstore.Event{{ID: uuid.New(), Type: "$streamDeleted", Data: []byte("{}")}})
	must(t, err)
	return receipt.Position
}

func TestStreamsThatAreNotProjectedOnlyMoveTheCheckpoint(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	receipt, err := store.Append(t.Context(), "sequence-order", eventstore.NoStream, []eventstore.Event{{ID: uuid.New(), Type: "Anything", Data: []byte("x")}})
	must(t, err)
	must(t, f.Await(t.Context(), receipt.Position))
	if got, want := views.dump(), "at "+receipt.Position.String()+"\n"; got != want {
		t.Errorf("views %q, want %q", got, want)
	}
}
