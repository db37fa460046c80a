package pingpp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
	"orderengine/gateways/pingpp"
	standin "orderengine/test/pingpp"
)

func start(t *testing.T, options standin.Options) (*standin.Platform, *pingpp.Client) {
	t.Helper()
	platform := standin.Start(t, options)
	return platform, newClient(t, platform.Config())
}

// paid makes a charge and pays it.
func paid(t *testing.T, p *standin.Platform, c *pingpp.Client) payment.Charge {
	t.Helper()
	charge, err := c.CreateCharge(t.Context(), aCharge())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Pay(charge.ID); err != nil {
		t.Fatal(err)
	}
	return charge
}

func refundOf(charge payment.Charge, no string, amount domain.Fen) gateways.RefundRequest {
	return gateways.RefundRequest{Charge: charge.ID, OrderNo: charge.OrderNo, No: no, Amount: amount, Description: "退款"}
}

func TestChargeAndRefund(t *testing.T) {
	platform, client := start(t, standin.Options{})
	charge := paid(t, platform, client)
	if found, err := client.FindCharge(t.Context(), charge.ID); err != nil || !found.Paid || found.OrderNo != charge.OrderNo || found.Amount != charge.Amount {
		t.Errorf("the paid charge is found as %+v, %v", found, err)
	}
	if charge.Subject != "肺轻松#1225726823854142569624" || charge.Metadata.Owner != "patient1" {
		t.Errorf("%+v", charge)
	}
	if again, err := client.CreateCharge(t.Context(), aCharge()); err != nil || again.ID != charge.ID {
		t.Errorf("the same order_no soon is %s, %v", again.ID, err)
	}
	for i := range 3 {
		for range 2 {
			refund, err := client.CreateRefund(t.Context(), refundOf(charge, fmt.Sprint("R", i), 500))
			if err != nil || refund.OrderNo != fmt.Sprint("R", i) {
				t.Fatalf("%+v, %v", refund, err)
			}
		}
	}
	platform.AwaitQuiet(t)
	found, ok, err := client.FindRefund(t.Context(), charge.ID, "R1")
	if err != nil || !ok || found.Status != payment.Succeeded {
		t.Errorf("%+v, %v, %v", found, ok, err)
	}
	if _, ok, err := client.FindRefund(t.Context(), charge.ID, "R9"); ok || err != nil {
		t.Error(ok, err)
	}
	var refusal *gateways.Refusal
	if _, err := client.CreateRefund(t.Context(), refundOf(charge, "R9", 1)); !errors.As(err, &refusal) || refusal.Status != http.StatusPaymentRequired {
		t.Errorf("after all was given back: %v", err)
	}
	if got := platform.Ledger().Total; got.Refunded != 1500 || got.Refunds != 3 || got.Held() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestUnknownToThePlatform(t *testing.T) {
	platform, client := start(t, standin.Options{})
	other := platform.Config()
	other.APIKey = "sk_test_other"
	if _, err := newClient(t, other).CreateCharge(t.Context(), aCharge()); outcome(err) != refused {
		t.Error(err)
	}
	other = platform.Config()
	other.PrivateKey = merchantKey()
	if _, err := newClient(t, other).CreateCharge(t.Context(), aCharge()); outcome(err) != refused {
		t.Error(err)
	}
	if _, _, err := client.FindRefund(t.Context(), "ch_nobodys", "R1"); outcome(err) != refused {
		t.Error(err)
	}
}

// The platform's documents promise no more than that every request makes a refund.
func TestRefundIsFoundBeforeItIsAskedForAgain(t *testing.T) {
	platform, client := start(t, standin.Options{RefundsRepeat: true})
	charge := paid(t, platform, client)
	refund := func(no string) {
		t.Helper()
		if err := insist(func() error { _, err := client.CreateRefund(t.Context(), refundOf(charge, no, 1)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 105 { // the first are on the second page of the list
		refund(fmt.Sprint("R", i))
	}
	platform.SetFaults(standin.Faults{DropReply: 0.5})
	for i := range 10 {
		refund(fmt.Sprint("L", i))
	}
	platform.SetFaults(standin.Faults{})
	for _, no := range []string{"R0", "R104", "L0"} {
		refund(no)
	}
	if got := platform.Ledger().Total; got.Refunds != 115 || got.Repeated != 0 {
		t.Errorf("money was given back twice: %+v", got)
	}
}

// A server that stood still after it had looked for the refund must not ask for it: another has done so meanwhile.
func TestRefundIsNotAskedForTooLate(t *testing.T) {
	platform := standin.Start(t, standin.Options{RefundsRepeat: true})
	config, over := platform.Config(), errors.New("it is another's turn")
	var late atomic.Bool
	config.Still = func(context.Context) error {
		if late.Load() {
			return over
		}
		return nil
	}
	client := newClient(t, config)
	charge := paid(t, platform, client)
	late.Store(true)
	if _, err := client.CreateRefund(t.Context(), refundOf(charge, "R1", 1)); !errors.Is(err, over) || !errors.Is(err, gateways.ErrTurn) {
		t.Errorf("too late: %v", err)
	}
	if n := platform.Ledger().Total.Refunds; n != 0 {
		t.Errorf("%d refunds are made", n)
	}
	late.Store(false)
	if _, err := client.CreateRefund(t.Context(), refundOf(charge, "R1", 1)); err != nil {
		t.Error(err)
	}
}

// Of a lost request and its successor the later one is refused, although the refund was made.
func TestRefusedBecauseItWasDone(t *testing.T) {
	looks := 0
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			always(402, `{"error":{"type":"channel_error","message":"fully refunded"}}`)(w, r)
		case looks == 0:
			looks++
			always(200, emptyList)(w, r)
		default:
			always(200, `{"object":"list","has_more":false,"data":[`+refundReply+`]}`)(w, r)
		}
	})
	if refund, err := client.CreateRefund(t.Context(), aRefund()); err != nil || refund.ID != refundID {
		t.Errorf("%+v, %v", refund, err)
	}
}

func TestRefusedAndThenUnknown(t *testing.T) {
	looks := 0
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			always(402, envelope)(w, r)
		case looks == 0:
			looks++
			always(200, emptyList)(w, r)
		default:
			always(502, "")(w, r)
		}
	})
	if _, err := client.CreateRefund(t.Context(), aRefund()); outcome(err) != unknown {
		t.Error(err)
	}
}

