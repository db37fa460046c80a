package pingpp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"orderengine/domain/payment"
)

// A page has the most refunds that the platform gives; a charge of so many pages is not believed.
const (
	pageSize = "100"
	maxPages = 100
)

// FindRefund reads the charge's list of refunds to its end. Should the platform have made several of one
// number, the one that gave most back counts: succeeded, pending, failed.
func (c *Client) FindRefund(ctx context.Context, charge, no string) (payment.PlatformRefund, bool, error) {
	if !isID(charge, "ch_") || no == "" {
		return payment.PlatformRefund{}, false, invalid("charge", "a charge's id and a number of the refund are needed")
	}
	var best payment.PlatformRefund
	var after string
	for range maxPages {
		refunds, more, err := c.page(ctx, charge, after)
		if err != nil {
			return payment.PlatformRefund{}, false, err
		}
		for _, refund := range refunds {
			if refund.OrderNo == no && rank[refund.Status] > rank[best.Status] {
				best = refund
			}
		}
		if !more {
			return best, best.ID != "", nil
		}
		after = refunds[len(refunds)-1].ID
	}
	return payment.PlatformRefund{}, false, errors.New("pingpp: the outcome is not known: the list of refunds has no end")
}

// rank is 0 for a refund that is not there.
var rank = map[payment.RefundStatus]int{payment.Failed: 1, payment.Pending: 2, payment.Succeeded: 3}

// page reads one page of a charge's refunds; if there are more it has at least one.
func (c *Client) page(ctx context.Context, charge, after string) (refunds []payment.PlatformRefund, more bool, err error) {
	uri := refundsOf(charge) + "?limit=" + pageSize
	if after != "" {
		uri += "&starting_after=" + after
	}
	var list struct {
		Object  string            `json:"object"`
		HasMore bool              `json:"has_more"`
		Data    []json.RawMessage `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, uri, nil, &list); err != nil {
		return nil, false, err
	}
	if list.Object != "list" || list.HasMore && len(list.Data) == 0 {
		return nil, false, errors.New("pingpp: the outcome is not known: this is not a list of refunds")
	}
	for _, data := range list.Data {
		refund, err := DecodeRefund(data)
		if err == nil && (refund.Charge != charge || !isID(refund.ID, "re_")) {
			err = mismatch("charge")
		}
		if err != nil {
			return nil, false, err
		}
		refunds = append(refunds, refund)
	}
	return refunds, list.HasMore, nil
}
