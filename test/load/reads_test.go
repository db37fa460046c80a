package load

import (
	"fmt"
	"net/http"
	"testing"

	"orderengine/test/redistest"
)

// BenchmarkReads is the detail of an order and a list page of ten orders, all of them with question and answer,
// for 64 callers, against S, and G with the views in Redis, sending as many bytes. An iteration is one request.
func BenchmarkReads(b *testing.B) {
	for _, views := range []string{embeddedViews, redisViews} {
		for _, page := range []bool{false, true} {
			b.Run(fmt.Sprintf("views=%s/page=%v", views, page), func(b *testing.B) { benchmarkReads(b, views, page) })
		}
	}
}

func benchmarkReads(b *testing.B, views string, page bool) {
	const callers, ordersEach = 64, 20
	redis := ""
	if views == redisViews {
		redis = redistest.Start(b).URL()
		views = redis
	}
	server := startServer(b, views)
	people := server.makePeople(b, callers, 16)
	server.drive(b, people, callers, ordersEach*callers)

	const list = "/qaorder/order/patient/list/?status=5"
	paths := make([]string, callers) // each caller's own
	for i, patient := range people.patients {
		paths[i] = list
		if !page {
			paths[i] = "/qaorder/order/detail/" + between(server.must(b, patient.token, http.MethodGet, list, "", http.StatusOK), `"order_number":"`, `"`) + "/"
		}
	}
	read := func(caller, n int) {
		for range n {
			server.must(b, people.patients[caller].token, http.MethodGet, paths[caller], "", http.StatusOK)
		}
	}
	body := server.must(b, people.patients[0].token, http.MethodGet, paths[0], "", http.StatusOK)
	ceiling, unit := startCeiling(b, redis, len(body))
	requests := max(b.N, 200*callers)
	measure(callers, requests/10, read) // warm
	var of, rate, cpu, cpus []float64
	for range 5 {
		s := measure(callers, requests, func(caller, n int) {
			for range n {
				ceiling.must(b, people.patients[caller].token, http.MethodGet, "/static", "", http.StatusOK)
			}
		})
		m := measure(callers, requests, read)
		of, rate = append(of, m.rate()/s.rate()), append(rate, m.rate())
		cpu, cpus = append(cpu, m.cpuMicros()), append(cpus, s.cpuMicros())
	}
	b.ReportMetric(middle(rate), "req/s")
	b.ReportMetric(middle(of), "of-"+unit)
	b.ReportMetric(middle(cpu), "cpu-µs/req")
	b.ReportMetric(middle(cpus), unit+"-cpu-µs/req")
	b.ReportMetric(float64(len(body)), "bytes")
	b.ReportMetric(0, "ns/op")
}
