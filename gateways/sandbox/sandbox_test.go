package sandbox_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
	"orderengine/gateways/sandbox"
)

const number = "12257268238541425696240003"

var (
	at      = time.Unix(1490254478, 0)
	testKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 1024) // small, for tests alone
		if err != nil {
			panic(err)
		}
		return key
	})
)

func platform() sandbox.Platform {
	return sandbox.Platform{Key: testKey(), Location: time.FixedZone("CST", 8*3600), Now: func() time.Time { return at }}
}

func request(channel payment.Channel, attempt string) gateways.ChargeRequest {
	return gateways.ChargeRequest{OrderNo: number, Attempt: attempt, Channel: channel, Amount: 1500, ClientIP: "127.0.0.1", Owner: "patient1", At: at}
}

func charge(t *testing.T, r gateways.ChargeRequest) payment.Charge {
	t.Helper()
	c, err := platform().CreateCharge(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// document is the charge of the document's sample (订单支付).
const document = `{"order_no":"12257268238541425696240003","extra":{},"app":"app_HOafLKjbnLm1jXrP","livemode":true,"currency":"cny","time_settle":null,
"time_expire":1490340878,"id":"ch_TabDi9v1u9G0fjnLiPq5OmDS","subject":"肺轻松#1225726823854142569624","failure_msg":null,"channel":"alipay",
"metadata":{"owner":"patient1","order_number":"12257268238541425696240003"},"body":"肺轻松#12257268238541425696240003",
"credential":{"alipay":{"orderInfo":"x"},"object":"credential"},"client_ip":"127.0.0.1","description":null,"amount_refunded":0,"refunded":false,
"object":"charge","paid":false,"amount_settle":1500,"time_paid":null,"failure_code":null,
"refunds":{"url":"/v1/charges/ch_TabDi9v1u9G0fjnLiPq5OmDS/refunds","has_more":false,"object":"list","data":[]},"created":1490254478,
"transaction_no":null,"amount":1500}`

// keys lists all keys of a JSON text with their depth, in order.
func keys(t *testing.T, text []byte) (all []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	var walk func(path string)
	walk = func(path string) {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'):
			for d.More() {
				key, _ := d.Token()
				all = append(all, path+key.(string))
				walk(path + key.(string) + ".")
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				walk(path)
			}
			_, _ = d.Token()
		}
	}
	walk("")
	return all
}

func TestChargeIsTheDocuments(t *testing.T) {
	c := charge(t, request(payment.Alipay, "a1"))
	text, err := domain.JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := keys(t, text), keys(t, []byte(document)); !slices.Equal(got, want) {
		t.Errorf("keys\n%v, want\n%v", got, want)
	}
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal([]byte(document), &want)); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"app", "livemode", "id", "credential", "refunds"} { // differ from charge to charge
		delete(got, own)
		delete(want, own)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("charge\n%v, want\n%v", got, want)
	}
	if c.Livemode || !strings.HasPrefix(c.ID, "ch_") || len(c.ID) != 27 || c.Refunds.URL != "/v1/charges/"+c.ID+"/refunds" {
		t.Errorf("live %v, id %s, refunds at %s", c.Livemode, c.ID, c.Refunds.URL)
	}
}

func TestSameAttemptIsTheSameCharge(t *testing.T) {
	for _, channel := range []payment.Channel{payment.WX, payment.Alipay} {
		first := charge(t, request(channel, "a1"))
		if again := charge(t, request(channel, "a1")); !reflect.DeepEqual(again, first) {
			t.Errorf("%s: %+v, want %+v", channel, again, first)
		}
		other := request(channel, "a1")
		other.OrderNo = number[:25] + "4"
		if charge(t, request(channel, "a2")).ID == first.ID || charge(t, other).ID == first.ID {
			t.Errorf("%s: another attempt has the same id", channel)
		}
	}
}

func TestSubjectIsCutToThePlatformsLimit(t *testing.T) {
	c := charge(t, request(payment.WX, "a1"))
	if c.Subject != "肺轻松#1225726823854142569624" || len(c.Subject) != 32 || !utf8.ValidString(c.Subject) {
		t.Errorf("subject %q of %d bytes", c.Subject, len(c.Subject))
	}
	if c.Body != "肺轻松#"+number {
		t.Errorf("body %q", c.Body)
	}
}

