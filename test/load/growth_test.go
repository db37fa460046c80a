package load

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/embedded"
	"orderengine/eventstore/storetest"
	"orderengine/test/redistest"
)

// BenchmarkGrowth measures the server on a log that holds many orders: how fast the views are made from it, how
// long a start takes then, how much memory it needs, and the calls of BenchmarkLifecycle and of a list.
// ORDERS sets other numbers of orders than a thousand and a million, VIEWS=redis the other view store.
func BenchmarkGrowth(b *testing.B) {
	for _, orders := range ordersToHold(b, 1_000, 1_000_000) {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			dir := b.TempDir()
			hold(b, filepath.Join(dir, "log"), orders, held)
			views := embeddedViews
			if os.Getenv("VIEWS") == "redis" {
				views = redistest.Start(b).URL()
			}
			began := time.Now()
			first := openServer(b, dir, views)
			first.awaitReady(b)
			b.ReportMetric(float64(orders*eventsAnOrder)/time.Since(began).Seconds(), "projected-events/s")
			first.stop(b)

			began = time.Now()
			s := openServer(b, dir, views)
			s.awaitReady(b)
			b.ReportMetric(time.Since(began).Seconds()*1000, "start-ms")
			storetest.AwaitIdle()
			people := s.makePeople(b, 64, 16)
			s.drive(b, people, 64, 64*20)
			var rate, cpu []float64
			for range 3 {
				m := measure(64, 64*40, func(caller, n int) {
					for range n {
						s.live(b, people, caller)
					}
				})
				m.requests *= len(lifecycle)
				rate, cpu = append(rate, m.rate()), append(cpu, m.cpuMicros())
			}
			b.ReportMetric(middle(rate), "req/s")
			b.ReportMetric(middle(cpu), "cpu-µs/req")
			b.ReportMetric(s.listMicros(b), "page1-µs")
			b.ReportMetric(residentMiB(b), "rss-MiB")
			b.ReportMetric(0, "ns/op")
			s.stop(b)
		})
	}
}

const eventsAnOrder = 4

// ordersToHold are the numbers in ORDERS, or others if there are none.
func ordersToHold(b *testing.B, otherwise ...int) []int {
	text := os.Getenv("ORDERS")
	if text == "" {
		return otherwise
	}
	var all []int
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatalf("ORDERS=%s: %v", text, err)
		}
		all = append(all, n)
	}
	return all
}

// Who the orders are of: the first patient of makePeople has all those of one doctor.
const (
	heldPatients = 1000
	heldDoctors  = 16
)

// hold writes orders that wait for nothing soon, as the server would have; order makes the i-th of them.
func hold(b *testing.B, dir string, orders int, order func(b *testing.B, i int) (stream string, events []eventstore.Event)) {
	b.Helper()
	store, err := embedded.Open(dir, embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var work errgroup.Group
	work.SetLimit(256)
	for i := range orders {
		work.Go(func() error {
			stream, events := order(b, i)
			_, err := store.Append(context.Background(), stream, eventstore.NoStream, events)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		b.Fatal(err)
	}
}

// held is one answered order. Its pk is far above those that the benchmark makes.
func held(b *testing.B, i int) (stream string, events []eventstore.Event) {
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	pk := int64(10_000_000 + i)
	number := qa.Number(at, pk, 1)
	patient, doctor := fmt.Sprintf("p%d", i%heldPatients), fmt.Sprintf("d%d", i%heldDoctors)
	return qa.Category + "-" + number, ofOneCommand[qa.Event](b, qa.Codec, at, patient,
		qa.OrderPlaced{Number: number, PK: pk, Patient: patient, PatientPK: 1, Doctor: doctor, Type: qa.Online, Amount: 1500, At: at},
		payment.OrderPaid{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_" + number, Amount: 1500, At: at}},
		qa.QuestionAsked{Question: qa.Question{PK: pk, Text: readable(b, qa.QuestionText{AllergyHistory: "none", SmokeHistory: "none", ConditionDescription: "a cough for two weeks"}), At: at}},
		qa.QuestionAnswered{Answer: qa.Answer{PK: pk, Question: pk, Text: readable(b, qa.AnswerText{DiagnosisResult: "rest and drink a lot", ExtraSuggestion: "fresh air"}), At: at}},
	)
}

// readable is a text as it was stored before texts were sealed: the patients held here have no keys.
func readable(b *testing.B, text any) domain.Sealed {
	plain, err := domain.JSON(text)
	if err != nil {
		b.Fatal(err)
	}
	return append(domain.Sealed{domain.SealedPlain}, plain...)
}

// ofOneCommand are the events of one command as the log has them.
func ofOneCommand[E any](b *testing.B, codec *domain.Codec[E], at time.Time, actor string, events ...E) (all []eventstore.Event) {
	command := uuid.New()
	for n, e := range events {
		name, schema, data, err := codec.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		meta := eventstore.Metadata{Schema: schema, Occurred: at, Actor: actor, Correlation: "fill", Command: command}
		all = append(all, eventstore.Event{ID: eventstore.EventID(command, n), Type: name, Data: data, Metadata: meta.Encode()})
	}
	return all
}

// listMicros is the middle time of a doctor's first page, in microseconds.
func (s *server) listMicros(b *testing.B) float64 {
	var took []float64
	for range 200 {
		began := time.Now()
		s.must(b, fmt.Sprintf("d%039x", 0), http.MethodGet, "/qaorder/order/doctor/list/?status=3", "", http.StatusOK)
		took = append(took, float64(time.Since(began).Nanoseconds())/1000)
	}
	return middle(took)
}

// residentMiB is the memory of this process, server and client.
func residentMiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("memory is read from /proc")
	}
	kib, err := strconv.Atoi(strings.TrimSpace(between(status, "VmRSS:", "kB")))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}
