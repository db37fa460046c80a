package pingpp

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
)

// The lengths that the platform takes (the notes' "Charge"), in bytes, as the document's sample is cut.
const (
	maxSubject = 32
	maxBody    = 128
)

type appRef struct {
	ID string `json:"id"`
}

// chargeBody is the body of POST /v1/charges. It sets no time_expire: the platform's own are the notes'.
type chargeBody struct {
	OrderNo  string           `json:"order_no"`
	App      appRef           `json:"app"`
	Channel  payment.Channel  `json:"channel"`
	Amount   domain.Fen       `json:"amount"`
	Currency string           `json:"currency"`
	ClientIP string           `json:"client_ip"`
	Subject  string           `json:"subject"`
	Body     string           `json:"body"`
	Metadata payment.Metadata `json:"metadata"`
}

// CreateCharge has a charge made. The platform knows no attempts: the same order_no and channel is the same
// charge for a while and then a new one, so several charges of one order can be live and even paid (the
// notes' "The same order_no again").
func (c *Client) CreateCharge(ctx context.Context, r gateways.ChargeRequest) (payment.Charge, error) {
	if err := checkCharge(r); err != nil {
		return payment.Charge{}, err
	}
	title := c.config.Product + r.OrderNo
	var charge payment.Charge
	err := c.call(ctx, http.MethodPost, "/v1/charges", chargeBody{
		OrderNo: r.OrderNo, App: appRef{c.config.App}, Channel: r.Channel, Amount: r.Amount, Currency: "cny",
		ClientIP: r.ClientIP, Subject: cut(title, maxSubject), Body: cut(title, maxBody),
		Metadata: payment.Metadata{Owner: r.Owner, OrderNumber: r.OrderNo},
	}, &charge)
	if err == nil {
		err = c.compare(charge, r)
	}
	if err != nil {
		return payment.Charge{}, err
	}
	if charge.Refunds.Data == nil {
		charge.Refunds.Data = []json.RawMessage{} // the document's form of an empty list
	}
	return charge, nil
}

func checkCharge(r gateways.ChargeRequest) error {
	switch {
	case r.OrderNo == "":
		return invalid("order_no", "an order number is needed")
	case r.Channel != payment.Alipay && r.Channel != payment.WX && r.Channel != payment.UnionPay:
		return invalid("channel", "the platform has no such channel")
	case r.Amount <= 0:
		return invalid("amount", "an amount above 0 is needed")
	}
	return nil
}

func (c *Client) compare(got payment.Charge, r gateways.ChargeRequest) error {
	switch {
	case got.Object != "charge" || !strings.HasPrefix(got.ID, "ch_"):
		return mismatch("object")
	case got.OrderNo != r.OrderNo:
		return mismatch("order_no")
	case got.Amount != r.Amount || got.Currency != "cny":
		return mismatch("amount")
	case got.Channel != r.Channel:
		return mismatch("channel")
	case got.App != c.config.App:
		return mismatch("app")
	}
	return nil
}

// FindCharge asks for a charge as it is now.
func (c *Client) FindCharge(ctx context.Context, id string) (payment.Charge, error) {
	if !isID(id, "ch_") {
		return payment.Charge{}, invalid("charge", "a charge's id is needed")
	}
	var charge payment.Charge
	err := c.call(ctx, http.MethodGet, "/v1/charges/"+id, nil, &charge)
	if err == nil && (charge.Object != "charge" || charge.ID != id) {
		err = mismatch("id")
	}
	if err != nil {
		return payment.Charge{}, err
	}
	return charge, nil
}
