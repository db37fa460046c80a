package viewtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/memory"
	"orderengine/projections"
)

// RunLive runs the suite of views that are built anew while they serve; place is as of [RunGenerations].
func RunLive(t *testing.T, place func(t *testing.T) (open func(version int) projections.Generations)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, w *world)
	}{
		{"RebuildUnderLoad", testRebuildUnderLoad},
		{"RebuildRightsWhatIsWrong", testRebuildRights},
		{"RebuildOfViewsThatCannotBeFollowed", testRebuildBroken},
		{"InterruptedRebuildGoesOn", testInterruptedRebuild},
		{"NewVersion", testNewVersion},
		{"NewVersionThatCannotReadTheOld", testUnreadableVersion},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newWorld(t, place(t))) })
	}
}

// RunShared runs the suite of views that several servers have together; place gives the lease of who projects a
// version, too.
func RunShared(t *testing.T, place func(t *testing.T) (open func(version int) projections.Generations, lease func(version int) projections.Lease)) {
	for name, test := range map[string]func(t *testing.T, w *world){
		"RebuildUnderLoad": testSharedRebuild, "NewVersionBesideServersOfTheOld": testRollingUpdate,
	} {
		t.Run(name, func(t *testing.T) {
			places, leases := place(t)
			w := newWorld(t, places)
			w.leases = leases
			test(t, w)
		})
	}
}

// world is a log with views of it.
type world struct {
	t       *testing.T
	log     *memory.Store
	places  func(version int) projections.Generations
	leases  func(version int) projections.Lease // nil if each server is alone
	orders  atomic.Int64
	servers int
}

func newWorld(t *testing.T, places func(version int) projections.Generations) *world {
	return &world{t: t, log: memory.New(), places: places}
}

// server is one process that serves the views.
type server struct {
	*projections.Live
	g    projections.Generations
	stop func()
	// held has the follower of the second set that was opened wait before each batch; see [world.serve].
	held chan struct{}
}

// serve runs a server of a version that reads those from readable on. With hold, what it builds beside the first set
// waits until held is closed.
func (w *world) serve(version, readable int, hold bool) *server {
	w.t.Helper()
	s := &server{g: w.places(version), held: make(chan struct{})}
	if !hold {
		close(s.held)
	}
	opened := 0
	follow := func(v projections.Views) *projections.Follower {
		if opened++; opened == 2 && hold {
			v = heldViews{v, s.held}
		}
		return projections.NewFollower(w.log, v, projections.All(process.Defaults), slog.New(slog.DiscardHandler), time.Now)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	lead := w.leadership(ctx, version, &work)
	live, err := projections.OpenLive(w.t.Context(), projections.LiveOptions{Log: w.log, Generations: s.g, Follow: follow, Lead: lead,
		Version: version, Readable: readable, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	s.Live = live
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("it ended with %v", err)
		}
		work.Wait()
		if err := live.Close(); err != nil {
			w.t.Errorf("close: %v", err)
		}
	})
	w.t.Cleanup(s.stop)
	return s
}

// leadership has a server of a version take part in the choice of who projects that, and gives what it takes part with
// in those of others; nil if it is alone.
func (w *world) leadership(ctx context.Context, version int, work *sync.WaitGroup) (lead func(version int) *projections.Leadership) {
	if w.leases == nil {
		return nil
	}
	w.servers++
	holder := fmt.Sprint("server-", w.servers)
	campaign := func(version int) *projections.Leadership {
		return projections.NewLeadership(w.leases(version), fmt.Sprint("v", version), holder, slog.New(slog.DiscardHandler))
	}
	own := campaign(version)
	work.Go(func() { _ = own.Run(ctx) })
	return func(of int) *projections.Leadership {
		if of == version {
			return own
		}
		return campaign(of)
	}
}

// heldViews take no batch until they are let.
type heldViews struct {
	projections.Views
	let <-chan struct{}
}

