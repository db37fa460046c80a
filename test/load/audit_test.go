package load

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/storetest"
)

// longOrder is the number of an order whose refund nobody could carry out for a long time: it has many events.
const longOrder = "00000000000000000000000001"

// holdLong writes an order with so many events.
func holdLong(b *testing.B, dir string, events int) {
	b.Helper()
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	refund := payment.RefundIntent{No: longOrder + "R1", Ref: "ch_1", Channel: payment.WX, Amount: 1500, Reason: "by request", At: at}
	all := []qa.Event{
		qa.OrderPlaced{Number: longOrder, PK: 1, Patient: "p0", PatientPK: 1, Doctor: "d0", Type: qa.Online, Amount: 1500, At: at},
		payment.OrderPaid{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_1", Amount: 1500, At: at}},
		qa.OrderCancelled{By: "p0", Reason: "by request", At: at},
		payment.RefundRequested{RefundIntent: refund},
	}
	for n := len(all); n < events; n++ {
		all = append(all, payment.RefundDelayed{No: refund.No, Why: fmt.Sprintf("try %d: the platform is down", n), At: at.Add(time.Duration(n) * time.Second)})
	}
	store, err := embedded.Open(dir, embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	stored := ofOneCommand(b, qa.Codec, at, "p0", all...)
	for n := 0; n < len(stored); n += 100 {
		if _, err := store.Append(context.Background(), qa.Category+"-"+longOrder, eventstore.Revision(n-1), stored[n:min(n+100, len(stored))]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHistory is the history of an order with 1,000 events over HTTP, as JSON, and the order as it was in the middle of
// it. An iteration is one call.
func BenchmarkHistory(b *testing.B) {
	const events = 1000
	dir := b.TempDir()
	holdLong(b, filepath.Join(dir, "log"), events)
	s := openServer(b, dir, embeddedViews)
	defer s.stop(b)
	s.awaitReady(b)
	for name, query := range map[string]string{"events=1000": "", "as-of=500": "?revision=500"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s.must(b, "audit", http.MethodGet, "/audit/orders/"+longOrder+"/history/"+query, "", http.StatusOK)
			}
		})
	}
}

// BenchmarkSearch is a page of a search over HTTP among many orders: by user, who has one in a thousand; by number of the
// payment; in a short time; and by a state that none has, up to where one call ends. An iteration is one call.
// ORDERS sets another number of orders.
func BenchmarkSearch(b *testing.B) {
	for _, orders := range ordersToHold(b, 200_000) {
		dir := b.TempDir()
		hold(b, filepath.Join(dir, "log"), orders, held)
		s := openServer(b, dir, embeddedViews)
		s.awaitReady(b)
		storetest.AwaitIdle()
		first := between(s.must(b, "audit", http.MethodGet, "/audit/orders/?page_size=1", "", http.StatusOK), `"order_no":"`, `"`)
		at := between(s.must(b, "audit", http.MethodGet, "/audit/orders/?number="+first, "", http.StatusOK), `"create_time":"`, `"`)
		for _, c := range []struct{ name, query string }{
			{"user", "user=p7"}, {"channel", "channel_no=ch_" + first}, {"time", "from=" + at}, {"state", "state=evaluated"},
		} {
			b.Run(fmt.Sprintf("orders=%d/by=%s", orders, c.name), func(b *testing.B) {
				for b.Loop() {
					s.must(b, "audit", http.MethodGet, "/audit/orders/?"+c.query, "", http.StatusOK)
				}
			})
		}
		s.stop(b)
	}
}
