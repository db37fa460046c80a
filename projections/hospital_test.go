package projections

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

// registration is a paid registration, number n, of a minute of its own, paid at a second of a day.
func registration(n int, code string, paid time.Time, change func(*hospital.HospitalOrderImported)) (string, hospital.HospitalOrderImported) {
	number := hospital.Number(2, hospital.ForPayment, hospital.Registration, paid, int64(n))
	e := hospital.HospitalOrderImported{
		Terms: hospital.Terms{Number: number, Hospital: code, Branch: "B01", Kind: hospital.Registration, Amount: 600, HisOrderNo: fmt.Sprint("H", n),
			Platform: 2, RegType: hospital.Booked, BookDate: "2024-03-05", Patient: "patient1", At: paid},
		Receipt: payment.Receipt{Channel: payment.UnionPay, Ref: "ch_1", TransactionNo: "T1", Amount: 600, At: paid},
		TraceNo: "trace",
	}
	if change != nil {
		change(&e)
	}
	return number, e
}

func recordHospital(t testing.TB, store *memory.Store, number string, events ...hospital.Event) eventstore.Position {
	t.Helper()
	return record(t, store, hospital.Codec, hospital.Category+"-"+number, events...)
}

func refundOf(number string, n int, at time.Time) []hospital.Event {
	no := fmt.Sprintf("206120240301%07d", n)
	return []hospital.Event{
		hospital.RefundOrdered{RefundOrder: hospital.RefundOrder{No: no, HisNo: fmt.Sprint("R", n), Type: hospital.ForPartialRefund, Amount: 200, Reason: "a\tb", At: at}},
		payment.RefundRequested{RefundIntent: payment.RefundIntent{No: number + fmt.Sprint("R", n), Name: no, Ref: "ch_1", Channel: payment.UnionPay, Amount: 200, At: at}},
	}
}

func gathered(t testing.TB, rows iter.Seq2[[]string, error]) []string {
	t.Helper()
	var all []string
	for row, err := range rows {
		must(t, err)
		all = append(all, strings.Join(row, "|"))
	}
	return all
}

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, hospital.Zone)

