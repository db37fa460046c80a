package payment

import (
	"encoding/json"

	"orderengine/domain"
)

// PlatformRefund is a refund as Ping++ tells of it. Times are Unix seconds.
type PlatformRefund struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	OrderNo       string          `json:"order_no"` // our number of the refund; the platform has one of its own
	Amount        domain.Fen      `json:"amount"`
	Created       int64           `json:"created"`
	Succeed       bool            `json:"succeed"`
	Status        RefundStatus    `json:"status"`
	TimeSucceed   *int64          `json:"time_succeed"`
	Description   string          `json:"description"`
	FailureCode   *string         `json:"failure_code"`
	FailureMsg    *string         `json:"failure_msg"`
	Metadata      json.RawMessage `json:"metadata"`
	Charge        string          `json:"charge"`
	ChargeOrderNo string          `json:"charge_order_no"`
	TransactionNo *string         `json:"transaction_no"`
	FundingSource *string         `json:"funding_source"`
	Extra         json.RawMessage `json:"extra"`
}

// Notice is a Ping++ event, the body of its webhook.
type Notice struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Created  int64  `json:"created"`
	Livemode bool   `json:"livemode"`
	Type     string `json:"type"`
	Data     struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
	PendingWebhooks int             `json:"pending_webhooks"`
	Request         json.RawMessage `json:"request"`
}

// The types of notices that change an order; others are acknowledged and left.
const (
	NoticeChargeSucceeded = "charge.succeeded"
	NoticeRefundSucceeded = "refund.succeeded"
	NoticeRefundFailed    = "refund.failed"
)

// With is the charge as the platform shows it once money came and went: refunded means that there is a refund.
func (c Charge) With(receipts []Receipt, refunds []Refund) Charge {
	for _, r := range receipts {
		if r.Ref == c.ID {
			paid := r.At.Unix()
			c.Paid, c.TimePaid = true, &paid
			if r.TransactionNo != "" {
				c.TransactionNo = &r.TransactionNo
			}
		}
	}
	c.Refunds.Data = []json.RawMessage{}
	for _, r := range refunds {
		if r.Ref != c.ID {
			continue
		}
		c.Refunded = true
		if r.Status == Succeeded {
			c.AmountRefunded += r.Amount
		}
		shown, err := domain.JSON(r.shownFor(c))
		if err != nil {
			continue // a struct of plain fields always has a JSON form
		}
		c.Refunds.Data = append(c.Refunds.Data, shown)
	}
	return c
}

// ChargeOf is what a receipt tells of the charge that it was for.
func ChargeOf(orderNo string, r Receipt) Charge {
	return Charge{
		OrderNo: orderNo, ID: r.Ref, Object: "charge", Channel: r.Channel, Currency: "cny", Amount: r.Amount, AmountSettle: r.Amount,
		Extra: json.RawMessage("{}"), Credential: json.RawMessage("{}"), Metadata: Metadata{OrderNumber: orderNo},
		Refunds: RefundList{URL: "/v1/charges/" + r.Ref + "/refunds", Object: "list"},
	}
}

// shownFor is the refund in the platform's form.
func (r Refund) shownFor(c Charge) PlatformRefund {
	shown := PlatformRefund{
		ID: r.PlatformID, Object: "refund", OrderNo: r.No, Amount: r.Amount, Created: r.At.Unix(), Succeed: r.Status == Succeeded,
		Status: r.Status, Description: r.Reason, Metadata: json.RawMessage("{}"), Charge: c.ID, ChargeOrderNo: c.OrderNo,
		TransactionNo: c.TransactionNo, Extra: json.RawMessage("{}"),
	}
	if settled := r.SettledAt.Unix(); r.Status == Succeeded {
		shown.TimeSucceed = &settled
	}
	if r.Status == Failed {
		shown.FailureMsg = &r.Why
	}
	return shown
}
