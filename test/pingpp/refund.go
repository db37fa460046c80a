package pingpp

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// refund is a refund with what belongs to it; mu guards it.
type refund struct {
	payment.PlatformRefund
	no     string // the merchant's number, from the metadata; "" if it gave none
	charge *charge
}

// refundRequest is the body of POST /v1/charges/{id}/refunds.
type refundRequest struct {
	Amount      *domain.Fen                `json:"amount"` // nil: all that is left
	Description string                     `json:"description"`
	Metadata    map[string]json.RawMessage `json:"metadata"`
}

func (q refundRequest) no() (no string) {
	if json.Unmarshal(q.Metadata["refund_no"], &no) != nil {
		return "" // another's metadata
	}
	return no
}

// refundable is what was paid less every refund that has not failed (the notes' "Over-refund").
func (c *charge) refundable() domain.Fen {
	left := c.Amount
	for _, r := range c.refunds {
		if r.Status != payment.Failed {
			left -= r.Amount
		}
	}
	return left
}

func (p *Platform) postRefund(r *http.Request, body []byte) answer {
	c := p.charges[r.PathValue("charge")]
	if c == nil {
		return unknown("charge")
	}
	var q refundRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return badRequest("", "the body is not JSON")
	}
	if made := c.refundOf(q.no()); made != nil {
		p.counts.RefundsAskedAgain++
		if !p.options.RefundsRepeat {
			return answer{http.StatusOK, made.PlatformRefund}
		}
	}
	if refused := q.refused(c); refused != nil {
		return *refused
	}
	return answer{http.StatusOK, p.newRefund(c, q).PlatformRefund}
}

func (c *charge) refundOf(no string) *refund {
	for _, r := range c.refunds {
		if no != "" && r.no == no {
			return r
		}
	}
	return nil
}

// refused is why the platform does not make the refund, nil if it does.
func (q refundRequest) refused(c *charge) *answer {
	var a answer
	left := c.refundable()
	switch {
	case q.Description == "" || utf8.RuneCountInString(q.Description) > 255:
		a = badRequest("description", "Invalid description")
	case len(q.Metadata) > 10:
		a = badRequest("metadata", "Invalid metadata")
	case q.Amount != nil && *q.Amount <= 0:
		a = badRequest("amount", "Invalid amount")
	case !c.Paid:
		a = failure(http.StatusPaymentRequired, "channel_error", "charge_not_paid", "", "the charge is not paid")
	case left == 0:
		a = failure(http.StatusPaymentRequired, "channel_error", "charge_refunded", "", "the charge is fully refunded")
	case q.Amount != nil && *q.Amount > left:
		a = badRequest("amount", "the amount is more than can be refunded")
	default:
		return nil
	}
	return &a
}

func (p *Platform) newRefund(c *charge, q refundRequest) *refund {
	amount := c.refundable()
	if q.Amount != nil {
		amount = *q.Amount
	}
	metadata, err := domain.JSON(q.Metadata)
	if err != nil {
		panic(err) // it came as JSON
	}
	id := p.id("re_")
	r := &refund{no: q.no(), charge: c, PlatformRefund: payment.PlatformRefund{
		ID: id, Object: "refund", OrderNo: id[len("re_"):], Amount: amount, Created: p.options.Now().Unix(), Status: payment.Pending,
		Description: q.Description, Metadata: metadata, Charge: c.ID, ChargeOrderNo: c.OrderNo, Extra: json.RawMessage("{}"),
	}}
	c.refunds, p.refunds[id], c.Refunded = append(c.refunds, r), r, true
	if !p.options.HoldRefunds {
		p.settleLater(r)
	}
	return r
}

// settleLater ends a refund as chance wants it; the caller holds mu.
func (p *Platform) settleLater(r *refund) {
	id, ok := r.ID, p.chance("refund/"+r.no) >= p.options.RefundFails
	p.spawn(func() {
		if p.sleep(p.options.RefundAfter) {
			_ = p.SettleRefund(id, ok) // the test may have done it
		}
	})
}

// SettleRefund ends a pending refund; the notice of it goes out.
func (p *Platform) SettleRefund(id string, ok bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.refunds[id]
	if r == nil || r.Status != payment.Pending {
		return errors.New("there is no pending refund " + id)
	}
	kind := payment.NoticeRefundSucceeded
	if ok {
		at, transaction := p.options.Now().Unix(), r.OrderNo
		r.Status, r.Succeed, r.TimeSucceed, r.TransactionNo = payment.Succeeded, true, &at, &transaction
		r.charge.AmountRefunded += r.Amount
	} else {
		code, message := "channel_refund_error", "the channel did not give the money back"
		r.Status, r.FailureCode, r.FailureMsg = payment.Failed, &code, &message
		kind = payment.NoticeRefundFailed
	}
	p.notify(kind, r.ChargeOrderNo, r.PlatformRefund)
	return nil
}

// Refunds are the refunds of an order's charges as they are now, oldest first within a charge. Their OrderNo
// is the platform's own; the merchant's number is in the metadata.
func (p *Platform) Refunds(orderNo string) []payment.PlatformRefund {
	p.mu.Lock()
	defer p.mu.Unlock()
	var refunds []payment.PlatformRefund
	for _, channel := range []payment.Channel{payment.Alipay, payment.WX} {
		for _, c := range p.byOrder[orderNo+"/"+string(channel)] {
			for _, r := range c.refunds {
				refunds = append(refunds, r.PlatformRefund)
			}
		}
	}
	return refunds
}

func (p *Platform) getRefund(r *http.Request, _ []byte) answer {
	found := p.refunds[r.PathValue("refund")]
	if found == nil || found.Charge != r.PathValue("charge") {
		return unknown("refund")
	}
	return answer{http.StatusOK, found.PlatformRefund}
}

// listRefunds gives a page, newest first, after the refund starting_after.
func (p *Platform) listRefunds(r *http.Request, _ []byte) answer {
	c := p.charges[r.PathValue("charge")]
	if c == nil {
		return unknown("charge")
	}
	limit := 10
	if text := r.FormValue("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 100 {
			return badRequest("limit", "Invalid limit")
		}
	}
	list := struct {
		Object  string                   `json:"object"`
		URL     string                   `json:"url"`
		HasMore bool                     `json:"has_more"`
		Data    []payment.PlatformRefund `json:"data"`
	}{Object: "list", URL: r.URL.Path, Data: []payment.PlatformRefund{}}
	for i := c.before(r.FormValue("starting_after")); i >= 0; i-- {
		if list.HasMore = len(list.Data) == limit; list.HasMore {
			break
		}
		list.Data = append(list.Data, c.refunds[i].PlatformRefund)
	}
	return answer{http.StatusOK, list}
}

// before is the index of the newest refund that is older than one, of the newest of all for "".
func (c *charge) before(id string) int {
	for i, r := range c.refunds {
		if r.ID == id {
			return i - 1
		}
	}
	return len(c.refunds) - 1
}
