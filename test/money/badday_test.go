package money

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/qa"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

// plans are what becomes of orders: order i follows plan i modulo their number.
var plans = []struct {
	name string
	end  int
	next func(s *shop, p orderdtest.Client, o order) orderdtest.Reply // a paid order's next step, Status 0 for none
}{
	{"kept", paid, nil},
	{"given back", cancelled, func(_ *shop, p orderdtest.Client, o order) orderdtest.Reply {
		return p.Send("PUT", path("refund", o.Number))
	}},
	{"asked, then given back", cancelled, func(_ *shop, p orderdtest.Client, o order) orderdtest.Reply {
		if o.Status == paid {
			return ask(p, o)
		}
		return p.Send("PUT", path("refund", o.Number))
	}},
	{"answered", answered, func(s *shop, p orderdtest.Client, o order) orderdtest.Reply {
		if o.Status == paid {
			return ask(p, o)
		}
		return s.answer(o)
	}},
	{"finished", finished, func(s *shop, p orderdtest.Client, o order) orderdtest.Reply {
		switch o.Status {
		case paid:
			return ask(p, o)
		case asked:
			return s.answer(o)
		default:
			return p.Send("PUT", path("finish", o.Number))
		}
	}},
}

func ask(p orderdtest.Client, o order) orderdtest.Reply {
	return p.Send("POST", "/qaorder/question/create/", orderdtest.Form("order="+o.Number+"&condition_description=x"))
}

func (s *shop) answer(o order) orderdtest.Reply {
	return s.doctor.Send("POST", "/qaorder/answer/create/", orderdtest.Form(fmt.Sprintf("question=%d&diagnosis_result=x", o.Question.PK)))
}

// live leads order i to the end of its plan, whatever is not answered meanwhile, and gives its number. It is
// told to leave off by stop.
func (s *shop) live(i int, stop func() bool) (number string, done bool) {
	p, plan := s.patients[i%len(s.patients)], plans[i%len(plans)]
	create := p.With("Idempotency-Key", fmt.Sprintf("order-%d", i))
	var o order
	for {
		if stop() {
			return "", false
		}
		r := create.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor&order_type=online"))
		if r.Status == http.StatusCreated {
			r.Into(s.t, &o)
			break
		}
		pause()
	}
	var asked time.Time // for a charge, the last time
	for !stop() {
		r := p.Get(path("detail", o.Number))
		if r.Status != http.StatusOK {
			pause()
			continue
		}
		r.Into(s.t, &o)
		switch {
		case o.Status == plan.end:
			return o.Number, true
		case o.Status == cancelled:
			s.t.Errorf("order %s, to be %s, is cancelled", o.Number, plan.name)
			return o.Number, true
		case o.Status != unpaid:
			plan.next(s, p, o)
		case time.Since(asked) > time.Second:
			p.Send("PATCH", path("pay", o.Number), orderdtest.Form("channel="+[]string{"wx", "alipay"}[i/len(plans)%2]))
			asked = time.Now()
		default:
			pause()
		}
	}
	return o.Number, false
}

// pause is between looks at what others have to do first.
func pause() { time.Sleep(20 * time.Millisecond) }

// settled waits until the platform and the orders have nothing left to do.
func (s *shop) settled() {
	s.t.Helper()
	for end := time.Now().Add(patience); ; {
		s.platform.AwaitQuiet(s.t)
		if again := s.platform.Redeliver(); again == 0 && s.open() == 0 && s.platform.Ledger().Total.Pending == 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("not settled: %+v, %d orders with open refunds", s.platform.Ledger().Total, s.open())
		}
		pause()
	}
}

// open is how many of the patients' orders do not show yet what must come of their money.
func (s *shop) open() (n int) {
	platform := s.platform.Ledger()
	for _, p := range s.patients {
		for at := "/qaorder/order/patient/list/?page_size=100"; at != ""; {
			var page struct {
				Next    *string
				Results []order
			}
			p.Get(at).Want(s.t, http.StatusOK).Into(s.t, &page)
			for _, o := range page.Results {
				if entry := platform.Orders[o.Number]; (o.Status == cancelled || entry.PaidCharges > 1) && !s.shows(p, o, entry) {
					n++
				}
			}
			at = ""
			if page.Next != nil {
				at = (*page.Next)[len(orderdtest.Origin):]
			}
		}
	}
	return n
}

// shows says that an order has every payment that the platform took for it, and has given back all of them but the
// one it keeps, if it keeps one.
func (s *shop) shows(p orderdtest.Client, o order, entry pingpp.Entry) bool {
	paid, kept, keeps := 0, 0, 1
	for _, c := range s.show(p, o.Number).charges() {
		if c.Paid {
			paid++
		}
		if c.Paid && c.AmountRefunded != c.Amount {
			kept++
		}
	}
	if o.Status == cancelled {
		keeps = 0
	}
	return paid == entry.PaidCharges && kept == keeps
}

// outcome is what is compared between a good and a bad day.
type outcome struct {
	Status qa.Status
	Held   domain.Fen // of the payer's money
}

