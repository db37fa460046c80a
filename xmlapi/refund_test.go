package xmlapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/link"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/xmlapi"
)

// whole are the parameters of a refund of all of an order.
func whole(number, hisNo string) string {
	return "<refundType>2</refundType><orderNo>" + number + "</orderNo><hisRefundOrderNo>" + hisNo + "</hisRefundOrderNo>" +
		"<refundAmout>600</refundAmout><refundTime>2024-03-01 17:00:00</refundTime><refundReason>x</refundReason>"
}

// taken is the number of a refund that belongs to another.
const taken = "已用于另一笔退费"

// held calls something before it appends.
type held struct {
	decider.Store
	before func()
}

func (h held) Append(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	h.before()
	return h.Store.Append(ctx, stream, expected, events)
}

func refundLinks(store decider.Store, opts decider.Options) *xmlapi.Links {
	return decider.New(store, model(link.HisRefundCategory, link.Codec, link.Decide, link.Evolve), opts)
}

// shared makes the interface one of several servers of a log that is some way away.
func (w *world) shared() *world {
	other, opts := *w.api, decider.Options{Shared: true}
	store := held{w.store, func() { time.Sleep(rand.N(2 * time.Millisecond)) }}
	other.HisRefunds = refundLinks(store, opts)
	other.Orders = decider.New(store, model(hospital.Category, hospital.Codec, hospital.Decide, hospital.Evolve), opts)
	return &world{api: &other, store: w.store}
}

// holders are those of some orders that have a refund with a number of the hospital's.
func (w *world) holders(t *testing.T, hisNo string, numbers ...string) (holders []string) {
	t.Helper()
	for _, number := range numbers {
		o, err := w.api.Orders.Load(t.Context(), number)
		must(err)
		if _, stands := o.State.RefundOrder(hisNo); stands {
			holders = append(holders, number)
		}
	}
	return holders
}

// TestARefusedRefundLeavesItsNumber: it is free for another order, however the refusal came about.
func TestARefusedRefundLeavesItsNumber(t *testing.T) {
	w, closes := newWorld()
	defer closes()
	contended, codes := w.paid(), make([]string, 16)
	var work, led sync.WaitGroup
	led.Add(len(codes))
	w.api.HisRefunds = refundLinks(held{w.store, func() { led.Done(); led.Wait() }}, decider.Options{})
	for i := range codes {
		work.Go(func() { codes[i] = w.post(t, "refundGeneral", whole(contended, fmt.Sprint("R-", i)), false).Code })
	}
	work.Wait()
	w.api.HisRefunds = refundLinks(w.store, decider.Options{})
	if all := strings.Join(codes, ""); strings.Count(all, "0") != 1 || strings.Count(all, "2") != 15 {
		t.Fatalf("16 refunds of one order: %v", codes)
	}
	for i, code := range codes {
		want := map[string]string{"0": "2", "2": "0"}[code]
		if got := w.post(t, "refundGeneral", whole(w.paid(), fmt.Sprint("R-", i)), false); got.Code != want || want == "2" && !strings.Contains(got.Desc, taken) {
			t.Errorf("R-%d, answered %s before, for another order: %+v, want %s", i, code, got, want)
		}
	}
}

// TestANumberOfAKilledServer: it had led the number to an order, and what it was about to write there may still come.
func TestANumberOfAKilledServer(t *testing.T) {
	w, closes := newWorld()
	defer closes()
	first, second := w.paid(), w.paid()
	leads := func(hisNo string) {
		_, err := w.api.HisRefunds.Execute(t.Context(), link.HisID(code, hisNo), call(), link.Command{To: first})
		must(err)
	}
	leads("R-1")
	if got := w.post(t, "refundGeneral", whole(second, "R-1"), false); got.Code != "0" {
		t.Fatalf("the number for another order: %+v", got)
	}
	late := hospital.Refund{Hospital: code, Kind: hospital.Outpatient, Turn: 1, Order: hospital.RefundOrder{No: "1052202403010000009", HisNo: "R-1", Amount: 600, All: true}}
	if _, err := w.api.Orders.Execute(t.Context(), first, call(), late); !domain.IsRefused(err, domain.AlreadyExists) {
		t.Errorf("what came late: %v, want it refused", err)
	}
	if got := w.post(t, "refundGeneral", whole(first, "R-1"), false); got.Code != "2" || !strings.Contains(got.Desc, taken) {
		t.Errorf("the number that is another's now: %+v", got)
	}

	// It was killed when the number was free, and before it led elsewhere.
	leads("R-2")
	_, err := w.api.Orders.Execute(t.Context(), first, call(), hospital.FreeNumber{HisNo: "R-2", Turn: 1, At: time.Now()})
	must(err)
	if got := w.post(t, "refundGeneral", whole(first, "R-2"), false); got.Code != "0" {
		t.Errorf("the number for the order that freed it: %+v", got)
	}
}

// TestTwoServersGiveANumberOnce, to one of two orders, though most of what they ask of the orders is refused.
func TestTwoServersGiveANumberOnce(t *testing.T) {
	w, closes := newWorld()
	defer closes()
	servers := []*world{w.shared(), w.shared()}
	for round := range 30 {
		orders := []string{w.paid(), w.paid()}
		var work sync.WaitGroup
		for i := range 12 {
			work.Go(func() {
				servers[i%2].post(t, "refundGeneral", whole(orders[i/2%2], fmt.Sprintf("R-%d-%d", round, i%3)), false)
			})
		}
		work.Wait()
		for i := range 3 {
			hisNo := fmt.Sprintf("R-%d-%d", round, i)
			if holders := servers[0].holders(t, hisNo, orders...); len(holders) > 1 {
				t.Fatalf("%s stands for refunds of %v", hisNo, holders)
			} else if last := w.paid(); len(holders) == 0 {
				if got := servers[1].post(t, "refundGeneral", whole(last, hisNo), false); got.Code != "0" {
					t.Fatalf("%s stands for nothing, and is refused: %+v", hisNo, got)
				}
			}
		}
	}
}
