package httpapi

import (
	"net/http"
	"testing"
	"time"

	"orderengine/domain/payment"
	"orderengine/httpapi/drf"
)

// TestAPlatformThatMakesNoCharge: the order can still be paid, which no number of the document says.
func TestAPlatformThatMakesNoCharge(t *testing.T) {
	t.Parallel()
	_, err := paymentReply(payment.Bill{Waiting: true}, payment.WX)
	status, body, _ := refuse(err, drf.En)
	if want := `{"detail":"The payment platform takes no payment for this order this way. Choose another way."}`; status != http.StatusBadRequest || body != want {
		t.Errorf("%d %s", status, body)
	}
	charge := &payment.Charge{ID: "ch_1", Channel: payment.WX, TimeExpire: time.Now().Unix()}
	b := payment.Bill{Waiting: true, Ledger: payment.Ledger{Attempts: []payment.Attempt{{Channel: payment.WX, Charge: charge}}}}
	if r, err := paymentReply(b, payment.WX); err != nil || r.body.(paymentJSON).Charge != charge {
		t.Errorf("%+v, %v", r, err)
	}
}