func TestBestOfSeveralCounts(t *testing.T) {
	failed := strings.Replace(refundReply, `"pending"`, `"failed"`, 1)
	succeeded := strings.Replace(refundReply, `"pending"`, `"succeeded"`, 1)
	for _, row := range [][]string{{failed, succeeded, refundReply}, {succeeded, failed}, {refundReply, succeeded}} {
		client := clientOf(t, always(200, `{"object":"list","has_more":false,"data":[`+strings.Join(row, ",")+`]}`))
		if refund, ok, err := client.FindRefund(t.Context(), chargeID, refundNo); err != nil || !ok || refund.Status != payment.Succeeded {
			t.Errorf("%+v, %v, %v", refund, ok, err)
		}
	}
	// The same number for another amount is not what was asked for.
	client := clientOf(t, always(200, `{"object":"list","has_more":false,"data":[`+strings.Replace(refundReply, `"amount":500`, `"amount":501`, 1)+`]}`))
	if _, err := client.CreateRefund(t.Context(), aRefund()); outcome(err) != unknown {
		t.Error(err)
	}
}

func TestListsThatAreNone(t *testing.T) {
	other := strings.Replace(refundReply, chargeID, "ch_other", 1)
	for name, body := range map[string]string{
		"no end":         `{"object":"list","has_more":true,"data":[` + refundReply + `]}`,
		"empty page":     `{"object":"list","has_more":true,"data":[]}`,
		"no list":        `{"object":"page","data":[]}`,
		"another's":      `{"object":"list","data":[` + other + `]}`,
		"not refunds":    `{"object":"list","data":[{}]}`,
		"an id to trust": `{"object":"list","has_more":true,"data":[` + strings.Replace(refundReply, refundID, "re_&x=y", 1) + `]}`,
	} {
		if _, ok, err := clientOf(t, always(200, body)).FindRefund(t.Context(), chargeID, refundNo); ok || outcome(err) != unknown {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

// On a bad day the client is asked again until it knows; then every charge is there and every refund made once.
func TestRoughPlatform(t *testing.T) {
	faults := standin.Rough
	faults.LateBy = 1500 * time.Millisecond
	platform, client := start(t, standin.Options{Faults: faults, Timeout: time.Second})
	const orders = 50
	errs := make(chan error, orders)
	for i := range orders {
		go func() { errs <- payAndGiveBack(t, platform, client, fmt.Sprintf("%026d", i)) }()
	}
	for range orders {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	platform.AwaitQuiet(t)
	ledger := platform.Ledger()
	for no, e := range ledger.Orders {
		if e.Refunds != 2 || e.Repeated != 0 || e.Refunded != 800 {
			t.Errorf("order %s: %+v", no, e)
		}
	}
	if len(ledger.Orders) != orders || ledger.Counts.Faults == 0 || ledger.Counts.Unauthorized != 0 {
		t.Errorf("%+v", ledger.Counts)
	}
}

func payAndGiveBack(t *testing.T, platform *standin.Platform, client *pingpp.Client, number string) error {
	request := aCharge()
	request.OrderNo = number
	var charge payment.Charge
	if err := insist(func() (err error) { charge, err = client.CreateCharge(t.Context(), request); return err }); err != nil {
		return err
	}
	if err := platform.Pay(charge.ID); err != nil {
		return err
	}
	for _, no := range []string{"R1", "R2"} {
		if err := insist(func() error {
			refund, err := client.CreateRefund(t.Context(), refundOf(charge, number+no, 400))
			if err == nil && (refund.OrderNo != number+no || refund.Amount != 400) {
				return &gateways.Refusal{Message: fmt.Sprintf("%+v", refund)}
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// insist asks again until the outcome is known, within reason.
func insist(do func() error) (err error) {
	for range 100 {
		if err = do(); outcome(err) == done || outcome(err) == refused {
			return err
		}
	}
	return err
}

func TestWebhookRefundIsOurs(t *testing.T) {
	platform, client := start(t, standin.Options{HoldRefunds: true})
	charge := paid(t, platform, client)
	if _, err := client.CreateRefund(t.Context(), refundOf(charge, "R1", 5)); err != nil {
		t.Fatal(err)
	}
	sent, err := json.Marshal(platform.Refunds(orderNo)[0])
	if err != nil {
		t.Fatal(err)
	}
	if refund, err := pingpp.DecodeRefund(sent); err != nil || refund.OrderNo != "R1" {
		t.Errorf("%+v, %v", refund, err)
	}
}
