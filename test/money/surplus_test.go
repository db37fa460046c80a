package money

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderengine/domain/payment"
	gateway "orderengine/gateways/pingpp"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

// shown are an order's charges with what became of their money: "wx paid 1500, refunded 1500: 1500 succeeded".
func (s *shop) shown(p orderdtest.Client, number string) string {
	s.t.Helper()
	var texts []string
	for _, c := range s.show(p, number).charges() {
		text := c.Channel
		if c.Paid {
			text += " paid"
		}
		if c.Refunded {
			text += fmt.Sprintf(", refunded %d:", c.AmountRefunded)
		}
		for _, r := range c.Refunds.Data {
			text += fmt.Sprintf(" %d %s", r.Amount, r.Status)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// TestMoneyThatIsNotWanted goes back and stands in the order: after a cancel, a second time, of another sum.
func TestMoneyThatIsNotWanted(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{}, orderdtest.Bare)
	p := s.patients[0]
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	becomes := func(number, want string, status int) {
		t.Helper()
		got := ""
		defer func() {
			if t.Failed() {
				t.Logf("%s shows %q, want %q", number, got, want)
			}
		}()
		s.server.Eventually(want, func() bool { got = s.shown(p, number); return got == want })
		if o := s.show(p, number); o.Status != status {
			t.Errorf("order %s is %d, want %d", number, o.Status, status)
		}
	}

	late := s.place(p, "online")
	ch := s.pay(p, late.Number, "alipay")
	p.Send("PUT", path("cancel", late.Number)).Want(t, http.StatusOK)
	must(s.platform.Pay(ch))
	becomes(late.Number, "alipay paid, refunded 1500: 1500 succeeded", cancelled)

	double := s.place(p, "online")
	first, second := s.pay(p, double.Number, "alipay"), s.pay(p, double.Number, "wx")
	must(s.platform.Pay(first))
	s.await(p, double.Number, "payment", inStatus(paid))
	must(s.platform.Pay(second))
	becomes(double.Number, "alipay paid; wx paid, refunded 1500: 1500 succeeded", paid)

	odd := s.place(p, "online")
	s.pay(p, odd.Number, "wx")
	s.notice(odd.Number, "ch_thatNobodyHasRecorded01", 1499).Want(t, http.StatusOK)
	s.server.Eventually("the odd sum's refund parked", func() bool { return len(s.parked()) == 1 }) // the platform has no such charge
	if got := s.shown(p, odd.Number); got != "wx; alipay paid, refunded 0: 1499 pending" {
		t.Errorf("the odd sum shows as %q", got)
	}
	if o := s.show(p, odd.Number); o.Status != unpaid {
		t.Errorf("an odd sum has paid the order: %d", o.Status)
	}

	s.platform.AwaitQuiet(t)
	orders, _ := s.history()
	for _, number := range []string{late.Number, double.Number} {
		s.sameMoney(orders[number], s.platform.Ledger().Orders[number])
	}
}

// notice sends a signed charge.succeeded as the platform would.
func (s *shop) notice(number, charge string, amount int) orderdtest.Reply {
	s.t.Helper()
	event := payment.Notice{ID: "evt_" + charge, Object: "event", Livemode: true, Type: payment.NoticeChargeSucceeded}
	event.Data.Object = json.RawMessage(fmt.Sprintf(`{"id":%q,"object":"charge","order_no":%q,"channel":"alipay","paid":true,"amount":%d}`, charge, number, amount))
	body, err := json.Marshal(event)
	if err != nil {
		s.t.Fatal(err)
	}
	signature, err := gateway.Sign(s.platform.Key(), body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.server.As("").With(gateway.WebhookSignature, signature).Send("POST", "/qaorder/pay/notify/", orderdtest.JSON(string(body)))
}

type parked struct {
	RefundNo string `json:"refund_no"`
	Status   string
	Tries    int
	Why      string
}

func (s *shop) parked() []parked {
	s.t.Helper()
	var list struct{ Results []parked }
	s.admin().Get("/admin/parked/").Want(s.t, http.StatusOK).Into(s.t, &list)
	return list.Results
}

// TestParkedRefunds lets refunds fail, retries one twice under a key, and gives one up.
func TestParkedRefunds(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{HoldRefunds: true}, orderdtest.Bare)
	p := s.patients[0]
	var numbers []string
	for range 2 {
		o := s.place(p, "online")
		if err := s.platform.Pay(s.pay(p, o.Number, "wx")); err != nil {
			t.Fatal(err)
		}
		s.await(p, o.Number, "payment", inStatus(paid))
		p.Send("PUT", path("refund", o.Number)).Want(t, http.StatusOK)
		numbers = append(numbers, o.Number)
	}
	settle := func(number string, ok bool) {
		t.Helper()
		s.server.Eventually("a pending refund at the platform", func() bool {
			for _, r := range s.platform.Refunds(number) {
				if r.Status == payment.Pending {
					return s.platform.SettleRefund(r.ID, ok) == nil
				}
			}
			return false
		})
	}
	settle(numbers[0], false)
	settle(numbers[1], false)
	s.server.Eventually("two parked", func() bool { return len(s.parked()) == 2 })
	if got := s.parked(); got[0].Status != "failed" || got[0].RefundNo != numbers[0]+"R1" || got[0].Why == "" {
		t.Errorf("%+v", got)
	}

	retry := "/admin/parked/" + numbers[0] + "R1/retry/"
	once := s.admin().With("Idempotency-Key", "retry-1").Send("POST", retry).Want(t, http.StatusOK)
	again := s.admin().With("Idempotency-Key", "retry-1").Send("POST", retry).Want(t, http.StatusOK)
	if once.Body != again.Body {
		t.Errorf("the same key: %s, then %s", once.Body, again.Body)
	}
	s.admin().Send("POST", retry).Want(t, http.StatusBadRequest) // it does not wait any more
	s.admin().With("Idempotency-Key", "retry-1").Send("POST", "/admin/parked/"+numbers[1]+"R1/retry/").Want(t, http.StatusConflict)
	settle(numbers[0], true)
	s.await(p, numbers[0], "refund", func(o order) bool { return o.Charge.AmountRefunded == 1500 && len(o.Charge.Refunds.Data) == 2 })

	giveUp := "/admin/parked/" + numbers[1] + "R1/give-up/"
	once = s.admin().With("Idempotency-Key", "give-up-1").Send("POST", giveUp, orderdtest.Form("why=paid+in+cash")).Want(t, http.StatusOK)
	again = s.admin().With("Idempotency-Key", "give-up-1").Send("POST", giveUp, orderdtest.Form("why=paid+in+cash")).Want(t, http.StatusOK)
	if once.Body != again.Body {
		t.Errorf("the same key: %s, then %s", once.Body, again.Body)
	}
	s.admin().With("Idempotency-Key", "give-up-1").Send("POST", giveUp, orderdtest.Form("why=otherwise")).Want(t, http.StatusConflict)
	s.server.Eventually("none parked", func() bool { return len(s.parked()) == 0 })
	s.server.As("").Get("/admin/parked/").Want(t, http.StatusUnauthorized)
	s.admin().Send("POST", "/admin/parked/"+numbers[1]+"R9/retry/").Want(t, http.StatusNotFound)

	_, kinds := s.history()
	first, second := kinds["qaorder-"+numbers[0]], kinds["qaorder-"+numbers[1]]
	if first["RefundRetried"] != 1 || first["RefundRequested"] != 2 || first["RefundSucceeded"] != 1 || second["RefundGivenUp"] != 1 || second["RefundRequested"] != 1 {
		t.Errorf("events %v and %v", first, second)
	}
}

// TestARefusedRefundCanBeRefusedAgain: what is parked, retried and refused again is parked again, and not asked
// for in between.
func TestARefusedRefundCanBeRefusedAgain(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{}, orderdtest.Bare)
	o := s.place(s.patients[0], "online")
	s.notice(o.Number, "ch_thatThePlatformHasNot01", 700).Want(t, http.StatusOK)
	for range 3 {
		s.server.Eventually("parked", func() bool { return len(s.parked()) == 1 })
		requests := s.platform.Ledger().Counts.Requests
		s.admin().Send("POST", "/admin/parked/"+o.Number+"R1/retry/").Want(t, http.StatusOK)
		s.server.Eventually("asked again", func() bool { return s.platform.Ledger().Counts.Requests > requests })
	}
	s.server.Eventually("parked", func() bool { return len(s.parked()) == 1 })
	if _, kinds := s.history(); kinds["qaorder-"+o.Number]["RefundParked"] != 4 || kinds["qaorder-"+o.Number]["RefundRetried"] != 3 {
		t.Errorf("%v", kinds["qaorder-"+o.Number])
	}
}

// TestForgedNotices: 401, nothing changed, counted.
func TestForgedNotices(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{}, orderdtest.Bare)
	p := s.patients[0]
	o := s.place(p, "online")
	s.pay(p, o.Number, "wx")
	before := p.Get(path("detail", o.Number) + "?expand=charge").Body
	position := s.metric("orderd_log_position")
	body := `{"id":"evt_1","livemode":false,"type":"charge.succeeded","data":{"object":{"id":"ch_1","order_no":"` + o.Number + `","paid":true,"amount":1500}}}`
	sent := 0
	for _, signature := range []string{"-", "", "x", "MTIz", strings.Repeat("A", 172)} {
		c := s.server.As("")
		if signature != "-" {
			c = c.With(gateway.WebhookSignature, signature)
		}
		for _, text := range []string{body, "", "{", strings.Replace(body, "false", "true", 1)} {
			c.Send("POST", "/qaorder/pay/notify/", orderdtest.JSON(text)).Want(t, http.StatusUnauthorized)
			sent++
		}
	}
	if got := s.metric(`orderd_notices_total{outcome="forged"}`); got != sent {
		t.Errorf("%d forged notices counted, %d sent", got, sent)
	}
	if after := p.Get(path("detail", o.Number) + "?expand=charge").Body; after != before || s.metric("orderd_log_position") != position {
		t.Errorf("changed from %s to %s", before, after)
	}
}

