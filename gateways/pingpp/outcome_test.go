package pingpp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderengine/gateways"
	"orderengine/gateways/pingpp"
)

// What an error says of the outcome.
const (
	refused = "refused"
	busy    = "busy"
	unknown = "unknown"
	done    = "done"
)

func outcome(err error) string {
	var refusal *gateways.Refusal
	switch {
	case err == nil:
		return done
	case errors.As(err, &refusal):
		return refused
	case errors.Is(err, gateways.ErrBusy):
		return busy
	default:
		return unknown
	}
}

const envelope = `{"error":{"type":"invalid_request_error","message":"Invalid thing","code":"c","param":"p"}}`

func TestOutcomeOfStatus(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		want   string
	}{
		{400, envelope, refused}, {401, envelope, refused}, {402, envelope, refused}, {404, envelope, refused}, {422, envelope, refused},
		{402, `{"error":{"type":"channel_error","message":"the charge is fully refunded","code":"charge_refunded","param":null}}`, refused},
		{403, envelope, busy}, {429, envelope, busy}, {403, "", busy},
		{408, envelope, unknown},
		{400, "<html>", unknown}, {404, "", unknown}, {404, `{}`, unknown}, {402, `{"error":null}`, unknown}, {400, `{"error":"text"}`, unknown},
		{500, envelope, unknown}, {502, "<html>", unknown}, {503, "", unknown}, {504, envelope, unknown},
		{301, "", unknown}, {304, "", unknown}, {200, "", unknown}, {200, "<html>", unknown}, {200, "{}", unknown}, {200, "null", unknown},
		{200, "[]", unknown}, {204, "", unknown}, {200, envelope, unknown}, {200, chargeReply + "x", unknown}, {200, `{"amount":1.5}`, unknown},
	} {
		for _, c := range calls {
			t.Run(fmt.Sprintf("%s/%d/%.20s", c.name, row.status, row.body), func(t *testing.T) {
				if err := c.do(t.Context(), clientOf(t, always(row.status, row.body))); outcome(err) != row.want {
					t.Errorf("%v, want %s", err, row.want)
				}
			})
		}
	}
}

func TestRefusalHasThePlatformsWords(t *testing.T) {
	_, err := clientOf(t, always(400, envelope)).CreateCharge(t.Context(), aCharge())
	var refusal *gateways.Refusal
	want := gateways.Refusal{Status: 400, Type: "invalid_request_error", Code: "c", Param: "p", Message: "Invalid thing"}
	if !errors.As(err, &refusal) || *refusal != want {
		t.Errorf("%v, want %v", err, &want)
	}
}

