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
