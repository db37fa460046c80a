package pingpp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
	gateway "orderengine/gateways/pingpp"
	"orderengine/test/pingpp"
)

func start(t *testing.T, options pingpp.Options) (*pingpp.Platform, *gateway.Client) {
	t.Helper()
	platform := pingpp.Start(t, options)
	client, err := gateway.New(platform.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return platform, client
}

func request(orderNo string) gateways.ChargeRequest {
	return gateways.ChargeRequest{OrderNo: orderNo, Channel: payment.WX, Amount: 1500, ClientIP: "::1", Owner: "patient1"}
}

func charge(t *testing.T, client *gateway.Client, orderNo string) payment.Charge {
	t.Helper()
	c, err := client.CreateCharge(t.Context(), request(orderNo))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func refund(client *gateway.Client, t *testing.T, c payment.Charge, no string, amount domain.Fen) error {
	t.Helper()
	_, err := client.CreateRefund(t.Context(), gateways.RefundRequest{Charge: c.ID, OrderNo: c.OrderNo, No: no, Amount: amount, Description: "退款"})
	return err
}

// merchant takes webhooks and keeps what is signed.
type merchant struct {
	*httptest.Server
	mu      sync.Mutex
	refuse  int // so many notices before it takes any
	taken   map[string]int
	charges map[string]payment.Charge
	order   []string // order numbers as they were first heard of
}

func newMerchant(t *testing.T, p *pingpp.Platform) *merchant {
	t.Helper()
	m := &merchant{taken: map[string]int{}, charges: map[string]payment.Charge{}}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || gateway.Verify(&p.Key().PublicKey, r.Header.Get(gateway.WebhookSignature), body) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(m.take(t, body))
	}))
	t.Cleanup(m.Close)
	p.SetWebhook(m.URL)
	return m
}

func (m *merchant) take(t *testing.T, body []byte) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse > 0 {
		m.refuse--
		return http.StatusInternalServerError
	}
	var n payment.Notice
	if err := json.Unmarshal(body, &n); err != nil {
		t.Error(err)
	}
	m.taken[n.ID]++
	if n.Type == payment.NoticeChargeSucceeded {
		var c payment.Charge
		if err := json.Unmarshal(n.Data.Object, &c); err != nil || !c.Paid || c.TimePaid == nil || c.Amount != 1500 {
			t.Errorf("%v: %s", err, n.Data.Object)
		}
		if m.charges[c.ID].ID == "" {
			m.order = append(m.order, c.OrderNo)
		}
		m.charges[c.ID] = c
	}
	return http.StatusNoContent
}

