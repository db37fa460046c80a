package pingpp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
)

// maxDescription is in characters (the notes' "Refund").
const maxDescription = 255

// refundBody is the body of POST /v1/charges/{id}/refunds.
type refundBody struct {
	Amount      domain.Fen     `json:"amount"`
	Description string         `json:"description"`
	Metadata    refundMetadata `json:"metadata"`
}

// refundMetadata is where our number is: the platform's order_no of a refund is its own.
type refundMetadata struct {
	RefundNo    string `json:"refund_no"`
	OrderNumber string `json:"order_number"`
}

// CreateRefund looks for the refund and has it made if there is none, so that asking again gives nothing back
// twice. After an unknown outcome wait longer than the time-out before asking again: a request that is still
// on its way cannot be found.
func (c *Client) CreateRefund(ctx context.Context, r gateways.RefundRequest) (payment.PlatformRefund, error) {
	if err := checkRefund(r); err != nil {
		return payment.PlatformRefund{}, err
	}
	refund, found, err := c.findAs(ctx, r)
	if err != nil || found {
		return refund, err
	}
	refund, err = c.postRefund(ctx, r)
	if !mayExist(err) {
		return refund, err
	}
	// Refused for want of money, perhaps, because a lost request of ours was done since the look.
	made, found, lookErr := c.findAs(ctx, r)
	if lookErr != nil || found {
		return made, lookErr
	}
	return payment.PlatformRefund{}, err
}

func mayExist(err error) bool {
	var refusal *gateways.Refusal
	return errors.As(err, &refusal) && (refusal.Status == http.StatusBadRequest || refusal.Status == http.StatusPaymentRequired)
}

func (c *Client) findAs(ctx context.Context, r gateways.RefundRequest) (payment.PlatformRefund, bool, error) {
	refund, found, err := c.FindRefund(ctx, r.Charge, r.No)
	if err != nil || !found {
		return payment.PlatformRefund{}, false, err
	}
	if err := compareRefund(refund, r); err != nil {
		return payment.PlatformRefund{}, false, err
	}
	return refund, true, nil
}

func (c *Client) postRefund(ctx context.Context, r gateways.RefundRequest) (payment.PlatformRefund, error) {
	var reply json.RawMessage
	body := refundBody{Amount: r.Amount, Description: r.Description, Metadata: refundMetadata{r.No, r.OrderNo}}
	if err := c.call(ctx, http.MethodPost, refundsOf(r.Charge), body, &reply); err != nil {
		return payment.PlatformRefund{}, err
	}
	refund, err := DecodeRefund(reply)
	if err == nil {
		err = compareRefund(refund, r)
	}
	if err != nil {
		return payment.PlatformRefund{}, err
	}
	return refund, nil
}

// DecodeRefund reads a refund as the platform sends it, in a reply or a webhook, with our number as its
// OrderNo. A refund that we did not make keeps the platform's.
func DecodeRefund(data []byte) (payment.PlatformRefund, error) {
	var refund payment.PlatformRefund
	if json.Unmarshal(data, &refund) != nil || refund.Object != "refund" || !strings.HasPrefix(refund.ID, "re_") {
		return payment.PlatformRefund{}, errors.New("pingpp: the outcome is not known: this is not a refund")
	}
	switch refund.Status {
	case payment.Pending, payment.Succeeded, payment.Failed:
	default:
		return payment.PlatformRefund{}, errors.New("pingpp: the outcome is not known: the refund has no known status")
	}
	var ours refundMetadata
	if json.Unmarshal(refund.Metadata, &ours) == nil && ours.RefundNo != "" {
		refund.OrderNo = ours.RefundNo
	}
	return refund, nil
}

func checkRefund(r gateways.RefundRequest) error {
	switch {
	case !isID(r.Charge, "ch_"):
		return invalid("charge", "a charge's id is needed")
	case r.No == "":
		return invalid("metadata", "a number of the refund is needed")
	case r.Amount <= 0:
		return invalid("amount", "an amount above 0 is needed")
	case r.Description == "" || utf8.RuneCountInString(r.Description) > maxDescription:
		return invalid("description", "a description of at most 255 characters is needed")
	}
	return nil
}

func compareRefund(got payment.PlatformRefund, r gateways.RefundRequest) error {
	switch {
	case got.Charge != r.Charge:
		return mismatch("charge")
	case got.OrderNo != r.No:
		return mismatch("refund number")
	case got.ChargeOrderNo != r.OrderNo:
		return mismatch("charge_order_no")
	case got.Amount != r.Amount:
		return mismatch("amount")
	}
	return nil
}

func refundsOf(charge string) string { return "/v1/charges/" + charge + "/refunds" }

// isID keeps what is no id from becoming part of a path.
func isID(text, prefix string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	return ok && rest != "" && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	})
}
