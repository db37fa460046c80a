package load

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"orderengine/eventstore/storetest"
	"orderengine/test/redistest"
)

// step is one request of an order's life; the path and body may name the order and the question.
type step struct {
	doctor bool // who sends it
	method string
	path   string
	body   string
	status int
}

// lifecycle is an order's whole life over HTTP, one request after another.
var lifecycle = []step{
	{false, http.MethodPost, "/qaorder/order/create/", "order_type=online&doctor={doctor}", http.StatusCreated},
	{false, http.MethodPatch, "/qaorder/order/pay/{number}/", "channel=balance", http.StatusOK},
	{false, http.MethodPost, "/qaorder/question/create/", "order={number}&allergy_history=none&smoke_history=none&condition_description=a+cough+for+two+weeks&desc_files=http%3A%2F%2F123.jpg", http.StatusCreated},
	{true, http.MethodPost, "/qaorder/answer/create/", "question={question}&diagnosis_result=rest+and+drink+a+lot&extra_suggestion=fresh+air", http.StatusCreated},
	{false, http.MethodPut, "/qaorder/order/finish/{number}/", "", http.StatusOK},
	{false, http.MethodPut, "/qaorder/order/evaluate/{number}/", "scores=5&content=good", http.StatusOK},
}

// BenchmarkLifecycle is an order's whole life, durable and with read-your-writes on, against S, and G with the
// views in Redis. An iteration is one request.
func BenchmarkLifecycle(b *testing.B) {
	for _, views := range []string{embeddedViews, redisViews} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("views=%s/callers=%d", views, callers), func(b *testing.B) {
				benchmarkLifecycle(b, views, callers)
			})
		}
	}
}

// replyBytes is about the size of the lifecycle's replies.
const replyBytes = 1100

func benchmarkLifecycle(b *testing.B, views string, callers int) {
	redis := ""
	if views == redisViews {
		redis = redistest.Start(b).URL()
		views = redis
	}
	ceiling, unit := startCeiling(b, redis, replyBytes)
	server := startServer(b, views)
	people := server.makePeople(b, 64, 16)
	server.drive(b, people, callers, 20*callers) // warm
	var rate, rates, cpu, cpus, median []float64
	requests := max(b.N, 2000, callers*len(lifecycle)*32)
	for range 3 {
		s := measure(callers, requests, func(caller, n int) { ceiling.requests(b, n) })
		m := measure(callers, requests/len(lifecycle), func(caller, n int) {
			for range n {
				server.live(b, people, caller)
			}
		})
		m.requests *= len(lifecycle)
		rate, rates = append(rate, m.rate()), append(rates, s.rate())
		cpu, cpus = append(cpu, m.cpuMicros()), append(cpus, s.cpuMicros())
		median = append(median, server.median())
	}
	b.ReportMetric(middle(rate), "req/s")
	b.ReportMetric(middle(rates), unit+"-req/s")
	b.ReportMetric(middle(rate)/middle(rates), "of-"+unit)
	b.ReportMetric(middle(cpu), "cpu-µs/req")
	b.ReportMetric(middle(cpus), unit+"-cpu-µs/req")
	b.ReportMetric(middle(median), "p50-µs")
	b.ReportMetric(0, "ns/op")
}

// measured is one phase of a benchmark.
type measured struct {
	requests int
	wall     time.Duration
	cpu      time.Duration
}

func (m measured) rate() float64      { return float64(m.requests) / m.wall.Seconds() }
func (m measured) cpuMicros() float64 { return float64(m.cpu.Microseconds()) / float64(m.requests) }

// measure shares total pieces of work among callers and measures the whole.
func measure(callers, total int, work func(caller, n int)) measured {
	before, began := storetest.ProcessorTime(), time.Now()
	var done sync.WaitGroup
	each := max(1, total/callers)
	for caller := range callers {
		done.Go(func() { work(caller, each) })
	}
	done.Wait()
	return measured{requests: each * callers, wall: time.Since(began), cpu: storetest.ProcessorTime() - before}
}

func middle(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}
