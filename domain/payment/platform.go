package payment

import (
	"encoding/json"

	"orderengine/domain"
)

// PlatformRefund is a refund as Ping++ tells of it. Times are Unix seconds.
type PlatformRefund struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	OrderNo       string          `json:"order_no"` // our number of the refund
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
	ChargeSucceeded = "charge.succeeded"
	RefundSucceeded = "refund.succeeded"
	RefundFailed    = "refund.failed"
)