func TestExpiry(t *testing.T) {
	for channel, want := range map[payment.Channel]time.Duration{payment.Alipay: 24 * time.Hour, payment.WX: 2 * time.Hour,
		payment.UnionPay: time.Hour, payment.Insurance: 2 * time.Hour} {
		c := charge(t, request(channel, "a1"))
		if got := time.Unix(c.TimeExpire, 0).Sub(at); got != want || c.Created != at.Unix() {
			t.Errorf("%s expires after %s, want %s; created %d", channel, got, want, c.Created)
		}
	}
}

func TestOtherChannelsMakeNoCharges(t *testing.T) {
	for _, channel := range []payment.Channel{payment.Balance, "", "bfb"} {
		_, err := platform().CreateCharge(t.Context(), request(channel, "a1"))
		var refusal *gateways.Refusal
		if !errors.As(err, &refusal) || refusal.Param != "channel" {
			t.Errorf("%q: %v, want a refusal of the channel", channel, err)
		}
	}
}

func TestAlipaySignatureVerifies(t *testing.T) {
	c := charge(t, request(payment.Alipay, "a1"))
	var credential struct {
		Alipay struct{ OrderInfo string }
		Object string
	}
	if err := json.Unmarshal(c.Credential, &credential); err != nil {
		t.Fatal(err)
	}
	info, rest, ok := strings.Cut(credential.Alipay.OrderInfo, `&sign="`)
	escaped, end, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 || end != `&sign_type="RSA"` || credential.Object != "credential" {
		t.Fatalf("credential %s", c.Credential)
	}
	sign, err := url.QueryUnescape(escaped)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(info))
	if err := rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, digest[:], raw); err != nil {
		t.Error(err)
	}
	for _, part := range []string{`out_trade_no="` + number + `"`, `total_fee="15.00"`, `subject="` + c.Subject + `"`, `body="` + c.Body + " " + c.ID + `"`,
		`it_b_pay="2017-03-24 15:34:38"`, url.QueryEscape("https://notify.pingxx.com/notify/charges/" + c.ID)} {
		if !strings.Contains(info, part) {
			t.Errorf("no %s in %s", part, info)
		}
	}
}

func TestWXCredential(t *testing.T) {
	c := charge(t, request(payment.WX, "a1"))
	want := []string{"wx", "wx.appId", "wx.partnerId", "wx.prepayId", "wx.nonceStr", "wx.timeStamp", "wx.packageValue", "wx.sign", "object"}
	if got := keys(t, c.Credential); !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
	if other := charge(t, request(payment.WX, "a2")); bytes.Equal(other.Credential, c.Credential) {
		t.Error("two charges have one credential")
	}
}

// TestChargesOfHospitalOrders: their numbers are of 19 digits, and lead from the ids back to the order and the refund.
func TestChargesOfHospitalOrders(t *testing.T) {
	const number = "1011202611240000001"
	for _, channel := range []payment.Channel{payment.Alipay, payment.WX, payment.UnionPay, payment.Insurance} {
		r := request(channel, "a1")
		r.OrderNo = number
		c := charge(t, r)
		if of, ok := sandbox.OrderOf(c.ID); !ok || of != number || c.Subject != "肺轻松#"+number {
			t.Errorf("%s: charge %s is of order %q, subject %q", channel, c.ID, of, c.Subject)
		}
		var credential map[string]json.RawMessage
		if err := json.Unmarshal(c.Credential, &credential); err != nil || len(credential[string(channel)]) == 0 {
			t.Errorf("%s: credential %s, %v", channel, c.Credential, err)
		}
	}
	made, err := platform().CreateRefund(t.Context(), gateways.RefundRequest{OrderNo: number, No: number + "R12", Amount: 1})
	if no, ok := sandbox.RefundOf(made.ID); err != nil || !ok || no != number+"R12" {
		t.Errorf("refund %s is %q, %v", made.ID, no, err)
	}
}