func (v heldViews) Commit(ctx context.Context, b projections.Batch) error {
	select {
	case <-v.let:
		return v.Views.Commit(ctx, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// eventually polls until a condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

func (w *world) awaitReady(s *server) {
	w.t.Helper()
	w.eventually("ready", func() bool { _, _, _, err := s.Status(); return err == nil })
}

func (w *world) awaitServing(s *server, g projections.Generation) {
	w.t.Helper()
	w.eventually(g.String()+" serves", func() bool {
		p, err := s.Progress(w.t.Context())
		building, _ := s.Building()
		return err == nil && p.Lineup == serving(g) && building == projections.Generation{}
	})
}

// The indexes of what the doctor "d" and the patient "p" have.
const (
	doctorsOrders  = "orders/doctor/d"
	patientsOrders = "orders/patient/p"
)

func number(n int64) string { return fmt.Sprintf("%026d", n) }

// place appends the events of a new order of the patient with the doctor "d", and gives its number.
func (w *world) place(patient string) (string, eventstore.Position) {
	n := w.orders.Add(1)
	at := time.Date(2026, 1, 1, 0, 0, int(n), 0, time.UTC)
	no := number(n)
	return no, w.append(qa.Category+"-"+no, eventstore.NoStream,
		qa.OrderPlaced{Number: no, PK: n, Patient: patient, Doctor: "d", Type: qa.Online, Amount: 1500, At: at})
}

func (w *world) cancel(no string) eventstore.Position {
	return w.append(qa.Category+"-"+no, 0, qa.OrderCancelled{At: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
}

func (w *world) append(stream string, expected eventstore.Revision, event qa.Event) eventstore.Position {
	name, schema, data, err := qa.Codec.Encode(event)
	if err != nil {
		w.t.Error(err)
	}
	stored := eventstore.Event{ID: uuid.New(), Type: name, Data: data, Metadata: eventstore.Metadata{Schema: schema, Occurred: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}.Encode()}
	receipt, err := w.log.Append(w.t.Context(), stream, expected, []eventstore.Event{stored})
	if err != nil {
		w.t.Error(err)
	}
	return receipt.Position
}

// listed are how many orders the patient sees.
func (w *world) listed(s *server, patient string) (int, error) {
	_, total, err := projections.Orders{Views: s}.Of(w.t.Context(), qa.PatientSide, patient, projections.Window{Limit: 10})
	return total, err
}

// load has patients place orders and look at them until it is stopped: through one server and then, at once, through
// the next. No read may fail, and none may show less than an answered one did before.
func (w *world) load(servers ...*server) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	var all atomic.Int64 // the most that anybody has seen of the doctor's orders
	for i := range 4 {
		patient := fmt.Sprint("patient", i)
		work.Go(func() {
			for mine := 1; ctx.Err() == nil; mine++ {
				no, at := w.place(patient)
				if err := await(w.t.Context(), servers[mine%len(servers)], at, len(servers) > 1); err != nil {
					w.t.Errorf("await %s: %v", at, err)
					return
				}
				s := servers[(mine+1)%len(servers)]
				docs, err := s.Get(w.t.Context(), qa.Category+"-"+no)
				if err != nil || docs.Values[0] == nil {
					w.t.Errorf("order %s at %s is read as %q at %s, %v", no, at, docs.Values, docs.At, err)
					return
				}
				if n, err := w.listed(s, patient); err != nil || n != mine {
					w.t.Errorf("%s lists %d orders of %d: %v", patient, n, mine, err)
					return
				}
			}
		})
	}
	for i := range 2 {
		work.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				before := all.Load()
				page, err := servers[n%len(servers)].Page(w.t.Context(), doctorsOrders, projections.Cut{Limit: 1, NewestFirst: true})
				if err != nil || int64(page.Total) < before {
					w.t.Errorf("the doctor lists %d orders, after %d: %v", page.Total, before, err)
					return
				}
				for seen := before; seen < int64(page.Total) && !all.CompareAndSwap(seen, int64(page.Total)); seen = all.Load() {
				}
			}
		})
	}
	return func() { cancel(); work.Wait() }
}

// await waits for a position. A follower that has lost a commit to another server's sends its waiters away; they
// come again.
func await(ctx context.Context, s *server, at eventstore.Position, shared bool) error {
	for end := time.Now().Add(time.Minute); ; {
		err := s.Await(ctx, at)
		if !shared || !errors.Is(err, projections.ErrLagging) || time.Now().After(end) {
			return err
		}
	}
}

// dump is all that the set that serves holds, read as the next process would.
func (w *world) dump(s *server) string {
	w.t.Helper()
	lineup, err := s.g.Lineup(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	s.stop()
	views := openSet(w.t, s.g, lineup.Serving)
	defer closeSet(w.t, views)
	var b bytes.Buffer
	if err := views.(Dumper).Dump(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func testRebuildUnderLoad(t *testing.T, w *world) {
	s := w.serve(2, 2, false)
	w.awaitReady(s)
	stop := w.load(s)
	for n := 1; n <= 5 && !t.Failed(); n++ {
		w.eventually("more orders", func() bool { return w.orders.Load() > int64(n*100) || t.Failed() })
		if err := s.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Rebuild(t.Context()); n == 1 && !errors.Is(err, projections.ErrRebuilding) {
			t.Errorf("a second rebuild: %v", err)
		}
		w.awaitServing(s, set(2, n))
	}
	stop()
	head, err := w.log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Await(t.Context(), head); err != nil {
		t.Fatal(err)
	}
	_, events, failures, err := s.Status()
	if n := uint64(w.orders.Load()); events < n || failures != 0 || err != nil {
		t.Errorf("%d events of %d were projected, %d failures, %v", events, n, failures, err)
	}
	rebuilt := w.dump(s)
	again := w.serve(2, 2, false)
	w.awaitReady(again)
	if err := again.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitServing(again, set(2, 6))
	if fresh := w.dump(again); fresh != rebuilt {
		t.Errorf("built anew they hold %d bytes, before %d", len(fresh), len(rebuilt))
	}
}

func testRebuildRights(t *testing.T, w *world) {
	first := w.serve(2, 2, false)
	no, _ := w.place("p")
	other, _ := w.place("p")
	at := w.cancel(other)
	w.awaitReady(first)
	if err := first.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	right := w.dump(first)
	damage(t, first.g, set(2, 0), at, put(qa.Category+"-"+no, `{}`), unlist(patientsOrders, number(1)), list(patientsOrders, "nonsense"))

	second := w.serve(2, 2, false)
	w.awaitReady(second)
	if docs, err := second.Get(t.Context(), qa.Category+"-"+no); err != nil || string(docs.Values[0]) != "{}" {
		t.Fatalf("the damage is %q, %v", docs.Values, err)
	}
	if err := second.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitServing(second, set(2, 1))
	if got := w.dump(second); got != right {
		t.Errorf("rebuilt\n%s\nwant\n%s", got, right)
	}
}

// damage changes a set that nobody has open, at its checkpoint.
func damage(t *testing.T, g projections.Generations, s projections.Generation, at eventstore.Position, ops ...projections.Op) {
	t.Helper()
	views := openSet(t, g, s)
	defer closeSet(t, views)
	commit(t, views, projections.Batch{From: at, To: at, Ops: ops})
}

// testRebuildBroken has views with a document that cannot be read: following fails for good, and a rebuild mends it.
func testRebuildBroken(t *testing.T, w *world) {
	first := w.serve(2, 2, false)
	no, at := w.place("p")
	if err := first.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	first.stop()
	damage(t, first.g, set(2, 0), at, put(qa.Category+"-"+no, `no JSON`))
	w.cancel(no)
	second := w.serve(2, 2, false)
	w.eventually("it fails", func() bool { _, _, failures, _ := second.Status(); return failures > 0 })
	if err := second.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitServing(second, set(2, 1))
	w.awaitReady(second)
	if n, err := w.listed(second, "p"); n != 1 || err != nil {
		t.Errorf("%d orders, %v", n, err)
	}
}

func testInterruptedRebuild(t *testing.T, w *world) {
	first := w.serve(2, 2, true)
	var at eventstore.Position
	for range 50 {
		_, at = w.place("p")
	}
	w.awaitReady(first)
	if err := first.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if err := first.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is built", func() bool { g, _ := first.Building(); return g == set(2, 1) })
	p, err := first.Progress(t.Context())
	if err != nil || p.Serving != set(2, 0) || p.Building != set(2, 1) || p.Head != at || !p.At.Before(p.Head) || p.Since.IsZero() {
		t.Errorf("progress %+v, %v", p, err)
	}
	first.stop()

	second := w.serve(2, 2, true)
	w.awaitReady(second)
	if err := second.Rebuild(t.Context()); !errors.Is(err, projections.ErrRebuilding) {
		t.Errorf("a rebuild beside the one that goes on: %v", err)
	}
	if n, err := w.listed(second, "p"); n != 50 || err != nil {
		t.Errorf("%d orders, %v", n, err)
	}
	close(second.held)
	w.awaitServing(second, set(2, 1))
	if n, err := w.listed(second, "p"); n != 50 || err != nil {
		t.Errorf("%d orders, %v", n, err)
	}
}

func testNewVersion(t *testing.T, w *world) {
	old := w.serve(2, 2, false)
	var at eventstore.Position
	for range 20 {
		_, at = w.place("p")
	}
	if err := old.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	old.stop()

	s := w.serve(3, 2, true)
	w.awaitReady(s)
	w.eventually("the new ones are built", func() bool { g, _ := s.Building(); return g == set(3, 0) })
	no, at := w.place("p")
	if err := s.Await(t.Context(), at); err != nil {
		t.Errorf("await while the old ones serve: %v", err)
	}
	if err := s.Await(t.Context(), w.cancel(no)); err != nil {
		t.Errorf("await while the old ones serve: %v", err)
	}
	if n, err := w.listed(s, "p"); n != 21 || err != nil {
		t.Errorf("%d orders, %v", n, err)
	}
	if err := s.Rebuild(t.Context()); !errors.Is(err, projections.ErrRebuilding) {
		t.Errorf("a rebuild beside that: %v", err)
	}
	close(s.held)
	w.awaitServing(s, set(3, 0))
	if n, err := w.listed(s, "p"); n != 21 || err != nil {
		t.Errorf("%d orders, %v", n, err)
	}
	w.eventually("the old ones are removed", func() bool {
		done, err := s.g.Tidy(t.Context(), serving(set(3, 0)))
		return done && err == nil
	})
	if former, err := w.places(2).Former(t.Context(), 1); err != nil || former != (projections.Generation{}) {
		t.Errorf("%s is still there, %v", former, err)
	}
}

// testUnreadableVersion has old views that the new queries cannot read: they answer that they lag until the new ones are built.
func testUnreadableVersion(t *testing.T, w *world) {
	old := w.serve(2, 2, false)
	_, at := w.place("p")
	if err := old.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	old.stop()
	s := w.serve(3, 3, false)
	for {
		n, err := w.listed(s, "p")
		if errors.Is(err, projections.ErrLagging) {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("%d orders, %v", n, err)
		}
		break
	}
	w.awaitServing(s, set(3, 0))
}

// testSharedRebuild has two servers with one set of views; each order is placed through one and looked for through
// the other.
func testSharedRebuild(t *testing.T, w *world) {
	a, b := w.serve(2, 2, false), w.serve(2, 2, false)
	w.awaitReady(a)
	w.awaitReady(b)
	stop := w.load(a, b)
	for n := 1; n <= 4 && !t.Failed(); n++ {
		w.eventually("more orders", func() bool { return w.orders.Load() > int64(n*40) || t.Failed() })
		asked := []*server{a, b}[n%2]
		if err := asked.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.awaitServing(a, set(2, n))
		w.awaitServing(b, set(2, n))
	}
	stop()
}

// testRollingUpdate has a server of a new version beside one of the old: each reads its own views.
func testRollingUpdate(t *testing.T, w *world) {
	old := w.serve(2, 2, false)
	_, at := w.place("p")
	if err := old.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	updated := w.serve(3, 2, false)
	w.awaitServing(updated, set(3, 0))
	for range 10 {
		_, at = w.place("p")
		for name, s := range map[string]*server{"old": old, "updated": updated} {
			if err := await(t.Context(), s, at, true); err != nil {
				t.Errorf("%s: await: %v", name, err)
			}
		}
	}
	for name, s := range map[string]*server{"old": old, "updated": updated} {
		if n, err := w.listed(s, "p"); n != 11 || err != nil {
			t.Errorf("%s: %d orders, %v", name, n, err)
		}
	}
	if err := old.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitServing(old, set(2, 1))
	w.awaitServing(updated, set(3, 0))
}