func TestTradesHaveTheDocumentsFields(t *testing.T) {
	store := memory.New()
	number, imported := registration(1, "H001", noon, nil)
	refund := refundOf(number, 1, noon)
	recordHospital(t, store, number, append([]hospital.Event{imported}, refund...)...)
	q := HospitalOrders{built(t, store)}
	day := TradeQuery{Hospital: "H001", From: noon, To: noon}
	const no = "206120240301" + "0000001"
	payment1 := "2024-03-01 12:00:00|1|2|" + number + "||H1||T1||trace||600||1"
	want := []string{payment1, "2024-03-01 12:00:00|1|2|" + number + "|" + no + "|H1|R1|T1||trace||600|200|2"}
	if got := gathered(t, q.Trades(t.Context(), day)); !slices.Equal(got, want) {
		t.Errorf("trades\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	recordHospital(t, store, number, payment.RefundAccepted{No: number + "R1", PlatformID: "re_1", At: noon})
	want[1] = "2024-03-01 12:00:00|1|2|" + number + "|" + no + "|H1|R1|T1|re_1|trace||600|200|2"
	q = HospitalOrders{built(t, store)}
	if got := gathered(t, q.Trades(t.Context(), day)); !slices.Equal(got, want) {
		t.Errorf("after the platform's answer\n%s", strings.Join(got, "\n"))
	}
	visit := []string{"B01||2024-03-05|2024-03-01 12:00:00|2|2|" + number + "||H1||T1||600||1",
		"B01||2024-03-05|2024-03-01 12:00:00|2|2|" + number + "|" + no + "|H1|R1|T1|re_1|600|200|2"}
	march5 := time.Date(2024, 3, 5, 0, 0, 0, 0, hospital.Zone)
	if got := gathered(t, q.Visits(t.Context(), VisitQuery{Hospital: "H001", From: march5, To: march5})); !slices.Equal(got, visit) {
		t.Errorf("visits\n%s", strings.Join(got, "\n"))
	}
	recordHospital(t, store, number, payment.RefundFailed{No: number + "R1", Why: "closed", At: noon})
	if got := gathered(t, HospitalOrders{built(t, store)}.Trades(t.Context(), day)); !slices.Equal(got, want[:1]) {
		t.Errorf("a refund that failed is none: %q", got)
	}
}

func TestTradesAreChosen(t *testing.T) {
	store := memory.New()
	add := func(n int, code string, at time.Time, change func(*hospital.HospitalOrderImported)) {
		number, e := registration(n, code, at, change)
		recordHospital(t, store, number, e)
	}
	add(1, "H001", noon.Add(-time.Second), nil)
	add(2, "H001", noon, nil)
	add(3, "H001", noon.Add(1500*time.Millisecond), nil) // shown as one second after noon
	add(4, "H001", noon.AddDate(0, 1, 0), nil)
	add(5, "H002", noon, nil)
	add(6, "H001", noon, func(e *hospital.HospitalOrderImported) { e.Kind, e.Receipt.Channel = hospital.Deposit, payment.Alipay })
	add(7, "H001", noon, func(e *hospital.HospitalOrderImported) { e.Number = "7" + e.Number[1:] })
	unpaid, e := registration(8, "H001", noon, nil)
	recordHospital(t, store, unpaid, hospital.HospitalOrderPlaced{Terms: e.Terms})
	q := HospitalOrders{built(t, store)}
	for _, c := range []struct {
		name string
		ask  TradeQuery
		want string // the hospital's numbers
	}{
		{"both ends", TradeQuery{From: noon, To: noon.Add(time.Second)}, "H2 H6 H7 H3"},
		{"a second earlier", TradeQuery{From: noon.Add(-time.Second), To: noon}, "H1 H2 H6 H7"},
		{"over the month", TradeQuery{From: noon, To: noon.AddDate(1, 0, 0)}, "H2 H6 H7 H3 H4"},
		{"all times there are", TradeQuery{From: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, "H1 H2 H6 H7 H3 H4"},
		{"a kind", TradeQuery{From: noon, To: noon, Kind: hospital.Deposit}, "H6"},
		{"a mode", TradeQuery{From: noon, To: noon, Mode: hospital.UnionPay}, "H2 H7"},
		{"a platform", TradeQuery{From: noon, To: noon, Platform: 7}, "H7"},
		{"nothing", TradeQuery{From: noon.AddDate(2, 0, 0), To: noon.AddDate(3, 0, 0)}, ""},
		{"reversed", TradeQuery{From: noon.Add(time.Hour), To: noon}, ""},
	} {
		c.ask.Hospital = "H001"
		var got []string
		for row, err := range q.Trades(t.Context(), c.ask) {
			must(t, err)
			got = append(got, row[5])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// TestTradesGoOnAfterTheLastRow reads more than one step, while the last row of the first step changes.
func TestTradesGoOnAfterTheLastRow(t *testing.T) {
	store := memory.New()
	const orders = 2*rowsStep + 5
	numbers := make([]string, orders)
	for n := range orders {
		var e hospital.HospitalOrderImported
		numbers[n], e = registration(n, "H001", noon.Add(time.Duration(n)*time.Second), nil)
		recordHospital(t, store, numbers[n], e)
	}
	views := newViews()
	f, stop := startFollower(t, store, views)
	defer stop()
	reaches := func(at eventstore.Position) {
		eventually(t, "the views have it", func() bool { is, _, _, err := f.Status(); return err == nil && !is.Before(at) })
	}
	head, err := store.Head(t.Context())
	must(t, err)
	reaches(head)
	reads := 0
	changing := onRange{views, func() {
		if reads++; reads == 2 {
			// The bytes of the row that was read last rise: it must not come again; its refund's row does.
			reaches(recordHospital(t, store, numbers[rowsStep-1], refundOf(numbers[rowsStep-1], 1, noon)...))
		}
	}}
	var got []string
	for row, err := range (HospitalOrders{changing}).Trades(t.Context(), TradeQuery{Hospital: "H001", From: noon, To: noon.AddDate(0, 0, 1)}) {
		must(t, err)
		got = append(got, row[3])
	}
	want := slices.Insert(slices.Clone(numbers), rowsStep, numbers[rowsStep-1])
	if !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// onRange are views to which something happens before each read of a range.
type onRange struct {
	Reader
	before func()
}

func (r onRange) Range(ctx context.Context, index string, q Range) (Stretch, error) {
	r.before()
	return r.Reader.Range(ctx, index, q)
}

func TestHospitalEventsArePaged(t *testing.T) {
	store := memory.New()
	number, imported := registration(1, "H001", noon, nil)
	recordHospital(t, store, number, append([]hospital.Event{imported}, refundOf(number, 1, noon)...)...)
	recordHospital(t, store, number, payment.RefundSucceeded{No: number + "R1", At: noon.Add(time.Minute)},
		payment.SurplusReceived{Receipt: payment.Receipt{Ref: "ch_2", Amount: 5, At: noon}},
		payment.RefundRequested{RefundIntent: payment.RefundIntent{No: number + "R2", Ref: "ch_2", Amount: 5, At: noon}},
		payment.RefundSucceeded{No: number + "R2", At: noon},
		hospital.RegistrationStopped{By: "H001", At: noon.Add(time.Hour)})
	other, imported2 := registration(2, "H002", noon, nil)
	recordHospital(t, store, other, imported2, hospital.RegistrationStopped{By: "H002", At: noon})
	q := HospitalOrders{built(t, store)}
	var got []string
	after := eventstore.Position{}
	for {
		page, err := q.Events(t.Context(), "H001", after, 2)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got = append(got, strings.Join(e[1:], "|"))
			after, err = eventstore.ParsePosition(e[0])
			must(t, err)
		}
	}
	const no = "206120240301" + "0000001"
	want := []string{
		"RefundOrdered|2024-03-01 12:00:00|" + number + "|H1|" + no + "|R1||200|a b",
		"RefundSucceeded|2024-03-01 12:01:00|" + number + "|H1|" + no + "|R1||200|a b",
		"RegistrationStopped|2024-03-01 13:00:00|" + number + "|H1|||||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPatientsOrdersAreChosen(t *testing.T) {
	store := memory.New()
	for n := range 4 {
		number, e := registration(n, "H001", noon.Add(time.Duration(n)*time.Minute), func(e *hospital.HospitalOrderImported) {
			if e.Kind = hospital.Outpatient; n%2 == 0 {
				e.Kind = hospital.Registration
			}
			if n == 3 {
				e.Patient = ""
			}
		})
		events := []hospital.Event{hospital.HospitalOrderPlaced{Terms: e.Terms}}
		if n == 2 {
			events = append(events, hospital.HospitalOrderCancelled{By: "patient1", At: noon})
		}
		recordHospital(t, store, number, events...)
	}
	q := HospitalOrders{built(t, store)}
	unpaid, cancelled := hospital.Unpaid, hospital.Cancelled
	for _, c := range []struct {
		status *hospital.Status
		kind   hospital.Kind
		want   string
	}{{nil, 0, "H2 H1 H0"}, {&unpaid, 0, "H1 H0"}, {&cancelled, 0, "H2"}, {nil, hospital.Outpatient, "H1"}, {&unpaid, hospital.Registration, "H0"}, {&cancelled, hospital.Outpatient, ""}} {
		orders, total, err := q.Of(t.Context(), "patient1", c.status, c.kind, Window{Limit: 10})
		must(t, err)
		var got []string
		for _, o := range orders {
			got = append(got, o.HisOrderNo)
		}
		if strings.Join(got, " ") != c.want || total != len(got) {
			t.Errorf("status %v, kind %d: %v of %d, want %s", c.status, c.kind, got, total, c.want)
		}
	}
}

// endless are views whose indexes never end.
type endless struct{ Reader }

func (endless) Range(ctx context.Context, _ string, r Range) (Stretch, error) {
	members := make([]string, r.Limit)
	for i := range members {
		members[i] = strings.Repeat("1"+tab, len(TradeFields))
	}
	return Stretch{Members: members}, ctx.Err()
}

// TestRowsThatAreCutShortSaySo: whoever asked may go at any time, and must not take what there was for the whole.
func TestRowsThatAreCutShortSaySo(t *testing.T) {
	for after := range 50 {
		ctx, leave := context.WithCancel(t.Context())
		rows, last := 0, error(nil)
		for _, err := range (HospitalOrders{endless{}}).Trades(ctx, TradeQuery{Hospital: "H001", From: noon, To: noon}) {
			if rows++; rows == 1+after*97 {
				leave()
			}
			last = err
		}
		if leave(); !errors.Is(last, context.Canceled) {
			t.Fatalf("left after %d rows, the last of %d came with %v", 1+after*97, rows, last)
		}
	}
}
