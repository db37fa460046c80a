package xmlapi_test

import (
	"context"
	"testing"

	"orderengine/eventstore"
)

// TestRefusalsWaitForTheViews: who hears that an order has moved on must not be shown that it has not.
func TestRefusalsWaitForTheViews(t *testing.T) {
	w, closes := newWorld()
	defer closes()
	number := w.paid()
	refund := func(hisNo string) string {
		return w.post(t, "refundGeneral", "<refundType>2</refundType><orderNo>"+number+"</orderNo><hisRefundOrderNo>"+hisNo+"</hisRefundOrderNo>"+
			"<refundAmout>600</refundAmout><refundTime>2024-03-01 17:00:00</refundTime><refundReason>x</refundReason><partialOrAllrefund>1</partialOrAllrefund>", false).Code
	}
	if code := refund("R1"); code != "0" {
		t.Fatalf("refunded %s", code)
	}
	order, err := w.api.Orders.Load(t.Context(), number)
	must(err)
	views := w.api.Await
	for hisNo, want := range map[string]string{"R1": "3", "R2": "2"} {
		var awaited eventstore.Position
		w.api.Await = func(ctx context.Context, at eventstore.Position) error {
			awaited = at
			return views(ctx, at)
		}
		if code := refund(hisNo); code != want || awaited != order.Position {
			t.Errorf("%s: %s after the views were at %s, want %s after %s", hisNo, code, awaited, want, order.Position)
		}
	}
}
