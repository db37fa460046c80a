package openload_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/domain/stoplist"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/embedded"
	"orderengine/test/e2e/orderdtest"
)

const (
	fee       = 600 // fen
	perWallet = 50  // every so many was paid from the patient's wallet
)

// TestStopSurvivesAKill kills the server in the middle of a long list of numbers.
func TestStopSurvivesAKill(t *testing.T) {
	t.Parallel()
	s := orderdtest.DemoProcess(t)
	orders := make([]paidOrder, registrations)
	wallets := 0
	for i := range orders {
		orders[i] = paidOrder{hospital.Registration, fee, hospital.WeChat, "patient1"}
		if i%perWallet == 0 {
			orders[i].mode = hospital.Wallet
			wallets++
		}
	}
	numbers := load(t, s, orders)
	before := balance(t, s)
	list := strings.Join(numbers, ",")
	answered := make(chan error, 1)
	go func() {
		_, err := call(s, "stopReg", "orderList", list)
		answered <- err
	}()
	s.Eventually("some stopped", func() bool {
		a := mustCall(t, s, "eventsReplay", "position", "0", "limit", "400")
		return len(a.Result.Items) == 400
	})
	s.Kill()
	if err := <-answered; err == nil {
		t.Error("the call was answered before the kill")
	}
	half := history(t, s.Data)
	stopped := half.inStatus(hospital.Stopped)
	if stopped == 0 || stopped == registrations {
		t.Fatalf("killed with %d of %d stopped: not in the middle", stopped, registrations)
	}
	t.Logf("killed with %d of %d stopped", stopped, registrations)

	s.Start()
	began := time.Now()
	s.Eventually("all stopped, and the money sent back", func() bool {
		time.Sleep(500 * time.Millisecond) // a poll that asks for all rows
		return sentBack(s) == registrations
	})
	t.Logf("all are stopped and refunded %s after the start", time.Since(began))
	want := before + domain.Fen(wallets*fee)
	s.Eventually("as much in the wallet", func() bool { return balance(t, s) >= want })
	if a := mustCall(t, s, "stopReg", "orderList", list); a.Code != "3" {
		t.Errorf("the same list again is answered %s %s", a.Code, a.Desc)
	}
	if got := balance(t, s); got != want {
		t.Errorf("the wallet holds %d fen, want %d", got, want)
	}
	s.Stop()
	history(t, s.Data).check(t, numbers)
}

// sentBack counts the refunds that have a number of the channel; the payments have none.
func sentBack(s *orderdtest.Server) int {
	text := post(s, "text/xml", tradesRequest()).Body
	return strings.Count(text, "<tradeType>2</tradeType>") + registrations - strings.Count(text, "<agtRefundOrderNo></agtRefundOrderNo>")
}

func balance(t *testing.T, s *orderdtest.Server) domain.Fen {
	t.Helper()
	var user struct{ Balance string }
	s.As(orderdtest.Admin).Get("/admin/users/patient1/").Want(t, 200).Into(t, &user)
	var yuan, cents domain.Fen
	if _, err := fmt.Sscanf(user.Balance, "%d.%02d", &yuan, &cents); err != nil {
		t.Fatal(err)
	}
	return yuan*100 + cents
}

// past is what a log tells.
type past struct {
	orders    map[string]hospital.Order
	events    map[string]map[string]int // of each order, by type
	listsDone int
}

// history reads the log of a server that has ended.
func history(t *testing.T, data string) past {
	t.Helper()
	p := past{orders: map[string]hospital.Order{}, events: map[string]map[string]int{}}
	log, err := embedded.Open(filepath.Join(data, "log"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range log.Follow(t.Context(), eventstore.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch {
			p.add(t, e)
		}
		if !batch[len(batch)-1].Position.Before(head) {
			break
		}
	}
	return p
}

func (p *past) add(t *testing.T, e eventstore.Recorded) {
	t.Helper()
	if e.Type == "StopListFinished" && strings.HasPrefix(e.Stream, stoplist.Category+"-") {
		p.listsDone++
	}
	number, ok := strings.CutPrefix(e.Stream, hospital.Category+"-")
	if !ok {
		return
	}
	event, err := decider.Decode(hospital.Codec.Decode, e)
	if err != nil {
		t.Fatal(err)
	}
	p.orders[number] = hospital.Evolve(p.orders[number], event)
	if p.events[number] == nil {
		p.events[number] = map[string]int{}
	}
	p.events[number][e.Type]++
}

func (p past) inStatus(s hospital.Status) (n int) {
	for _, o := range p.orders {
		if o.Status == s {
			n++
		}
	}
	return n
}

// check says that every order was stopped and its money went back once, all of it.
func (p past) check(t *testing.T, numbers []string) {
	t.Helper()
	if p.listsDone != 1 {
		t.Errorf("%d lists are finished", p.listsDone)
	}
	ids := map[string]string{}
	for _, number := range numbers {
		o, events := p.orders[number], p.events[number]
		if o.Status != hospital.Stopped || o.Left() != 0 || len(o.RefundOrders) != 1 || len(o.Refunds) != 1 {
			t.Fatalf("order %s is %s, %d fen left, %d refund orders, %d refunds", number, o.Status, o.Left(), len(o.RefundOrders), len(o.Refunds))
		}
		r := o.RefundOrders[0]
		if r.Type != hospital.ForStop || r.No[1:3] != string(hospital.ForStop) || r.Amount != fee {
			t.Fatalf("order %s: %+v", number, r)
		}
		// The channel's word that it has arrived is another matter; a wallet has it at once.
		carried := "RefundAccepted"
		if o.TradeMode() == hospital.Wallet {
			carried = "RefundSucceeded"
		}
		if sent := o.Refunds[0]; sent.Status == payment.Failed || sent.Amount != fee {
			t.Fatalf("order %s: %+v", number, sent)
		}
		if events["RegistrationStopped"] != 1 || events["RefundRequested"] != 1 || events[carried] != 1 {
			t.Fatalf("order %s has the events %v", number, events)
		}
		if other, taken := ids[r.No]; taken {
			t.Fatalf("%s is the refund order of %s and of %s", r.No, other, number)
		}
		ids[r.No] = number
	}
}