func TestOutcomeOfRefundAlone(t *testing.T) {
	for _, status := range []int{400, 401, 402, 404} {
		_, err := clientOf(t, post(always(status, envelope))).CreateRefund(t.Context(), aRefund())
		if outcome(err) != refused {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestRefusedBeforeItIsSent(t *testing.T) {
	client := clientOf(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	charge := func(change func(*gateways.ChargeRequest)) error {
		r := aCharge()
		change(&r)
		_, err := client.CreateCharge(t.Context(), r)
		return err
	}
	refund := func(change func(*gateways.RefundRequest)) error {
		r := aRefund()
		change(&r)
		_, err := client.CreateRefund(t.Context(), r)
		return err
	}
	for name, err := range map[string]error{
		"no order":         charge(func(r *gateways.ChargeRequest) { r.OrderNo = "" }),
		"balance":          charge(func(r *gateways.ChargeRequest) { r.Channel = "balance" }),
		"nothing":          charge(func(r *gateways.ChargeRequest) { r.Amount = 0 }),
		"no charge":        refund(func(r *gateways.RefundRequest) { r.Charge = "" }),
		"a path":           refund(func(r *gateways.RefundRequest) { r.Charge = "ch_a/../../x?y" }),
		"no number":        refund(func(r *gateways.RefundRequest) { r.No = "" }),
		"less":             refund(func(r *gateways.RefundRequest) { r.Amount = -1 }),
		"no description":   refund(func(r *gateways.RefundRequest) { r.Description = "" }),
		"long description": refund(func(r *gateways.RefundRequest) { r.Description = strings.Repeat("退", 256) }),
		"find a path":      func() error { _, _, err := client.FindRefund(t.Context(), "ch_/", refundNo); return err }(),
		"find nothing":     func() error { _, _, err := client.FindRefund(t.Context(), chargeID, ""); return err }(),
	} {
		if outcome(err) != refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongestDescription(t *testing.T) {
	r := aRefund()
	r.Description = strings.Repeat("退", 255)
	if _, err := clientOf(t, post(always(http.StatusOK, refundReply))).CreateRefund(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// A reply that speaks of something else says nothing of what was asked.
func TestOutcomeOfAnotherReply(t *testing.T) {
	for what, change := range map[string][2]string{
		"order": {`"order_no":"12257268238541425696240003"`, `"order_no":"other"`}, "amount": {`"amount":1500`, `"amount":1501`},
		"channel": {`"channel":"alipay"`, `"channel":"wx"`}, "app": {`"app_HOaf`, `"app_HOax`}, "id": {`"id":"ch_`, `"id":"or_`},
		"currency": {`"cny"`, `"usd"`}, "object": {`"object":"charge"`, `"object":"order"`},
	} {
		reply := strings.Replace(chargeReply, change[0], change[1], 1)
		charge, err := clientOf(t, always(http.StatusOK, reply)).CreateCharge(t.Context(), aCharge())
		if outcome(err) != unknown || charge.ID != "" {
			t.Errorf("another %s: %v", what, err)
		}
	}
	for what, change := range map[string][2]string{
		"charge": {chargeID, "ch_other"}, "number": {refundNo, "other"}, "amount": {`"amount":500`, `"amount":5000`},
		"order": {`"charge_order_no":"1`, `"charge_order_no":"2`}, "id": {`"id":"re_`, `"id":"ch_`}, "status": {`"pending"`, `""`},
	} {
		reply := strings.Replace(refundReply, change[0], change[1], 1)
		refund, err := clientOf(t, post(always(http.StatusOK, reply))).CreateRefund(t.Context(), aRefund())
		if outcome(err) != unknown || refund.ID != "" {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	client := newClient(t, pingpp.Config{BaseURL: server.URL, APIKey: apiKey, App: app, PrivateKey: merchantKey(), Timeout: 20 * time.Millisecond})
	for _, c := range calls {
		if err := c.do(t.Context(), client); outcome(err) != unknown || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := calls[0].do(ctx, client); outcome(err) != unknown || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConnectionErrors(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there any more
	client := newClient(t, pingpp.Config{BaseURL: server.URL, APIKey: apiKey, App: app, PrivateKey: merchantKey()})
	closed := clientOf(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	halfway := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"id"`)
	})
	for _, c := range calls {
		for name, client := range map[string]*pingpp.Client{"refused": client, "closed": closed, "halfway": halfway} {
			if err := c.do(t.Context(), client); outcome(err) != unknown {
				t.Errorf("%s %s: %v", c.name, name, err)
			}
		}
	}
}

// A request that was sent is never sent again by the transport: the platform may have done it.
func TestPostIsSentOnce(t *testing.T) {
	var posts atomic.Int64
	client := clientOf(t, post(func(http.ResponseWriter, *http.Request) {
		posts.Add(1)
		panic(http.ErrAbortHandler)
	}))
	for i, c := range calls[:2] {
		if err := c.do(t.Context(), client); outcome(err) != unknown || posts.Load() != int64(i+1) {
			t.Errorf("%s: %v, %d requests", c.name, err, posts.Load())
		}
	}
}

func TestHugeReply(t *testing.T) {
	var written atomic.Int64
	client := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		block := []byte(strings.Repeat(" ", 1<<16))
		for range 1 << 12 { // 256 MiB if it were all read
			n, err := w.Write(block)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	for _, c := range calls {
		if err := c.do(t.Context(), client); outcome(err) != unknown || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if written.Load() > 64<<20 {
		t.Errorf("%d bytes were taken", written.Load())
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the key went elsewhere") }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := clientOf(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		for _, c := range calls {
			if err := c.do(t.Context(), client); outcome(err) != unknown {
				t.Errorf("%s %d: %v", c.name, status, err)
			}
		}
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	connections := map[string]bool{}
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		always(http.StatusOK, chargeReply)(w, r)
	})
	for range 20 {
		if err := calls[0].do(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections", len(connections))
	}
}

// The platform repeats what it was sent; no text of ours may.
func TestSecretsNeverShow(t *testing.T) {
	var secrets []string
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			user, _, _ := r.BasicAuth()
			auth := strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
			secrets = []string{user, auth, r.Header.Get("Pingplusplus-Signature"), "orderInfo-secret"}
			all := strings.Join(secrets[:3], " and ")
			always(status, fmt.Sprintf(`{"error":{"type":%q,"message":%q,"code":%q,"param":%q},"id":7,"credential":"orderInfo-secret"}`, all, all, all, all))(w, r)
		}
	}
	for _, status := range []int{200, 302, 400, 401, 402, 403, 404, 500} {
		for _, c := range calls {
			err := c.do(t.Context(), clientOf(t, echo(status)))
			if err == nil {
				t.Fatalf("%s %d: no error", c.name, status)
			}
			for _, secret := range secrets {
				if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) {
					t.Errorf("%s %d: %s shows %q", c.name, status, text, secret)
				}
			}
		}
	}
}
