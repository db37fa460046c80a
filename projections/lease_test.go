package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"orderengine/eventstore/memory"
)

var errLease = errors.New("the lease cannot be reached")

// memLease is a lease in memory; holders that are cut off cannot reach it.
type memLease struct {
	mu    sync.Mutex
	claim Claim
	until time.Time
	cut   map[string]bool
}

func (m *memLease) Claim(_ context.Context, holder string, ttl time.Duration) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut[holder] {
		return Claim{}, errLease
	}
	now := time.Now()
	if now.After(m.until) {
		m.claim = Claim{Holder: holder, Token: m.claim.Token + 1}
	}
	if m.claim.Holder == holder {
		m.until = now.Add(ttl)
	}
	claim := m.claim
	claim.Left = m.until.Sub(now)
	return claim, nil
}

func (m *memLease) Release(_ context.Context, holder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.claim.Holder == holder {
		m.until = time.Time{}
	}
	return nil
}

func (m *memLease) cutOff(holder string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = map[string]bool{holder: true}
}

// campaign runs a leadership until the test ends or it is stopped.
func campaign(t *testing.T, lease Lease, holder string) (l *Leadership, stop func()) {
	t.Helper()
	l = NewLeadership(lease, "test", holder, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = l.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return l, stop
}

func status(l *Leadership) LeaseStatus { s, _ := l.Status(); return s }

func TestOneLeadsAndTheNextAtOnceWhenItStops(t *testing.T) {
	t.Parallel()
	lease := new(memLease)
	first, stop := campaign(t, lease, "first")
	eventually(t, "the first leads", func() bool { return status(first).Leads })
	second, _ := campaign(t, lease, "second")
	eventually(t, "the second knows who leads", func() bool { return status(second).Holder == "first" })
	if s := status(second); s.Leads || s.Terms != 0 || s.Token != 1 {
		t.Errorf("the second's status: %+v", s)
	}
	began := time.Now()
	stop()
	eventually(t, "the second leads", func() bool { return status(second).Leads })
	if took := time.Since(began); took > leaseTTL/2 {
		t.Errorf("it took %s after the lease was given back", took)
	}
	if s := status(second); s.Terms != 1 || s.Token != 2 || status(first).Leads {
		t.Errorf("the second's status: %+v; the first leads: %t", s, status(first).Leads)
	}
}

// TestALeaderThatIsCutOffStopsBeforeAnotherLeads: at no moment do both think that they lead.
func TestALeaderThatIsCutOffStopsBeforeAnotherLeads(t *testing.T) {
	t.Parallel()
	lease := new(memLease)
	first, _ := campaign(t, lease, "first")
	eventually(t, "the first leads", func() bool { return status(first).Leads })
	second, _ := campaign(t, lease, "second")
	lease.cutOff("first")
	began := time.Now()
	eventually(t, "the second leads", func() bool {
		next := status(second).Leads
		if next && status(first).Leads {
			t.Fatal("two lead")
		}
		return next
	})
	if took := time.Since(began); took > leaseTTL+2*leaseEvery+time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := first.Status(); !errors.Is(err, errLease) {
		t.Errorf("the first's status: %v, want %v", err, errLease)
	}
}

func TestWhileRunsInEveryTerm(t *testing.T) {
	t.Parallel()
	lease := new(memLease)
	l, _ := campaign(t, lease, "me")
	var terms []uint64
	work := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	go func() {
		work <- l.While(ctx, func(ctx context.Context) error {
			terms = append(terms, status(l).Token)
			began <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-began
	lease.mu.Lock()
	lease.claim, lease.until = Claim{Holder: "another", Token: 7}, time.Now().Add(2*leaseEvery)
	lease.mu.Unlock()
	<-began // in the next term
	cancel()
	if err := <-work; !errors.Is(err, context.Canceled) || fmt.Sprint(terms) != "[1 8]" {
		t.Errorf("terms %v, %v", terms, err)
	}
	failure := errors.New("it ends by itself")
	if err := l.While(t.Context(), func(context.Context) error { return failure }); err != failure {
		t.Errorf("%v, want %v", err, failure)
	}
	if err := (*Leadership)(nil).While(t.Context(), func(context.Context) error { return failure }); err != failure {
		t.Errorf("alone: %v, want %v", err, failure)
	}
}

// TestWhoStoodStillLeadsNoLonger has a process go on after its lease has ended, before anything has told it so.
func TestWhoStoodStillLeadsNoLonger(t *testing.T) {
	t.Parallel()
	lease := new(memLease)
	l, stop := campaign(t, lease, "me")
	eventually(t, "it leads", func() bool { return status(l).Leads })
	if err := StillLeads(t.Context()); err != nil {
		t.Errorf("alone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_ = l.While(ctx, func(ctx context.Context) error {
		defer cancel()
		if err := StillLeads(ctx); err != nil {
			t.Errorf("in its term: %v", err)
		}
		lease.cutOff("me")
		l.mu.Lock()
		until := l.until
		l.until = time.Now().Add(leaseSpare / 2)
		l.mu.Unlock()
		if err := StillLeads(ctx); err == nil || ctx.Err() != nil {
			t.Errorf("at the end of its term: %v, %v", err, ctx.Err())
		}
		l.mu.Lock()
		l.until = until
		l.mu.Unlock()
		go stop()
		<-ctx.Done()
		if err := StillLeads(ctx); err == nil {
			t.Error("after its term it leads")
		}
		return ctx.Err()
	})
}

// TestTheLeaseIsKeptUntilTheWorkHasEnded gives it back only when what was begun under it cannot go on beside the next
// leader's.
func TestTheLeaseIsKeptUntilTheWorkHasEnded(t *testing.T) {
	t.Parallel()
	lease := new(memLease)
	l, stop := campaign(t, lease, "me")
	began, ending, end, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_ = l.While(ctx, func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			close(ending)
			<-end
			return ctx.Err()
		})
	}()
	<-began
	go func() { defer close(stopped); stop() }()
	<-ending
	if c, err := lease.Claim(ctx, "another", leaseTTL); err != nil || c.Holder != "me" {
		t.Errorf("the lease is %+v, %v, before the work has ended", c, err)
	}
	close(end)
	<-stopped
	if c, err := lease.Claim(ctx, "another", leaseTTL); err != nil || c.Holder != "another" {
		t.Errorf("the lease is %+v, %v, after the work has ended", c, err)
	}
}

// fencedViews are memViews that a leader with a lower token cannot write to.
type fencedViews struct {
	*memViews
	fence *uint64
	token uint64
}

func (v fencedViews) Fence(_ context.Context, token uint64) (Views, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if token < *v.fence {
		return nil, ErrStale
	}
	*v.fence = token
	v.token = token
	return v, nil
}

func (v fencedViews) Commit(ctx context.Context, b Batch) error {
	v.mu.Lock()
	stale := v.token < *v.fence
	v.mu.Unlock()
	if stale {
		return ErrStale
	}
	return v.memViews.Commit(ctx, b)
}

// TestReadYourWritesWhileAnotherLeads has two followers of one log on the same views: what is awaited at either is
// read there, before and after the lead goes over.
func TestReadYourWritesWhileAnotherLeads(t *testing.T) {
	t.Parallel()
	store, views, lease, fence := memory.New(), newViews(), new(memLease), new(uint64)
	var stops []func()
	var followers []*Follower
	for i := range 2 {
		l, stop := campaign(t, lease, fmt.Sprint(i))
		stops = append(stops, stop)
		f := NewFollower(store, fencedViews{memViews: views, fence: fence}, []Projection{orderProjection(periods)}, quiet, time.Now)
		f.Leadership = l
		followers = append(followers, f)
		runFollower(t, f)
	}
	order := 0
	write := func(f *Follower) {
		t.Helper()
		order++
		at := recordOrder(t, store, order, placed(order, "p", "d"))
		must(t, f.Await(t.Context(), at))
		if _, ok, err := (Orders{Gate{views, f}}).Get(t.Context(), orderNumber(order)); !ok || err != nil {
			t.Fatalf("order %d: %t, %v", order, ok, err)
		}
	}
	eventually(t, "one leads", func() bool { return status(followers[0].Leadership).Leads || status(followers[1].Leadership).Leads })
	for _, f := range followers {
		eventually(t, "it is ready", func() bool { return f.ready.Load() })
	}
	for range 50 {
		write(followers[0])
		write(followers[1])
	}
	leader, next := 0, 1
	if status(followers[1].Leadership).Leads {
		leader, next = 1, 0
	}
	looks := views.count("checkpoint")
	stops[leader]()
	for range 50 {
		write(followers[next])
		write(followers[leader]) // it goes on serving
	}
	if !status(followers[next].Leadership).Leads {
		t.Error("the other does not lead")
	}
	if n := views.count("checkpoint") - looks; n > 2000 {
		t.Errorf("%d looks at the checkpoint for 50 commands", n)
	}
	if got, want := views.dump(), built(t, store).dump(); got != want {
		t.Errorf("views\n%s, want\n%s", got, want)
	}
}

// TestWhatWasNotAwaitedIsNotReadBefore has a command answered without the views: until they have it, they are not read.
func TestWhatWasNotAwaitedIsNotReadBefore(t *testing.T) {
	t.Parallel()
	store, views := memory.New(), newViews()
	f, _ := startFollower(t, store, views)
	must(t, f.Await(t.Context(), recordOrder(t, store, 1, placed(1, "p", "d"))))
	hook, release := held("commit")
	views.setHook(hook)
	at := recordOrder(t, store, 2, placed(2, "p", "d"))
	if err := f.Await(t.Context(), at); !errors.Is(err, ErrLagging) {
		t.Fatalf("await: %v, want %v", err, ErrLagging)
	}
	isLagging(t, Gate{views, f}, "answered and not projected")
	release()
	eventually(t, "the order is read", func() bool {
		o, ok, err := (Orders{Gate{views, f}}).Get(t.Context(), orderNumber(2))
		return err == nil && ok && o.PK == 2
	})
	if got := f.await.position(); got.Before(at) {
		t.Errorf("read at %s, before %s", got, at)
	}
}
