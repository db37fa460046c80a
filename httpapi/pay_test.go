package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/domain/payment"
	"orderengine/httpapi/drf"
)

// TestAClientsAddress is stored for ever and told to the platform: a proxy says it, and nobody else.
func TestAClientsAddress(t *testing.T) {
	t.Parallel()
	e := bare().Handler().(*echo.Echo)
	for _, c := range []struct {
		peer, want string
		forwarded  []string
	}{
		{"203.0.113.7:4711", "203.0.113.7", nil},
		{"203.0.113.7:4711", "203.0.113.7", []string{"198.51.100.1"}},
		{"127.0.0.1:4711", "127.0.0.1", nil},
		{"127.0.0.1:4711", "198.51.100.1", []string{"198.51.100.1"}},
		{"10.0.0.2:4711", "198.51.100.1", []string{"192.0.2.9, 198.51.100.1, 10.0.0.3"}},
		{"10.0.0.2:4711", "198.51.100.1", []string{"192.0.2.9", "198.51.100.1"}},
		{"[::1]:4711", "2001:db8::1", []string{"[2001:db8::1]"}},
		{"127.0.0.1:4711", "192.168.1.5", []string{" 192.168.1.5 "}},
		{"127.0.0.1:4711", "127.0.0.1", []string{"=HYPERLINK(1)"}},
		{"127.0.0.1:4711", "127.0.0.1", []string{""}},
		{"127.0.0.1:4711", "127.0.0.1", []string{"198.51.100.1, "}},
	} {
		request := httptest.NewRequest(http.MethodPatch, "/", nil)
		request.RemoteAddr, request.Header["X-Forwarded-For"] = c.peer, c.forwarded
		request.Header.Set("X-Real-Ip", "192.0.2.99")
		if got := e.NewContext(request, nil).RealIP(); got != c.want {
			t.Errorf("%s forwards %q: the client is %q, want %q", c.peer, c.forwarded, got, c.want)
		}
	}
}

// TestAPlatformThatMakesNoCharge: the order can still be paid, which no number of the document says.
func TestAPlatformThatMakesNoCharge(t *testing.T) {
	t.Parallel()
	now := time.Unix(1709280000, 0)
	charge := &payment.Charge{ID: "ch_1", Channel: payment.WX, TimeExpire: now.Unix() + 1}
	asked := payment.Bill{Waiting: true, Ledger: payment.Ledger{Attempts: []payment.Attempt{{Channel: payment.WX, Charge: charge}}}}
	if r, err := paymentReply(asked, payment.WX, now); err != nil || r.body.(paymentJSON).Charge != charge {
		t.Errorf("%+v, %v", r, err)
	}
	returned := asked
	returned.Receipts = []payment.Receipt{{Ref: "ch_1", Channel: payment.WX, Amount: 1}}
	for name, c := range map[string]struct {
		bill payment.Bill
		at   time.Time
	}{"none": {payment.Bill{Waiting: true}, now}, "only one that has expired": {asked, now.Add(time.Second)}, "only one whose money went back": {returned, now}} {
		_, err := paymentReply(c.bill, payment.WX, c.at)
		status, body, _ := refuse(err, drf.En)
		if want := `{"detail":"The payment platform takes no payment for this order this way. Choose another way."}`; status != http.StatusBadRequest || body != want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
