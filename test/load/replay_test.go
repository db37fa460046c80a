package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"orderengine/eventstore/storetest"
)

// BenchmarkReplay is the whole log over HTTP, as an auditor gets it, of so many orders: how fast, and what a reply that is
// on its way holds in memory, half of it. ORDERS sets other numbers of them.
func BenchmarkReplay(b *testing.B) {
	for _, orders := range ordersToHold(b, 10_000, 250_000) {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			dir := b.TempDir()
			hold(b, filepath.Join(dir, "log"), orders, held)
			s := openServer(b, dir, embeddedViews)
			defer s.stop(b)
			s.awaitReady(b)
			storetest.AwaitIdle()
			var rates []float64
			events, size := 0, int64(0)
			for range 5 {
				began := time.Now()
				if events, size = s.replayed(b); events < orders*eventsAnOrder {
					b.Fatalf("%d events of %d orders", events, orders)
				}
				rates = append(rates, float64(events)/time.Since(began).Seconds())
			}
			b.ReportMetric(middle(rates), "events/s")
			b.ReportMetric(middle(rates)*float64(size)/float64(events)/1e6, "MB/s")
			b.ReportMetric(float64(events), "events")
			b.ReportMetric(heldMiB(b, func() *http.Response { return s.replay(b) }, size/2), "held-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// replay asks for the whole log; the caller closes the reply.
func (s *server) replay(b *testing.B) *http.Response {
	r, err := http.NewRequest(http.MethodGet, s.base+"/replay/events", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Token audit")
	response, err := s.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		b.Fatalf("replay: %d", response.StatusCode)
	}
	return response
}

// replayed reads the whole log and counts its events and bytes.
func (s *server) replayed(b *testing.B) (events int, size int64) {
	response := s.replay(b)
	defer response.Body.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := response.Body.Read(buffer)
		events, size = events+bytes.Count(buffer[:n], []byte("\n")), size+int64(n)
		if errors.Is(err, io.EOF) {
			return events, size
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