// audit compares what the orders' events say with what the platform's ledger says: charged once, refunded once,
// and everything that came twice given back once.
func (s *shop) audit(numbers map[int]string) map[int]outcome {
	s.t.Helper()
	ledger := s.platform.Ledger()
	orders, kinds := s.history()
	outcomes := map[int]outcome{}
	twice := 0
	for i, number := range numbers {
		o, entry := orders[number], ledger.Orders[number]
		outcomes[i] = outcome{o.Status, entry.Held()}
		if entry.PaidCharges > 1 {
			twice++
		}
		s.sameMoney(o, entry)
		if paid := kinds[qa.Category+"-"+number]["OrderPaid"]; paid != 1 {
			s.t.Errorf("order %s was paid %d times", number, paid)
		}
		want := o.Amount
		if o.Status == qa.Cancelled {
			want = 0
		}
		if entry.Held() != want || entry.Repeated != 0 || entry.Pending != 0 {
			s.t.Errorf("order %s is %s; the platform's books: %+v", number, o.Status, entry)
		}
	}
	if len(ledger.Orders) > len(numbers) {
		s.t.Errorf("the platform knows %d orders, there are %d", len(ledger.Orders), len(numbers))
	}
	if c := ledger.Counts; c.ForgedAccepted > 0 || c.Unauthorized > 0 {
		s.t.Errorf("%+v", c)
	}
	s.t.Logf("%d orders, %d paid twice and given back once; %+v; %+v", len(numbers), twice, ledger.Total, ledger.Counts)
	return outcomes
}

// sameMoney holds an order's receipts and refunds to the platform's charges and refunds, one by one.
func (s *shop) sameMoney(o qa.Order, entry pingpp.Entry) {
	s.t.Helper()
	charges := map[string]domain.Fen{}
	for _, c := range s.platform.Charges(o.Number) {
		if c.Paid {
			charges[c.ID] = c.Amount
		}
	}
	receipts := map[string]domain.Fen{}
	for _, r := range o.Receipts {
		receipts[r.Ref] += r.Amount
	}
	if !maps.Equal(charges, receipts) {
		s.t.Errorf("order %s received %v, the platform took %v", o.Number, receipts, charges)
	}
	var back, given []string
	for _, r := range o.Refunds {
		back = append(back, fmt.Sprint(r.Ref, r.Amount, r.Status))
	}
	for _, r := range s.platform.Refunds(o.Number) {
		given = append(given, fmt.Sprint(r.Charge, r.Amount, r.Status))
	}
	slices.Sort(back)
	slices.Sort(given)
	if !slices.Equal(back, given) {
		s.t.Errorf("order %s asked to give back %v, the platform gave %v", o.Number, back, given)
	}
	if entry.Refunds != len(o.Refunds) {
		s.t.Errorf("order %s has %d refunds, the platform %d", o.Number, len(o.Refunds), entry.Refunds)
	}
}

// day lets n orders live on a platform with faults and gives their outcomes.
func day(t *testing.T, n int, options pingpp.Options) map[int]outcome {
	options.AutoPay, options.PayAfter, options.RefundAfter = true, 20*time.Millisecond, 30*time.Millisecond
	s, faults := open(t, options, orderdtest.Bare), options.Faults
	var mu sync.Mutex
	numbers := map[int]string{}
	began := time.Now()
	var late atomic.Bool
	each(n, 32, func(i int) {
		number, done := s.live(i, func() bool {
			if time.Since(began) > patience {
				late.Store(true)
			}
			return late.Load()
		})
		mu.Lock()
		defer mu.Unlock()
		if numbers[i] = number; !done {
			t.Errorf("order %d, %s, did not come to its end", i, number)
		}
	})
	s.settled()
	forged := s.platform.Ledger().Counts.Forged
	if faults.Forge > 0 && forged == 0 || s.metric(`orderd_notices_total{outcome="forged"}`) != forged {
		t.Errorf("%d forged notices were sent, %d counted", forged, s.metric(`orderd_notices_total{outcome="forged"}`))
	}
	t.Logf("%d orders in %s", n, time.Since(began))
	return s.audit(numbers)
}

// TestABadDay compares a day on which one request in four goes wrong with a good one.
func TestABadDay(t *testing.T) {
	n := orderdtest.Setting(t, "MONEY_ORDERS", defaultOrders)
	var good, bad map[int]outcome
	t.Run("good", func(t *testing.T) { good = day(t, n, pingpp.Options{}) })
	rough := pingpp.Rough
	rough.LateBy, rough.Shuffle, rough.NewCharge = 200*time.Millisecond, 100*time.Millisecond, 0.5
	t.Run("bad", func(t *testing.T) { bad = day(t, n, pingpp.Options{Faults: rough}) })
	for i := range n {
		if want := plans[i%len(plans)].end; good[i] != bad[i] || int(good[i].Status) != want {
			t.Errorf("order %d, %s: %+v on a good day, %+v on a bad one", i, plans[i%len(plans)].name, good[i], bad[i])
		}
	}
}

// TestAPlatformThatMakesEveryRefund has one that makes a refund for every request, whatever its number: asking
// again must look first.
func TestAPlatformThatMakesEveryRefund(t *testing.T) {
	rough := pingpp.Rough
	rough.LateBy, rough.Twice, rough.DropReply, rough.LostGateway = 100*time.Millisecond, 0, 0.15, 0.1
	day(t, orderdtest.Setting(t, "MONEY_ORDERS", defaultOrders)/4, pingpp.Options{RefundsRepeat: true, Faults: rough})
}
