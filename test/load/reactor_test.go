package load

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/cmd/engine"
	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/projections"
	"orderengine/projections/embeddedview"
)

// stored are the stored forms of events.
func stored(b *testing.B, events ...qa.Event) []eventstore.Event {
	b.Helper()
	forms := make([]eventstore.Event, len(events))
	id := uuid.New()
	for i, e := range events {
		name, schema, data, err := qa.Codec.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		forms[i] = eventstore.Event{ID: eventstore.EventID(id, i), Type: name, Data: data, Metadata: eventstore.Metadata{Schema: schema}.Encode()}
	}
	return forms
}

// fillLog gives n orders a history, some at a time so that they share the disk's writes.
func fillLog(b *testing.B, dir string, n int, history func(number string, pk int64) []qa.Event) {
	b.Helper()
	log, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	const writers = 256
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for i := w; i < n; i += writers {
				number := qa.Number(time.Now(), int64(i), 3)
				if _, err := log.Append(context.Background(), qa.Category+"-"+number, eventstore.NoStream, stored(b, history(number, int64(i))...)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
}

// BenchmarkReactor measures how many sandbox refunds the server carries out in a second: from the moment that the
// log took the first RefundAccepted, durably, to the last.
func BenchmarkReactor(b *testing.B) {
	const refunds = 20_000
	for range b.N {
		dir := b.TempDir()
		now := time.Now()
		fillLog(b, dir, refunds, func(number string, pk int64) []qa.Event {
			receipt := payment.Receipt{Channel: payment.WX, Ref: "ch_" + number, Amount: 1500, At: now}
			return []qa.Event{
				qa.OrderPlaced{Number: number, PK: pk, Patient: "patient", PatientPK: 3, Doctor: "doctor", Type: qa.Online, Amount: 1500, At: now},
				payment.OrderPaid{Receipt: receipt}, qa.OrderCancelled{By: "patient", Reason: qa.ByRefund, At: now},
				payment.RefundRequested{RefundIntent: payment.RefundIntent{No: number + "R1", Ref: receipt.Ref, Channel: payment.WX, Amount: domain.Fen(1500), Reason: qa.ByRefund, At: now}},
			}
		})
		runUntil(b, dir, 5*refunds)
		first, last := accepted(b, dir)
		b.ReportMetric(refunds/last.Sub(first).Seconds(), "refunds/s")
	}
}

// runUntil runs the server until its views hold so many events.
func runUntil(b *testing.B, dir string, events float64) {
	b.Helper()
	config := engine.Defaults
	config.Addr, config.Data = "127.0.0.1:0", dir
	e, err := engine.Open(config, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, io.Discard) }()
	s := &server{base: "http://" + e.Addr(), client: newClient()}
	projected := func() (n float64) {
		_, _ = fmt.Sscan(between(s.must(b, "", http.MethodGet, "/metrics", "", http.StatusOK), "\norderd_follower_events_total ", "\n"), &n) // 0 without
		return n
	}
	for end := time.Now().Add(5 * time.Minute); projected() < events && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	s.client.CloseIdleConnections()
	if err := e.Close(); err != nil {
		b.Error(err)
	}
}

// accepted is when the first refund was accepted, and when the last.
func accepted(b *testing.B, dir string) (first, last time.Time) {
	b.Helper()
	log, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	head, err := log.Head(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for batch, err := range log.Follow(context.Background(), eventstore.Position{}) {
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range batch {
			if e.Type != "RefundAccepted" {
				continue
			}
			if last = e.Time; first.IsZero() {
				first = e.Time
			}
		}
		if !batch[len(batch)-1].Position.Before(head) {
			break
		}
	}
	return first, last
}

// looks passes on the reactor's looks at what is due and measures them.
type looks struct {
	projections.Reader
	took chan time.Duration
}

func (l looks) Page(ctx context.Context, index string, cut projections.Cut) (projections.Page, error) {
	began := time.Now()
	page, err := l.Reader.Page(ctx, index, cut)
	select {
	case l.took <- time.Since(began):
	case <-ctx.Done():
	}
	return page, err
}

// BenchmarkOpenTimeOuts measures the reactor's reading of what is due while none of so many time-outs is: the median
// of some looks, since there are five a second. A look reads a page of 256 at most, so 100 are less than one.
func BenchmarkOpenTimeOuts(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			now := time.Now()
			fillLog(b, dir, n, func(number string, pk int64) []qa.Event {
				return []qa.Event{qa.OrderPlaced{Number: number, PK: pk, Patient: "p", PatientPK: 3, Doctor: "d", Type: qa.Online, Amount: 1500, At: now}}
			})
			log, err := embedded.Open(filepath.Join(dir, "log"), embedded.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer log.Close()
			quiet := slog.New(slog.DiscardHandler)
			views, err := embeddedview.Open(filepath.Join(dir, "views"), embeddedview.Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer views.Close()
			ctx, stop := context.WithCancel(context.Background())
			follower := projections.NewFollower(log, views, projections.All(process.Defaults), quiet, time.Now)
			l := looks{projections.Gate{Views: views, Follower: follower}, make(chan time.Duration)}
			perform := func(context.Context, string) error { b.Error("nothing is due"); return nil }
			reactor := projections.NewReactor(l, perform, quiet, time.Now)
			var work sync.WaitGroup
			work.Go(func() { _ = follower.Run(ctx) })
			head, err := log.Head(ctx)
			if err != nil {
				b.Fatal(err)
			}
			for follower.Await(ctx, head) != nil {
			}
			work.Go(func() { _ = reactor.Run(ctx) })
			for range b.N {
				var took []time.Duration
				for range 25 {
					took = append(took, <-l.took)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs/look")
			}
			stop()
			work.Wait()
		})
	}
}
