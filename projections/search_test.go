package projections

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore/memory"
)

// asked is the first event of Q&A order n, placed at a time.
func askedAt(n int, patient, doctor string, at time.Time) qa.OrderPlaced {
	e := placed(n, patient, doctor).(qa.OrderPlaced)
	e.At = at
	return e
}

// searchable are orders of both kinds, over a turn of the year: q1 to q4, and h1 to h3.
func searchable(t testing.TB) Searches {
	t.Helper()
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	day := func(n int) time.Time { return time.Date(2024, 12, 30+n, 12, 0, 0, 0, time.UTC) }
	paid := func(ref, transaction string) payment.OrderPaid {
		return payment.OrderPaid{Receipt: payment.Receipt{Channel: payment.WX, Ref: ref, TransactionNo: transaction, Amount: 1500, At: t0}}
	}
	monthly := askedAt(2, "patient1", "doctor1", day(1))
	monthly.Type = qa.Monthly
	recordOrder(t, store, 1, askedAt(1, "patient1", "doctor1", day(0)), paid("ch_1", "T1"))
	recordOrder(t, store, 2, monthly)
	recordOrder(t, store, 3, askedAt(3, "patient2", "patient1", day(2)), paid("ch_3", ""),
		payment.SurplusReceived{Receipt: payment.Receipt{Channel: payment.Alipay, Ref: "ch_33", Amount: 1, At: t0}},
		payment.SurplusReceived{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch_3", At: t0}})
	recordOrder(t, store, 4, askedAt(4, "patient2", "doctor1", day(3)), qa.OrderCancelled{By: "patient2", Reason: "by request", At: t0})
	for n, code := range []string{"H001", "H001", "H002"} {
		number, e := registration(n+1, code, day(n+1), func(e *hospital.HospitalOrderImported) {
			e.Receipt.Ref, e.Receipt.TransactionNo = fmt.Sprint("ch_h", n+1), "T1"
		})
		if n == 1 {
			e.Kind, e.Patient = hospital.Deposit, ""
			recordHospital(t, store, number, hospital.HospitalOrderPlaced{Terms: e.Terms})
			continue
		}
		recordHospital(t, store, number, e)
	}
	return Searches{built(t, store)}
}

// shortName is what [searchable] calls an order.
func shortName(f FoundOrder) string {
	kind := "q"
	if f.Hospital != "" {
		kind = "h"
	}
	return kind + f.Number[len(f.Number)-1:]
}

func namesOf(found []FoundOrder) string {
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = shortName(f)
	}
	return strings.Join(names, " ")
}

func TestSearchChooses(t *testing.T) {
	q := searchable(t)
	day := func(n, hour int) time.Time { return time.Date(2024, 12, 30+n, hour, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name string
		ask  Search
		want string
	}{
		{"all", Search{}, "q1 q2 h1 q3 h2 q4 h3"},
		{"a number", Search{Numbers: []string{orderNumber(3)}}, "q3"},
		{"numbers that nobody has", Search{Numbers: []string{orderNumber(9), "2011202412300000009", "x"}}, ""},
		{"no number at all", Search{Numbers: []string{}}, ""},
		{"a user on both sides", Search{User: "patient1"}, "q1 q2 h1 q3 h3"},
		{"a user who is none", Search{User: "patient"}, ""},
		{"a hospital", Search{Hospital: "H001"}, "h1 h2"},
		{"his number", Search{HisOrderNo: "H2"}, "h2"},
		{"a charge", Search{ChannelNo: "ch_1"}, "q1"},
		{"a charge that no order waited for", Search{ChannelNo: "ch_33"}, "q3"},
		{"a charge that came twice", Search{ChannelNo: "ch_3"}, "q3"},
		{"the channel's number of many", Search{ChannelNo: "T1"}, "q1 h1 h3"},
		{"a part of a charge", Search{ChannelNo: "ch"}, ""},
		{"from on", Search{From: day(2, 12)}, "q3 h2 q4 h3"},
		{"up to", Search{To: day(2, 12)}, "q1 q2 h1"},
		{"up to a moment later", Search{To: day(2, 12).Add(1)}, "q1 q2 h1 q3 h2"},
		{"from a moment later", Search{From: day(2, 12).Add(1)}, "q4 h3"},
		{"a window over the year's turn", Search{From: day(1, 12), To: day(2, 13)}, "q2 h1 q3 h2"},
		{"a window of nothing", Search{From: day(1, 12), To: day(1, 12)}, ""},
		{"long ago", Search{To: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)}, ""},
		{"far ahead", Search{From: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
		{"all times", Search{From: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), To: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, "q1 q2 h1 q3 h2 q4 h3"},
		{"a state of both", Search{State: "paid"}, "q1 h1 q3 h3"},
		{"a state of one", Search{State: "cancelled"}, "q4"},
		{"a kind", Search{Kind: "monthly"}, "q2"},
		{"another", Search{Kind: "deposit"}, "h2"},
		{"all of Q&A", Search{Kind: AnyQA}, "q1 q2 q3 q4"},
		{"all of hospitals", Search{Kind: AnyHospital}, "h1 h2 h3"},
		{"all at once", Search{Numbers: []string{orderNumber(1), orderNumber(3)}, User: "patient1", ChannelNo: "ch_3", From: day(0, 0), State: "paid", Kind: "online"}, "q3"},
		{"what does not go together", Search{ChannelNo: "ch_3", Kind: AnyHospital}, ""},
	} {
		found, next, err := q.Page(t.Context(), c.ask, "", 100)
		if got := namesOf(found); err != nil || next != "" || got != c.want {
			t.Errorf("%s: %q, next %q, %v, want %q", c.name, got, next, err, c.want)
		}
	}
}

// TestSearchPages: whatever is asked for and however long the pages are, they give all of it once.
func TestSearchPages(t *testing.T) {
	q := searchable(t)
	for _, ask := range []Search{{}, {User: "patient1"}, {State: "paid"}, {ChannelNo: "T1"}, {Kind: AnyHospital}, {From: time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC)}} {
		all, _, err := q.Page(t.Context(), ask, "", 100)
		must(t, err)
		for limit := 1; limit < len(all)+2; limit++ {
			var got []FoundOrder
			next := ""
			for pages := 0; ; pages++ {
				page, after, err := q.Page(t.Context(), ask, next, limit)
				must(t, err)
				if len(page) > limit || after != "" && (len(page) < limit || !SearchPlace.MatchString(after)) || pages > 10 {
					t.Fatalf("%+v: a page of %d at %d, next %q", ask, len(page), limit, after)
				}
				got = append(got, page...)
				if next = after; next == "" {
					break
				}
			}
			if namesOf(got) != namesOf(all) {
				t.Errorf("%+v in pages of %d: %q, want %q", ask, limit, namesOf(got), namesOf(all))
			}
		}
	}
}

func TestSearchShowsTheOrder(t *testing.T) {
	q := searchable(t)
	found, _, err := q.Page(t.Context(), Search{Numbers: []string{orderNumber(3)}}, "", 1)
	must(t, err)
	want := FoundOrder{Number: orderNumber(3), Kind: "online", State: "paid", Patient: "patient2", Doctor: "patient1", ChannelNos: []string{"ch_3", "ch_33"},
		Amount: 1500, Paid: 1500, At: time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)}
	if got := fmt.Sprintf("%+v", found[0]); got != fmt.Sprintf("%+v", want) {
		t.Errorf("found\n%s\nwant\n%+v", got, want)
	}
}

// TestASearchEndsBeforeItIsLong: what is rare among many is found in several calls, none of which reads too much.
func TestASearchEndsBeforeItIsLong(t *testing.T) {
	const orders = searchOrders*2 + 300
	store := memory.New()
	defer store.Close()
	for n := range orders {
		events := []qa.Event{askedAt(n, "p", "d", t0.Add(time.Duration(n)*time.Second))}
		if n == orders-1 {
			events = append(events, qa.OrderCancelled{By: "p", At: t0})
		}
		recordOrder(t, store, n, events...)
	}
	views := built(t, store)
	calls, next := 0, ""
	for {
		before := views.count("get")
		found, after, err := Searches{views}.Page(t.Context(), Search{State: "cancelled"}, next, 10)
		must(t, err)
		calls++
		if reads := views.count("get") - before; reads > 30 {
			t.Errorf("call %d reads %d times", calls, reads)
		}
		if next = after; next == "" {
			if len(found) != 1 || found[0].Number != orderNumber(orders-1) || calls != 3 {
				t.Errorf("found %+v in %d calls", found, calls)
			}
			return
		}
		if len(found) > 0 || calls > 3 {
			t.Fatalf("call %d found %+v, next %q", calls, found, next)
		}
	}
}
