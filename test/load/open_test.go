package load

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/eventstore"
	"orderengine/eventstore/storetest"
)

const (
	openHospital = "H001"
	openSecret   = "the-secret-of-the-benchmarks"
)

func (s *server) makeHospital(b *testing.B) {
	b.Helper()
	s.must(b, "admin", http.MethodPost, "/admin/hospitals/", "code="+openHospital+"&name=H&secret="+openSecret, http.StatusCreated)
}

// openCall is a call of the open interface, bare.
func openCall(method string, params ...string) string {
	var text strings.Builder
	text.WriteString(`<arg0><responseType>0</responseType><methodCode>` + method + `</methodCode><methodParams><secret>` + openSecret + `</secret>`)
	for i := 0; i < len(params); i += 2 {
		text.WriteString("<" + params[i] + ">" + params[i+1] + "</" + params[i] + ">")
	}
	text.WriteString(`</methodParams></arg0>`)
	return text.String()
}

// importOrders imports orders paid on a day, shared over its hours, in a file of its own; from tells files apart.
func (s *server) importOrders(b *testing.B, day string, from, n int) {
	b.Helper()
	var lines strings.Builder
	for i := from; i < from+n; i++ {
		second := (i - from) * 86_400 / n
		fmt.Fprintf(&lines, `{"hospital":"%s","kind":2,"amount":1500,"his_order_no":"HIS2026%08d","platform":1,"trade_mode":%d,`+
			`"pay_time":"%s %02d:%02d:%02d","agt_order_no":"42000018%012d","agt_trace_no":"%06d"}`+"\n",
			openHospital, i, 3+i%2, day, second/3600, second/60%60, second%60, i, i%1_000_000)
	}
	reply := s.must(b, "admin", http.MethodPost, "/admin/hospital-orders/import", lines.String(), http.StatusOK)
	if taken := between(reply, `"taken":`, ","); taken != fmt.Sprint(n) {
		b.Fatalf("%s of %d were taken: %.300s", taken, n, reply)
	}
	s.awaitReady(b)
}

func dayQuery(day string) string {
	return openCall("ordersQuery", "orderMode", "0", "tradeMode", "0", "startTime", day+" 00:00:00", "endTime", day+" 23:59:59")
}

// ask gives a reply as it comes; the caller closes it.
func (s *server) ask(b *testing.B, path, body string) *http.Response {
	response, err := s.client.Post(s.base+path, "text/xml", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d", path, response.StatusCode)
	}
	return response
}

// fetch reads a reply to its end and drops it.
func (s *server) fetch(b *testing.B, path, body string) int64 {
	response := s.ask(b, path, body)
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		b.Fatalf("%s: %v", path, err)
	}
	return n
}

// throughput is how many MB a second come in so many replies.
func (s *server) throughput(b *testing.B, path, body string, replies int) float64 {
	var bytes int64
	began := time.Now()
	for range replies {
		bytes += s.fetch(b, path, body)
	}
	return float64(bytes) / 1e6 / time.Since(began).Seconds()
}

