package load

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// BenchmarkReplay is the whole log over HTTP, as an auditor gets it.
func BenchmarkReplay(b *testing.B) {
	s := startServer(b, embeddedViews)
	s.makeHospital(b)
	const orders = 20_000
	s.importOrders(b, "2026-01-15", 0, orders)
	head := 0
	var rates []float64
	for range 5 {
		began := time.Now()
		r, err := http.NewRequest(http.MethodGet, s.base+"/replay/events", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Token audit")
		response, err := s.client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		head = 0
		buffer := make([]byte, 64<<10)
		for {
			n, err := response.Body.Read(buffer)
			for _, c := range buffer[:n] {
				if c == '\n' {
					head++
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		response.Body.Close()
		if head < orders || response.StatusCode != http.StatusOK {
			b.Fatal(fmt.Sprint(response.StatusCode, " with ", head, " events"))
		}
		rates = append(rates, float64(head)/time.Since(began).Seconds())
	}
	b.ReportMetric(middle(rates), "events/s")
	b.ReportMetric(float64(head), "events")
	b.ReportMetric(0, "ns/op")
}
