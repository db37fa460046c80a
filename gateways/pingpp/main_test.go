package pingpp_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderengine/domain/payment"
	"orderengine/gateways"
	"orderengine/gateways/pingpp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	orderNo  = "12257268238541425696240003"
	chargeID = "ch_TabDi9v1u9G0fjnLiPq5OmDS"
	refundID = "re_y1u944PmfnrTHyvnL0nD0iD1"
	refundNo = orderNo + "R1"
	apiKey   = "sk_test_ThisMustNeverBeSeen"
	app      = "app_HOafLKjbnLm1jXrP"
)

var (
	merchantKey = sync.OnceValue(newKey)
	platformKey = sync.OnceValue(newKey)
	clock       = time.Unix(1490254478, 0)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// aCharge is the document's, to be asked for.
func aCharge() gateways.ChargeRequest {
	return gateways.ChargeRequest{OrderNo: orderNo, Attempt: orderNo + "A1", Channel: payment.Alipay, Amount: 1500,
		ClientIP: "127.0.0.1", Owner: "patient1", At: clock}
}

func aRefund() gateways.RefundRequest {
	return gateways.RefundRequest{Charge: chargeID, OrderNo: orderNo, No: refundNo, Amount: 500, Description: "<退款> & sorry"}
}

func newClient(t testing.TB, config pingpp.Config) *pingpp.Client {
	t.Helper()
	client, err := pingpp.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// clientOf is a client of a server that a test wrote.
func clientOf(t testing.TB, handler http.HandlerFunc) *pingpp.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newClient(t, pingpp.Config{BaseURL: server.URL, APIKey: apiKey, App: app, PrivateKey: merchantKey(),
		Timeout: 5 * time.Second, Now: func() time.Time { return clock }})
}

// always answers everything with the same.
func always(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const emptyList = `{"object":"list","url":"/","has_more":false,"data":[]}`

// post answers POSTs, and GETs with a charge that has no refunds.
func post(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			always(http.StatusOK, emptyList)(w, r)
			return
		}
		handler(w, r)
	}
}

// call is one of the three, its reply left out.
type call struct {
	name string
	do   func(context.Context, *pingpp.Client) error
}

var calls = []call{
	{"charge", func(ctx context.Context, c *pingpp.Client) error {
		_, err := c.CreateCharge(ctx, aCharge())
		return err
	}},
	{"refund", func(ctx context.Context, c *pingpp.Client) error {
		_, err := c.CreateRefund(ctx, aRefund())
		return err
	}},
	{"find", func(ctx context.Context, c *pingpp.Client) error {
		_, _, err := c.FindRefund(ctx, chargeID, refundNo)
		return err
	}},
}