// BenchmarkOpenQuery is ordersQuery of a day of so many orders, against M, echo sending the same bytes from memory.
func BenchmarkOpenQuery(b *testing.B) {
	const day = "2026-01-15"
	for _, rows := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := startServer(b, embeddedViews)
			s.makeHospital(b)
			began := time.Now()
			s.importOrders(b, day, 0, rows)
			b.ReportMetric(float64(rows)/time.Since(began).Seconds(), "imported-orders/s")
			query := dayQuery(day)
			body := s.must(b, "", http.MethodPost, "/open", query, http.StatusOK)
			memory := startEcho(b, func(c echo.Context) error { return c.Blob(http.StatusOK, "text/xml", body) })
			storetest.AwaitIdle()
			var mb, mbs []float64
			replies := 1_000_000 / rows
			for range 3 {
				mbs = append(mbs, memory.throughput(b, "/static", query, replies))
				mb = append(mb, s.throughput(b, "/open", query, replies))
			}
			b.ReportMetric(float64(len(body))/1e6, "MB")
			b.ReportMetric(middle(mb), "MB/s")
			b.ReportMetric(middle(mb)*float64(rows)/float64(len(body))*1e6, "rows/s")
			b.ReportMetric(middle(mbs), "M-MB/s")
			b.ReportMetric(middle(mb)/middle(mbs), "of-M")
			ask := func() *http.Response { return s.ask(b, "/open", query) }
			b.ReportMetric(heldMiB(b, ask, 1<<20), "held-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// heldMiB is what a reply holds in memory on its way: the client stops reading after so many bytes, so that the server
// stands still, and what is not in use any more is collected.
func heldMiB(b *testing.B, ask func() *http.Response, after int64) float64 {
	used := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	before := used()
	response := ask()
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, after); err != nil {
		b.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // until the buffers between the two are full
	held := used() - before
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		b.Fatal(err)
	}
	return held
}

// BenchmarkOpenDay is ordersQuery of a day of 2,000 orders, among others of the same hospital and month: it should cost
// the same however many they are. ORDERS sets other numbers of them.
func BenchmarkOpenDay(b *testing.B) {
	const day, rows = "2026-01-15", 2000
	for _, others := range ordersToHold(b, 0, 200_000) {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			dir := b.TempDir()
			hold(b, filepath.Join(dir, "log"), others, heldHospitalOrder)
			s := openServer(b, dir, embeddedViews)
			defer s.stop(b)
			s.awaitReady(b)
			s.makeHospital(b)
			s.importOrders(b, day, 0, rows)
			storetest.AwaitIdle()
			var took []float64
			for range 100 {
				began := time.Now()
				s.fetch(b, "/open", dayQuery(day))
				took = append(took, float64(time.Since(began).Microseconds()))
			}
			b.ReportMetric(middle(took), "p50-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// heldHospitalOrder is one paid order of any day of January 2026 but the 15th.
func heldHospitalOrder(b *testing.B, i int) (stream string, events []eventstore.Event) {
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, hospital.Zone)
	at := first.AddDate(0, 0, (15+i%30)%31).Add(time.Duration(i/30%86_400) * time.Second)
	number := hospital.Number(1, hospital.ForPayment, hospital.Outpatient, at, int64(i))
	e := hospital.HospitalOrderImported{
		Terms: hospital.Terms{Number: number, Hospital: openHospital, Kind: hospital.Outpatient, Amount: 1500,
			HisOrderNo: fmt.Sprintf("HELD2026%08d", i), Platform: 1, At: at},
		Receipt: payment.Receipt{Channel: payment.WX, Ref: fmt.Sprintf("42000018%012d", i), Amount: 1500, At: at},
		TraceNo: fmt.Sprintf("%06d", i%1_000_000),
	}
	return hospital.Category + "-" + number, ofOneCommand[hospital.Event](b, hospital.Codec, at, "import", e)
}

// BenchmarkOpenRefund is refundGeneral of orders paid from wallets, against P, the payment of the same orders by the
// command of the other API: both move money between the order and the wallet, durably and with read-your-writes.
func BenchmarkOpenRefund(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := startServer(b, embeddedViews)
			s.makeHospital(b)
			patients := s.makePeople(b, 64, 0).patients
			s.payAndRefund(b, patients, callers, 10, "warm")
			orders := map[int]int{1: 300, 64: 60}[callers]
			var pay, refund, payCPU, refundCPU []float64
			for round := range 3 {
				paid, refunded := s.payAndRefund(b, patients, callers, orders, fmt.Sprint(round))
				pay, payCPU = append(pay, paid.rate()), append(payCPU, paid.cpuMicros())
				refund, refundCPU = append(refund, refunded.rate()), append(refundCPU, refunded.cpuMicros())
			}
			b.ReportMetric(middle(refund), "req/s")
			b.ReportMetric(middle(pay), "P-req/s")
			b.ReportMetric(middle(refund)/middle(pay), "of-P")
			b.ReportMetric(middle(refundCPU), "cpu-µs/req")
			b.ReportMetric(middle(payCPU), "P-cpu-µs/req")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// payAndRefund makes so many orders a caller, pays them all, then gives all back.
func (s *server) payAndRefund(b *testing.B, patients []person, callers, orders int, name string) (paid, refunded measured) {
	numbers := make([][]string, callers)
	token := func(caller int) string { return patients[caller%len(patients)].token }
	measure(callers, callers*orders, func(caller, n int) {
		for i := range n {
			body := s.must(b, token(caller), http.MethodPost, "/hospital/order/create/",
				fmt.Sprintf("hospital=%s&kind=2&amount=600&platform=1&his_order_no=%s-%d-%d", openHospital, name, caller, i), http.StatusCreated)
			numbers[caller] = append(numbers[caller], between(body, `"order_no":"`, `"`))
		}
	})
	paid = measure(callers, callers*orders, func(caller, n int) {
		for i := range n {
			s.must(b, token(caller), http.MethodPatch, "/hospital/order/pay/"+numbers[caller][i]+"/", "trade_mode=1", http.StatusOK)
		}
	})
	refunded = measure(callers, callers*orders, func(caller, n int) {
		for i := range n {
			reply := s.must(b, "", http.MethodPost, "/open", openCall("refundGeneral", "refundType", "2", "orderNo", numbers[caller][i],
				"hisRefundOrderNo", fmt.Sprintf("R-%s-%d-%d", name, caller, i), "refundAmout", "600", "refundTime", "2026-01-16 09:00:00",
				"refundReason", "r", "partialOrAllrefund", "1", "pushMsg", "2"), http.StatusOK)
			if code := between(reply, "<resultCode>", "</"); code != "0" {
				b.Errorf("refundGeneral: %s", reply)
				return
			}
		}
	})
	return paid, refunded
}
