package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"orderengine/domain/payment"
	"orderengine/gateways/sandbox"
	"orderengine/httpapi/drf"
)

// sandboxRoutes stand beside the API while no real platform does. Who knows a charge's id may settle it, as
// who holds a phone with the payer's app may.
func sandboxRoutes() []route {
	return []route{
		{"Sandbox Pay", "/sandbox/pay/:charge/", anyone, methods{post: (*call).sandboxPay}},
		{"Sandbox Refund Succeed", "/sandbox/refund/:refund/succeed/", anyone, methods{post: (*call).sandboxSucceed}},
		{"Sandbox Refund Fail", "/sandbox/refund/:refund/fail/", anyone, methods{post: (*call).sandboxFail}},
	}
}

// sandboxPay pays a charge: the server is told by its own webhook. The reply is the charge as it is then.
func (c *call) sandboxPay() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	id := c.echo.Param("charge")
	number, ok := sandbox.OrderOf(id)
	if !ok {
		return reply{}, drf.NotFound()
	}
	charge, err := c.charge(ctx, number, id)
	if err != nil {
		return reply{}, err
	}
	if err := c.api.Sandbox.Paid(ctx, charge); err != nil {
		return reply{}, err
	}
	charge, err = c.charge(ctx, number, id)
	return reply{http.StatusOK, charge}, err
}

func (c *call) charge(ctx context.Context, number, id string) (payment.Charge, error) {
	order, err := c.api.Payments.Books.Load(ctx, number)
	if err != nil {
		return payment.Charge{}, err
	}
	charge, ok := order.Charge(id)
	if !ok {
		return payment.Charge{}, drf.NotFound()
	}
	return charge, nil
}

func (c *call) sandboxSucceed() (reply, error) { return c.sandboxRefund(true) }
func (c *call) sandboxFail() (reply, error)    { return c.sandboxRefund(false) }

// sandboxRefund ends a refund that the sandbox was given, by its id or by our number of it.
func (c *call) sandboxRefund(succeeded bool) (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	no, ok := sandbox.RefundOf(c.echo.Param("refund"))
	if !ok {
		no = c.echo.Param("refund")
	}
	number, ok := payment.OrderOfRefund(no)
	if !ok {
		return reply{}, drf.NotFound()
	}
	before, err := c.refundShown(ctx, number, no)
	if err != nil {
		return reply{}, err
	}
	if err := c.api.Sandbox.Refunded(ctx, before, succeeded); err != nil {
		return reply{}, err
	}
	after, err := c.refundShown(ctx, number, no)
	return reply{http.StatusOK, after}, err
}

// refundShown is a refund that the platform has, in the platform's form.
func (c *call) refundShown(ctx context.Context, number, no string) (payment.PlatformRefund, error) {
	var shown payment.PlatformRefund
	order, err := c.api.Payments.Books.Load(ctx, number)
	if err != nil {
		return shown, err
	}
	refund, ok := order.Refund(no)
	if !ok || refund.PlatformID == "" {
		return shown, drf.NotFound()
	}
	charge, _ := order.Charge(refund.Ref)
	for _, one := range charge.Refunds.Data {
		if err := json.Unmarshal(one, &shown); err != nil {
			return shown, err
		}
		if shown.OrderNo == no {
			return shown, nil
		}
	}
	return shown, drf.NotFound()
}