func TestPayAndGiveBack(t *testing.T) {
	platform, client := start(t, pingpp.Options{HoldRefunds: true})
	m := newMerchant(t, platform)
	m.refuse = 3
	c := charge(t, client, "order1")
	if err := refund(client, t, c, "R1", 100); err == nil {
		t.Error("nothing was paid and something given back")
	}
	if err := platform.Pay(c.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{c.ID, "ch_none"} {
		if platform.Pay(id) == nil {
			t.Errorf("%s is paid again", id)
		}
	}
	for _, r := range []struct {
		no     string
		amount domain.Fen
		ok     bool
	}{{"R1", 1000, true}, {"R1", 1000, true}, {"R2", 501, false}, {"R3", 500, true}, {"R4", 1, false}} {
		if err := refund(client, t, c, r.no, r.amount); (err == nil) != r.ok {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if e := platform.Ledger().Orders["order1"]; e.Pending != 1500 || e.Refunds != 2 {
		t.Errorf("%+v", e)
	}
	for i, r := range platform.Refunds("order1") {
		if err := platform.SettleRefund(r.ID, i == 0); err != nil || platform.SettleRefund(r.ID, true) == nil {
			t.Error(err)
		}
	}
	// What failed can be given back again, under another number.
	if err := refund(client, t, c, "R5", 500); err != nil {
		t.Error(err)
	}
	platform.AwaitQuiet(t)
	want := pingpp.Entry{Charges: 1, PaidCharges: 1, Charged: 1500, Paid: 1500, Refunded: 1000, Pending: 500, Failed: 500, Refunds: 3}
	l := platform.Ledger()
	if l.Orders["order1"] != want || l.Total != want || want.Held() != 500 {
		t.Errorf("%+v", l)
	}
	if l.Counts.Notices != 3 || l.Counts.Sends != 6 || l.Counts.Undelivered != 0 || len(m.taken) != 3 {
		t.Errorf("%+v, taken %v", l.Counts, m.taken)
	}
}

func TestTheSameOrderAgain(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	platform, client := start(t, pingpp.Options{RenewAfter: 6 * time.Minute, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	first := charge(t, client, "order1")
	if charge(t, client, "order1").ID != first.ID {
		t.Error("another charge at once")
	}
	mu.Lock()
	now = now.Add(6 * time.Minute)
	mu.Unlock()
	config := platform.Config()
	config.Now = func() time.Time { return time.Now().Add(6 * time.Minute) }
	client, err := gateway.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	second := charge(t, client, "order1")
	if second.ID == first.ID {
		t.Error("the same charge for ever")
	}
	for _, c := range platform.Charges("order1") {
		if err := platform.Pay(c.ID); err != nil {
			t.Error(err)
		}
	}
	if e := platform.Ledger().Orders["order1"]; e.PaidCharges != 2 || e.Paid != 3000 {
		t.Errorf("%+v", e)
	}
}

func TestNobodyTakesTheNotice(t *testing.T) {
	platform, client := start(t, pingpp.Options{RetryEvery: time.Microsecond})
	m := newMerchant(t, platform)
	m.refuse = 9
	if err := platform.Pay(charge(t, client, "order1").ID); err != nil {
		t.Fatal(err)
	}
	platform.AwaitQuiet(t)
	if c := platform.Ledger().Counts; c.Sends != 8 || c.Undelivered != 1 {
		t.Errorf("%+v", c)
	}
	if n := platform.Redeliver(); n != 1 {
		t.Errorf("%d again", n)
	}
	platform.AwaitQuiet(t)
	if c := platform.Ledger().Counts; c.Sends != 10 || c.Undelivered != 0 {
		t.Errorf("%+v", c)
	}
}

func TestNoticesGoWrong(t *testing.T) {
	platform, client := start(t, pingpp.Options{Seed: 7, AutoPay: true, Faults: pingpp.Faults{Repeat: 1, Forge: 1, Shuffle: 100 * time.Millisecond}})
	m := newMerchant(t, platform)
	const orders = 20
	var asked []string
	for i := range orders {
		asked = append(asked, charge(t, client, fmt.Sprint("order", i)).OrderNo)
	}
	platform.AwaitQuiet(t)
	for id, n := range m.taken {
		if n != 10 {
			t.Errorf("notice %s came %d times", id, n)
		}
	}
	if fmt.Sprint(m.order) == fmt.Sprint(asked) {
		t.Error("nothing was shuffled")
	}
	if c := platform.Ledger().Counts; len(m.taken) != orders || c.Forged != 3*orders || c.ForgedAccepted != 0 || c.Sends != 13*orders {
		t.Errorf("%d taken, %+v", len(m.taken), c)
	}
}

func TestForgedNoticesAcceptedAreCounted(t *testing.T) {
	platform, client := start(t, pingpp.Options{AutoPay: true, Faults: pingpp.Faults{Forge: 1}})
	gullible := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(gullible.Close)
	platform.SetWebhook(gullible.URL)
	charge(t, client, "order1")
	platform.AwaitQuiet(t)
	if c := platform.Ledger().Counts; c.ForgedAccepted != 3 {
		t.Errorf("%+v", c)
	}
}

// Every fault of a request shows to the client as it should, and the work is done or is not.
func TestRequestsGoWrong(t *testing.T) {
	for _, row := range []struct {
		name    string
		faults  pingpp.Faults
		ok      bool
		charges int
	}{
		{"drop request", pingpp.Faults{DropRequest: 1}, false, 0},
		{"drop reply", pingpp.Faults{DropReply: 1}, false, 1},
		{"bad gateway", pingpp.Faults{BadGateway: 1}, false, 0},
		{"lost gateway", pingpp.Faults{LostGateway: 1}, false, 1},
		{"busy", pingpp.Faults{Busy: 1}, false, 0},
		{"twice", pingpp.Faults{Twice: 1}, true, 1},
		{"late", pingpp.Faults{Late: 1, LateBy: time.Hour}, false, 1},
		{"late and new", pingpp.Faults{Late: 1, NewCharge: 1}, true, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			platform, client := start(t, pingpp.Options{Faults: row.faults, Timeout: 100 * time.Millisecond})
			if row.ok {
				client = patient(t, platform)
			}
			_, err := client.CreateCharge(t.Context(), request("order1"))
			l := platform.Ledger()
			if (err == nil) != row.ok || l.Total.Charges != row.charges || l.Counts.Faults != 1 {
				t.Errorf("%v, %+v", err, l)
			}
		})
	}
}

// patient is a client with the usual time-out.
func patient(t *testing.T, p *pingpp.Platform) *gateway.Client {
	t.Helper()
	config := p.Config()
	config.Timeout = 0
	client, err := gateway.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// The same seed goes wrong in the same places, whatever comes first.
func TestSeedDecides(t *testing.T) {
	run := func(seed uint64, from, step int) (failed [40]bool) {
		_, client := start(t, pingpp.Options{Seed: seed, Faults: pingpp.Faults{BadGateway: 0.5}})
		for i, n := from, 0; n < len(failed); i, n = i+step, n+1 {
			_, err := client.CreateCharge(t.Context(), request(fmt.Sprint("order", i)))
			failed[i] = err != nil
		}
		return failed
	}
	if first := run(1, 0, 1); first != run(1, 39, -1) || first == run(2, 0, 1) {
		t.Error("chance does not follow from the seed alone")
	}
}

func TestKeyFiles(t *testing.T) {
	platform := pingpp.Start(t, pingpp.Options{})
	private, public := platform.KeyFiles(t)
	merchants, err := gateway.LoadPrivateKey(private)
	if err != nil || !merchants.Equal(platform.Config().PrivateKey) {
		t.Error(err)
	}
	platforms, err := gateway.LoadPublicKey(public)
	if err != nil || !platforms.Equal(&platform.Key().PublicKey) {
		t.Error(err)
	}
}

// The test may end while the platform has much to do.
func TestEndsInTheMiddle(t *testing.T) {
	platform, client := start(t, pingpp.Options{AutoPay: true, PayAfter: time.Hour, RefundAfter: time.Hour, Faults: pingpp.Faults{Shuffle: time.Hour}})
	platform.SetWebhook("http://127.0.0.1:1")
	for i := range 10 {
		c := charge(t, client, fmt.Sprint("order", i))
		if err := platform.Pay(c.ID); err != nil {
			t.Fatal(err)
		}
		if err := refund(client, t, c, "R", 1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestManyOrders(t *testing.T) {
	platform, client := start(t, pingpp.Options{AutoPay: true})
	m := newMerchant(t, platform)
	const orders, workers = 1000, 16
	began := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < orders; i += workers {
				if _, err := client.CreateCharge(t.Context(), request(fmt.Sprint("order", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	platform.AwaitQuiet(t)
	if l := platform.Ledger(); l.Total.PaidCharges != orders || len(m.charges) != orders {
		t.Errorf("%+v", l.Total)
	}
	t.Logf("%d orders in %s", orders, time.Since(began))
}