// TestTimeOutsOfTheServer runs with periods of seconds.
func TestTimeOutsOfTheServer(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{Lifetime: 3 * time.Second}, orderdtest.Bare, "--unpaid", "2s", "--unanswered", "5s", "--unfinished", "400ms")
	p := s.patients[0]
	s.admin().Send("POST", "/admin/users/patient0/topup/", orderdtest.Form("amount=15.00")).Want(t, http.StatusOK)
	charged := s.place(p, "online")
	s.pay(p, charged.Number, "wx")
	expire := time.Unix(s.show(p, charged.Number).Charge.TimeExpire, 0)
	bare := s.place(p, "online")
	byWallet, byPlatform := s.place(p, "online"), s.place(p, "online")
	p.Send("PATCH", path("pay", byWallet.Number), orderdtest.Form("channel=balance")).Want(t, http.StatusOK)
	if err := s.platform.Pay(s.pay(p, byPlatform.Number, "alipay")); err != nil {
		t.Fatal(err)
	}
	s.await(p, bare.Number, "cancel", inStatus(cancelled))
	s.await(p, charged.Number, "time-out", func(o order) bool {
		if o.Status == cancelled && time.Now().Before(expire) {
			t.Error("cancelled before its charge has expired")
		}
		return o.Status == cancelled
	})
	s.await(p, byPlatform.Number, "refund", func(o order) bool { return o.Status == cancelled && o.Charge.AmountRefunded == 1500 })
	answered := s.place(p, "online")
	if err := s.platform.Pay(s.pay(p, answered.Number, "alipay")); err != nil {
		t.Fatal(err)
	}
	answered = s.await(p, answered.Number, "payment", inStatus(paid))
	var q struct{ PK int64 }
	ask(p, answered).Want(t, http.StatusCreated).Into(t, &q)
	s.doctor.Send("POST", "/qaorder/answer/create/", orderdtest.Form(fmt.Sprintf("question=%d&diagnosis_result=x", q.PK))).Want(t, http.StatusCreated)
	s.await(p, answered.Number, "finish", inStatus(finished))
	s.await(p, byWallet.Number, "time-out", inStatus(cancelled))
	s.server.Eventually("the wallet's money back", func() bool {
		return strings.Contains(p.Get("/wallet/statement/").Body, `"kind":"refund","kind_display":"退款","amount":"15.00","balance":"15.00"`)
	})
	_, kinds := s.history()
	for number, want := range map[string]map[string]int{bare.Number: cancelledOnce, charged.Number: cancelledOnce, byPlatform.Number: refundedOnce, byWallet.Number: refundedOnce, answered.Number: finishedOnce} {
		got := kinds["qaorder-"+number]
		for _, kind := range []string{"OrderCancelled", "OrderFinished", "RefundRequested", "RefundSucceeded"} {
			if got[kind] != want[kind] {
				t.Errorf("order %s: %d × %s, want %d", number, got[kind], kind, want[kind])
			}
		}
	}
}
