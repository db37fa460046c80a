package httpapi

import (
	"context"
	"net/http"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

type walletLineJSON struct {
	Kind        string `json:"kind"`
	KindDisplay string `json:"kind_display"`
	Amount      string `json:"amount"`
	Balance     string `json:"balance"`
	OrderNumber string `json:"order_number"`
	Note        string `json:"note"`
	CreateTime  string `json:"create_time"`
}

var walletDisplay = map[string]string{
	projections.WalletTopUp: "充值", projections.WalletPayment: "支付", projections.WalletRefund: "退款",
}

// walletStatement lists what moved in the caller's wallet, the newest first.
func (c *call) walletStatement() (reply, error) {
	lines := func(ctx context.Context, w projections.Window) ([]projections.WalletLine, int, error) {
		return projections.Wallets{Views: c.api.Views}.Statement(ctx, c.actor, w)
	}
	return page(c, paging, lines, func(_ context.Context, lines []projections.WalletLine) ([]walletLineJSON, error) {
		rows := make([]walletLineJSON, len(lines))
		for i, l := range lines {
			rows[i] = walletLineJSON{Kind: l.Kind, KindDisplay: walletDisplay[l.Kind], Amount: l.Amount.Yuan(), Balance: l.Balance.Yuan(),
				OrderNumber: l.Order, Note: l.Note, CreateTime: drf.Time(l.At, c.api.Location)}
		}
		return rows, nil
	})
}

// parkedJSON is a refund that waits for a person.
type parkedJSON struct {
	RefundNo    string               `json:"refund_no"`
	OrderNumber string               `json:"order_number"`
	Patient     string               `json:"patient"`
	Amount      string               `json:"amount"`
	Channel     payment.Channel      `json:"channel"`
	Charge      string               `json:"charge"`
	Status      payment.RefundStatus `json:"status"`
	Reason      string               `json:"reason"`
	Why         string               `json:"why"`
	Tries       int                  `json:"tries"`
	CreateTime  string               `json:"create_time"`
}

// adminListParked lists the refunds that wait for a person, by number.
func (c *call) adminListParked() (reply, error) {
	parked := func(ctx context.Context, w projections.Window) ([]projections.ParkedRefund, int, error) {
		return projections.Parked(ctx, c.api.Views, w)
	}
	return page(c, paging, parked, func(_ context.Context, parked []projections.ParkedRefund) ([]parkedJSON, error) {
		rows := make([]parkedJSON, len(parked))
		for i, p := range parked {
			rows[i] = c.api.renderParked(p.Bill, p.Refund)
		}
		return rows, nil
	})
}

func (a *API) renderParked(b payment.Bill, r payment.Refund) parkedJSON {
	return parkedJSON{RefundNo: r.No, OrderNumber: b.Number, Patient: b.Payer, Amount: r.Amount.Yuan(), Channel: r.Channel, Charge: r.Ref,
		Status: r.Status, Reason: r.Reason, Why: r.Why, Tries: r.Tries, CreateTime: drf.Time(r.At, a.Location)}
}

// adminRetryParked has a parked refund tried again; the reactor does it at once.
func (c *call) adminRetryParked() (reply, error) {
	return c.changeParked(func(no string, op operation) payment.Command {
		return payment.RetryRefund{No: no, By: c.actor, At: op.at}
	})
}

// adminGiveUpParked ends a parked refund; "why" says how it was dealt with.
func (c *call) adminGiveUpParked() (reply, error) {
	f := c.data.Fields()
	why := f.String("why", drf.MaxLength(maxText))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	return c.changeParked(func(no string, op operation) payment.Command {
		return payment.GiveUpRefund{No: no, By: c.actor, Why: why, At: op.at}
	})
}

func (c *call) changeParked(command func(no string, op operation) payment.Command) (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	no := c.echo.Param("refund")
	number, ok := payment.OrderOfRefund(no)
	if !ok {
		return reply{}, drf.NotFound()
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	changed, err := c.api.Payments.Books.Execute(ctx, number, c.caller(op.id, op.at), command(no, op))
	if err != nil {
		return reply{}, err
	}
	c.await(changed.Position)
	refund, ok := changed.Refund(no)
	if !ok {
		return reply{}, domain.Refuse(domain.NotFound, "no such refund")
	}
	return reply{http.StatusOK, c.api.renderParked(changed.Bill, refund)}, nil
}
