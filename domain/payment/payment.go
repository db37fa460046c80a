// Package payment holds what orders of every kind say about money paid through a platform: channels, the
// charge that a payer settles, and refunds. The forms are Ping++'s, as in the "charge" sample of the Q&A
// API document; amounts are in fen.
package payment

import (
	"encoding/json"
	"time"

	"orderengine/domain"
)

// Channel is a way to pay (the document's 支付方式).
type Channel string

const (
	Alipay  Channel = "alipay"  // 支付宝
	WX      Channel = "wx"      // 微信
	Balance Channel = "balance" // 余额, the payer's own wallet
	// Hospital orders only.
	UnionPay  Channel = "upacp"     // 银联
	Insurance Channel = "insurance" // 医保
)

// Channels are those of Q&A orders, in the order the document names them.
var Channels = []Channel{WX, Alipay, Balance}

// Charge is what the platform was asked to collect: the document's fields in the document's order, so that
// its JSON is the document's. Times are Unix seconds.
type Charge struct {
	OrderNo        string          `json:"order_no"`
	Extra          json.RawMessage `json:"extra"`
	App            string          `json:"app"`
	Livemode       bool            `json:"livemode"`
	Currency       string          `json:"currency"`
	TimeSettle     *int64          `json:"time_settle"`
	TimeExpire     int64           `json:"time_expire"`
	ID             string          `json:"id"`
	Subject        string          `json:"subject"`
	FailureMsg     *string         `json:"failure_msg"`
	Channel        Channel         `json:"channel"`
	Metadata       Metadata        `json:"metadata"`
	Body           string          `json:"body"`
	Credential     json.RawMessage `json:"credential"`
	ClientIP       string          `json:"client_ip"`
	Description    *string         `json:"description"`
	AmountRefunded domain.Fen      `json:"amount_refunded"`
	Refunded       bool            `json:"refunded"`
	Object         string          `json:"object"`
	Paid           bool            `json:"paid"`
	AmountSettle   domain.Fen      `json:"amount_settle"`
	TimePaid       *int64          `json:"time_paid"`
	FailureCode    *string         `json:"failure_code"`
	Refunds        RefundList      `json:"refunds"`
	Created        int64           `json:"created"`
	TransactionNo  *string         `json:"transaction_no"`
	Amount         domain.Fen      `json:"amount"`
}

// Metadata is what we have the platform keep with a charge.
type Metadata struct {
	Owner       string `json:"owner"`
	OrderNumber string `json:"order_number"`
}

// RefundList is the charge's "refunds".
type RefundList struct {
	URL     string            `json:"url"`
	HasMore bool              `json:"has_more"`
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
}

// LiveAt says that the charge can still be paid at t.
func (c *Charge) LiveAt(t time.Time) bool { return t.Unix() < c.TimeExpire }

// Receipt is money that arrived.
type Receipt struct {
	Channel       Channel    `json:"channel"`
	Ref           string     `json:"ref"` // the charge's id; for balance the wallet's debit
	TransactionNo string     `json:"transaction_no,omitempty"`
	Amount        domain.Fen `json:"amount"`
	At            time.Time  `json:"at"`
}

// ReceiptOf is the money of a paid charge.
func ReceiptOf(c Charge, at time.Time) Receipt {
	r := Receipt{Channel: c.Channel, Ref: c.ID, Amount: c.Amount, At: at}
	if c.TransactionNo != nil {
		r.TransactionNo = *c.TransactionNo
	}
	return r
}

// RefundStatus says how far a refund is. A pending one reserves its amount, a failed one releases it.
type RefundStatus string

const (
	Pending   RefundStatus = "pending"
	Succeeded RefundStatus = "succeeded"
	Failed    RefundStatus = "failed"
)

// RefundIntent is money that is to go back. No is its one external number for ever, whatever has to be tried again.
type RefundIntent struct {
	No      string     `json:"no"`
	Ref     string     `json:"ref"` // of the receipt it gives back
	Channel Channel    `json:"channel"`
	Amount  domain.Fen `json:"amount"`
	Reason  string     `json:"reason"`
	At      time.Time  `json:"at"`
	// Name is what the order itself calls the refund, "" if it has no name of its own; a refund that takes the place
	// of a failed one keeps it.
	Name string `json:"name,omitempty"`
	// AtOnce says that somebody waits for the platform's answer: the server that wrote the intent down asks for it.
	AtOnce bool `json:"at_once,omitempty"`
}

// Refund is a refund and how far it is.
type Refund struct {
	RefundIntent
	Status    RefundStatus `json:"status"`
	SettledAt time.Time    `json:"settled_at,omitzero"`
	Why       string       `json:"why,omitempty"` // it failed, is asked for again, or waits for a person

	Claim      string    `json:"claim,omitempty"`       // of who asks the platform for it, and has not told yet what it said
	AskedAt    time.Time `json:"asked_at,omitzero"`     // when that was claimed
	PlatformID string    `json:"platform_id,omitempty"` // the platform's own name for it, once it has taken it
	Tries      int       `json:"tries,omitempty"`       // to hand it to the platform, or to hear of it again
	TriedAt    time.Time `json:"tried_at,omitzero"`     // the last of them
	Parked     bool      `json:"parked,omitempty"`      // it waits for a person
	Retried    int       `json:"retried,omitempty"`     // by a person, how often
	Closed     bool      `json:"closed,omitempty"`      // a person has dealt with it
	GivenUp    bool      `json:"given_up,omitempty"`    // by a person, who has seen to the money
}

// ChannelNo is the number that the payment channel knows the refund by, "" while it has none: the platform's own, or
// ours where the wallet gives the money back.
func (r Refund) ChannelNo() string {
	if r.Channel == Balance {
		return r.No
	}
	return r.PlatformID
}

// WaitsForPerson says that nothing more happens to the refund by itself.
func (r Refund) WaitsForPerson() bool {
	return !r.Closed && (r.Parked || r.Status == Failed)
}
