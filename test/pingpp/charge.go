package pingpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"
	"unicode/utf8"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// charge is a charge with what belongs to it; mu guards it.
type charge struct {
	payment.Charge
	metadata json.RawMessage // as it was sent
	refunds  []*refund       // oldest first
}

var lifetimes = map[payment.Channel]time.Duration{payment.Alipay: 24 * time.Hour, payment.WX: 2 * time.Hour}

// MarshalJSON gives back the metadata that was sent and the refunds, newest first.
func (c *charge) MarshalJSON() ([]byte, error) {
	list := payment.RefundList{URL: "/v1/charges/" + c.ID + "/refunds", Object: "list", Data: []json.RawMessage{}}
	for i := len(c.refunds) - 1; i >= 0; i-- {
		data, err := domain.JSON(c.refunds[i].PlatformRefund)
		if err != nil {
			return nil, err
		}
		list.Data = append(list.Data, data)
	}
	return domain.JSON(struct {
		payment.Charge
		Metadata json.RawMessage    `json:"metadata"`
		Refunds  payment.RefundList `json:"refunds"`
	}{c.Charge, c.metadata, list})
}

// chargeRequest is the body of POST /v1/charges.
type chargeRequest struct {
	OrderNo  string                     `json:"order_no"`
	App      struct{ ID string }        `json:"app"`
	Channel  payment.Channel            `json:"channel"`
	Amount   domain.Fen                 `json:"amount"`
	Currency string                     `json:"currency"`
	ClientIP string                     `json:"client_ip"`
	Subject  string                     `json:"subject"`
	Body     string                     `json:"body"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// wrong is the parameter that the platform does not take, "" if it takes all.
func (q chargeRequest) wrong(app string) string {
	_, ipErr := netip.ParseAddr(q.ClientIP)
	for _, rule := range []struct {
		param string
		ok    bool
	}{
		{"order_no", q.OrderNo != "" && len(q.OrderNo) <= 64},
		{"app", q.App.ID == app},
		{"channel", lifetimes[q.Channel] != 0},
		{"amount", q.Amount > 0},
		{"currency", q.Currency == "cny"},
		{"client_ip", ipErr == nil},
		{"subject", q.Subject != "" && utf8.RuneCountInString(q.Subject) <= 32},
		{"body", q.Body != "" && utf8.RuneCountInString(q.Body) <= 128},
		{"metadata", len(q.Metadata) <= 10},
	} {
		if !rule.ok {
			return rule.param
		}
	}
	return ""
}

func (p *Platform) postCharge(_ *http.Request, body []byte) answer {
	var q chargeRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return badRequest("", "the body is not JSON")
	}
	if param := q.wrong(p.options.App); param != "" {
		return badRequest(param, "Invalid "+param)
	}
	key := q.OrderNo + "/" + string(q.Channel)
	if made := p.byOrder[key]; len(made) > 0 {
		last := made[len(made)-1]
		if last.Amount != q.Amount {
			return failure(http.StatusPaymentRequired, "channel_error", "channel_request_error", "", "商户订单号重复")
		}
		if !p.renews(last) {
			return answer{http.StatusOK, last}
		}
	}
	c := p.newCharge(q)
	p.charges[c.ID], p.byOrder[key] = c, append(p.byOrder[key], c)
	if p.options.AutoPay {
		p.payLater(c)
	}
	return answer{http.StatusOK, c}
}

// renews says that enough time has passed for the same order_no to make a new charge.
func (p *Platform) renews(c *charge) bool {
	now := p.options.Now()
	if !c.LiveAt(now) || p.chance("renew/"+c.OrderNo) < p.faults.NewCharge {
		return true
	}
	return p.options.RenewAfter > 0 && now.Sub(time.Unix(c.Created, 0)) >= p.options.RenewAfter
}

func (p *Platform) newCharge(q chargeRequest) *charge {
	now, life := p.options.Now(), lifetimes[q.Channel]
	if p.options.Lifetime != 0 {
		life = p.options.Lifetime
	}
	metadata, err := domain.JSON(q.Metadata)
	if err != nil {
		panic(err) // it came as JSON
	}
	c := &charge{metadata: metadata, Charge: payment.Charge{
		OrderNo: q.OrderNo, Extra: json.RawMessage("{}"), App: q.App.ID, Livemode: true, Currency: q.Currency,
		TimeExpire: now.Add(life).Unix(), ID: p.id("ch_"), Subject: q.Subject, Channel: q.Channel, Body: q.Body,
		ClientIP: q.ClientIP, Object: "charge", AmountSettle: q.Amount, Created: now.Unix(), Amount: q.Amount,
	}}
	c.Credential = credential(c)
	return c
}

func credential(c *charge) json.RawMessage {
	if c.Channel == payment.WX {
		return fmt.Appendf(nil, `{"object":"credential","wx":{"appId":"wxStandIn","partnerId":"1200000000","prepayId":"wx%[1]s",`+
			`"nonceStr":"%[1]s","timeStamp":%[2]d,"packageValue":"Sign=WXPay","sign":"%[1]s"}}`, c.ID, c.Created)
	}
	return fmt.Appendf(nil, `{"object":"credential","alipay":{"orderInfo":"out_trade_no=%s&total_fee=%s"}}`, c.OrderNo, c.Amount.Yuan())
}

func (p *Platform) getCharge(r *http.Request, _ []byte) answer {
	c := p.charges[r.PathValue("charge")]
	if c == nil {
		return unknown("charge")
	}
	return answer{http.StatusOK, c}
}

// payLater pays for the payer, who may be too late; the caller holds mu.
func (p *Platform) payLater(c *charge) {
	p.spawn(func() {
		if p.sleep(p.options.PayAfter) {
			_ = p.Pay(c.ID) // it may have expired or been paid by the test
		}
	})
}

// Pay is the payer paying a charge; the notice of it goes out. Every charge of an order can be paid, each once.
func (p *Platform) Pay(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, now := p.charges[id], p.options.Now()
	switch {
	case c == nil:
		return errors.New("there is no charge " + id)
	case c.Paid:
		return errors.New("paid already: charge " + id)
	case !c.LiveAt(now):
		return errors.New("expired: charge " + id)
	}
	at, transaction := now.Unix(), p.id("20")
	c.Paid, c.TimePaid, c.TransactionNo = true, &at, &transaction
	p.notify(payment.NoticeChargeSucceeded, c.OrderNo, c)
	return nil
}

// Charges are the charges of an order as they are now, oldest first, those of alipay before those of wx.
func (p *Platform) Charges(orderNo string) []payment.Charge {
	p.mu.Lock()
	defer p.mu.Unlock()
	var charges []payment.Charge
	for _, channel := range []payment.Channel{payment.Alipay, payment.WX} {
		for _, c := range p.byOrder[orderNo+"/"+string(channel)] {
			charges = append(charges, c.Charge)
		}
	}
	return charges
}
