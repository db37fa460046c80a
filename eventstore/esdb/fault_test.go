package esdb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

const patience = 30 * time.Second // of every wait in these tests

// until polls a condition.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for began := time.Now(); !reached(); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func event() eventstore.Event {
	return eventstore.Event{ID: uuid.New(), Type: "Tested", Data: []byte(`{"n":1}`), Metadata: []byte(`{"schema":1}`)}
}

func revisions(t *testing.T, s eventstore.StreamReader, stream string) (ids []uuid.UUID) {
	t.Helper()
	for e, err := range s.ReadStream(t.Context(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// TestClusterThatIsNotThereYet opens a store of nobody, which fails its calls, and works when there is somebody.
func TestClusterThatIsNotThereYet(t *testing.T) {
	c := serve(t, memory.New())
	c.stop()
	s, err := Open(connectionString(c.addr), Options{Logger: quiet, Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Append(t.Context(), "a-1", eventstore.NoStream, []eventstore.Event{event()}); !errors.Is(err, eventstore.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	if _, err := s.Head(t.Context()); !errors.Is(err, eventstore.ErrUnavailable) {
		t.Errorf("head: %v, want ErrUnavailable", err)
	}
	for _, err := range s.ReadStream(t.Context(), "a-1", 0) {
		if !errors.Is(err, eventstore.ErrUnavailable) {
			t.Errorf("read: %v, want ErrUnavailable", err)
		}
	}
	followed := make(chan error, 1)
	go func() {
		for batch, err := range s.Follow(t.Context(), eventstore.Position{}) {
			if err == nil && batch[0].Stream != "a-1" {
				err = fmt.Errorf("event of %s", batch[0].Stream)
			}
			followed <- err
			return
		}
	}()
	c.start()
	until(t, "append", func() bool {
		_, err := s.Append(t.Context(), "a-1", eventstore.NoStream, []eventstore.Event{event()})
		return err == nil
	})
	if err := <-followed; err != nil {
		t.Errorf("follower: %v", err)
	}
}

// TestReadsAreTheLeadersToAnswer: a node that lags would show the log as shorter than it is, and the views, which hold
// more, as those of another log.
func TestReadsAreTheLeadersToAnswer(t *testing.T) {
	asked := make(chan []string, 100)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if method, _ := grpc.MethodFromServerStream(stream); strings.HasSuffix(method, "/Read") {
			wants, _ := metadata.FromIncomingContext(stream.Context())
			asked <- wants.Get("requires-leader")
		}
		return status.Error(codes.Unimplemented, "it only listens")
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Stop()
	s := open(t, listener.Addr().String())
	for what, read := range map[string]func() error{
		"head": func() error { _, err := s.Head(t.Context()); return err },
		"stream": func() error {
			for _, err := range s.ReadStream(t.Context(), "a-1", 0) {
				return err
			}
			return nil
		},
	} {
		if err := read(); err == nil {
			t.Errorf("%s: no error", what)
		}
		if wants := <-asked; !slices.Equal(wants, []string{"true"}) {
			t.Errorf("%s: it requires a leader: %q", what, wants)
		}
	}
}

// counting counts the log lines that contain a text.
type counting struct {
	slog.Handler
	text string
	n    *atomic.Int64
}

func (c counting) Enabled(context.Context, slog.Level) bool { return true }

func (c counting) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, c.text) {
		c.n.Add(1)
	}
	return nil
}

// TestClientsThatEndForGood: each client that finds no node has ended; a follower goes on with the one that does.
func TestClientsThatEndForGood(t *testing.T) {
	c := serve(t, memory.New())
	var discoveries atomic.Int64
	s, err := Open(connectionString(c.addr), Options{Logger: slog.New(counting{slog.DiscardHandler, "discovery attempt", &discoveries}), Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := make(chan eventstore.Revision, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for batch, err := range s.Follow(ctx, eventstore.Position{}) {
			for _, e := range batch {
				seen <- e.Revision
			}
			if err != nil && ctx.Err() == nil {
				t.Errorf("follower: %v", err)
			}
		}
	}()
	for outage := range eventstore.Revision(3) {
		until(t, "append", func() bool {
			_, err := s.Append(t.Context(), "a-1", outage-1, []eventstore.Event{event()})
			return err == nil
		})
		if got := <-seen; got != outage {
			t.Fatalf("follower saw revision %d, want %d", got, outage)
		}
		c.stop()
		before := discoveries.Load()
		until(t, "four clients that found nobody", func() bool { return discoveries.Load() >= before+4 })
		c.start()
	}
	cancel()
	<-ended
	if ids := revisions(t, c.backing, "a-1"); len(ids) != 3 {
		t.Errorf("%d events, want 3", len(ids))
	}
}

// silent is a log that, as a cluster's, says nothing to who follows after its end.
type silent struct{ *memory.Store }

func (s silent) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[[]eventstore.Recorded, error] {
	if head, err := s.Head(ctx); err != nil || !head.Before(after) {
		return s.Store.Follow(ctx, after)
	}
	return func(yield func([]eventstore.Recorded, error) bool) {
		<-ctx.Done()
		yield(nil, ctx.Err())
	}
}

// holding is a log of some orders' events, and system events after them.
func holding(t *testing.T, orders, system int) silent {
	t.Helper()
	s := silent{memory.New()}
	for n := range orders + system {
		stream := fmt.Sprintf("order-%d", n)
		if n >= orders {
			stream = fmt.Sprintf("esdb-$system-%d", n)
		}
		if _, err := s.Append(t.Context(), stream, eventstore.NoStream, []eventstore.Event{event()}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestAClusterThatWasPutBack while it was followed: that it lacks events is said, and none that it takes then is left out.
func TestAClusterThatWasPutBack(t *testing.T) {
	for name, c := range map[string]struct {
		before, after silent
		want          error
	}{
		"orders are gone":                 {holding(t, 3, 0), holding(t, 2, 0), eventstore.ErrInvalid},
		"only the cluster's own are gone": {holding(t, 3, 2*window), holding(t, 3, 0), nil},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := serve(t, c.before)
			s := open(t, cluster.addr)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			first := eventstore.Position{Commit: 64, Prepare: 64}
			for batch, err := range s.Follow(ctx, first) {
				if err != nil || batch[len(batch)-1].Stream == "order-3" {
					if !errors.Is(err, c.want) {
						t.Errorf("it ends with %v, want %v", err, c.want)
					}
					return
				}
				if batch[len(batch)-1].Stream != "order-2" {
					continue
				}
				time.Sleep(20 * time.Millisecond) // the cluster says meanwhile how far it has looked
				cluster.stop()
				cluster.backing = c.after
				cluster.start()
				if c.want == nil {
					if _, err := s.Append(ctx, "order-3", eventstore.NoStream, []eventstore.Event{event()}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// proxy stands before a cluster and cuts connections.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	deaf     bool // what clients say is lost
	mute     bool // what the cluster says is lost
	conns    []net.Conn
	pumps    sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target}
	p.pumps.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			p.join(near)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.pumps.Wait()
	})
	return p
}

func (p *proxy) join(near net.Conn) {
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = near.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, near, far)
	p.mu.Unlock()
	p.pumps.Go(func() { p.pump(far, near, &p.deaf) })
	p.pumps.Go(func() { p.pump(near, far, &p.mute) })
}

func (p *proxy) pump(to, from net.Conn, lost *bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		drop := *lost
		p.mu.Unlock()
		if err == nil && !drop {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

func (p *proxy) set(deaf, mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf, p.mute = deaf, mute
}

// cut ends all connections and lets new ones through.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns, p.deaf, p.mute = nil, false, false
}

// TestOutcomeThatWasNotHeard cuts the connection when the cluster has written and before it could say so, and
// when it has heard nothing. Both appends succeed, and write once.
func TestOutcomeThatWasNotHeard(t *testing.T) {
	for _, size := range []int{1, 3} {
		for _, written := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d,written=%v", size, written), func(t *testing.T) {
				c := serve(t, memory.New())
				p := newProxy(t, c.addr)
				s := open(t, p.listener.Addr().String())
				if _, err := s.Append(t.Context(), "a-1", eventstore.NoStream, []eventstore.Event{event()}); err != nil {
					t.Fatal(err)
				}
				want := make([]eventstore.Event, size)
				for i := range want {
					want[i] = event()
				}
				p.set(!written, written)
				type outcome struct {
					receipt eventstore.Receipt
					err     error
				}
				done := make(chan outcome, 1)
				go func() {
					receipt, err := s.Append(t.Context(), "a-1", 0, want)
					done <- outcome{receipt, err}
				}()
				if written {
					until(t, "written", func() bool { return len(revisions(t, c.backing, "a-1")) == 1+size })
				}
				p.cut()
				got := <-done
				ids := revisions(t, c.backing, "a-1")
				if got.err != nil || len(ids) != 1+size || ids[1] != want[0].ID {
					t.Fatalf("%+v, %v; the stream has %d events", got.receipt, got.err, len(ids))
				}
				if again, err := s.Append(t.Context(), "a-1", 0, want); err != nil || again != got.receipt {
					t.Errorf("again: %+v, %v, want %+v", again, err, got.receipt)
				}
			})
		}
	}
}

// TestCallerThatDoesNotWait: the outcome of an append whose caller has gone is looked up, or said to be unknown.
func TestCallerThatDoesNotWait(t *testing.T) {
	c := serve(t, memory.New())
	p := newProxy(t, c.addr)
	s := open(t, p.listener.Addr().String())
	if _, err := s.Append(t.Context(), "a-1", eventstore.NoStream, []eventstore.Event{event()}); err != nil {
		t.Fatal(err)
	}
	p.set(true, true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Append(ctx, "a-1", 0, []eventstore.Event{event()})
	if !errors.Is(err, eventstore.ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want ErrUnknownOutcome for the deadline", err)
	}
	p.cut()
}

// TestRestartsUnderLoad: what 32 callers were told is what the log holds, though the cluster went away meanwhile.
func TestRestartsUnderLoad(t *testing.T) {
	const callers, appends, restarts = 32, 60, 5
	c := serve(t, memory.New())
	s := open(t, c.addr)
	var done atomic.Int64
	var work sync.WaitGroup
	acknowledged := make([][]uuid.UUID, callers)
	for caller := range callers {
		work.Go(func() {
			stream := fmt.Sprintf("load-%d", caller)
			for n := range eventstore.Revision(appends) {
				e := event()
				for began := time.Now(); ; {
					receipt, err := s.Append(t.Context(), stream, n-1, []eventstore.Event{e})
					if err == nil {
						if receipt.Revision != n {
							t.Errorf("%s: revision %d, want %d", stream, receipt.Revision, n)
						}
						break
					}
					if !errors.Is(err, eventstore.ErrUnavailable) && !errors.Is(err, eventstore.ErrUnknownOutcome) || time.Since(began) > patience {
						t.Errorf("%s@%d: %v", stream, n, err)
						return
					}
				}
				acknowledged[caller] = append(acknowledged[caller], e.ID)
				done.Add(1)
			}
		})
	}
	for restart := range int64(restarts) {
		until(t, "load", func() bool { return done.Load() >= (restart+1)*callers*appends/(restarts+2) || t.Failed() })
		c.stop()
		c.start()
	}
	work.Wait()
	for caller, want := range acknowledged {
		got := revisions(t, c.backing, fmt.Sprintf("load-%d", caller))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("caller %d was told of %d events, the log has %d", caller, len(want), len(got))
		}
	}
}

func TestConnectionStringsThatAreWrong(t *testing.T) {
	for _, wrong := range []string{"", "http://x", "esdb://", "esdb://admin:hunter2@h ost", "esdb://h?userCertFile=x", "esdb://admin:hunter2@h:x"} {
		s, err := Open(wrong, Options{Logger: quiet})
		if err == nil {
			t.Errorf("%q was taken", wrong)
			_ = s.Close()
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error tells the password: %v", wrong, err)
		}
	}
}

// TestSystemStreamsAreNotSeen has metadata and deletions of another client in the log.
func TestSystemStreamsAreNotSeen(t *testing.T) {
	backing := memory.New()
	c := serve(t, backing)
	s := open(t, c.addr)
	receipt, err := s.Append(t.Context(), "a-1", eventstore.NoStream, []eventstore.Event{event()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backing.Append(t.Context(), "esdb-$$a-1", eventstore.NoStream, []eventstore.Event{event()}); err != nil {
		t.Fatal(err)
	}
	if head, err := s.Head(t.Context()); err != nil || head != receipt.Position {
		t.Errorf("head %v, %v, want %v", head, err, receipt.Position)
	}
	after, err := s.Append(t.Context(), "a-1", 0, []eventstore.Event{event()})
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range s.Follow(t.Context(), receipt.Position) {
		if err != nil || len(batch) != 1 || batch[0].Position != after.Position {
			t.Errorf("followed %+v, %v", batch, err)
		}
		break
	}
	for _, err := range s.Follow(t.Context(), eventstore.Position{Commit: 1 << 40, Prepare: 1 << 40}) {
		if !errors.Is(err, eventstore.ErrInvalid) {
			t.Errorf("follow after the head: %v, want ErrInvalid", err)
		}
	}
}
