// Package sandbox is a payment platform without a platform: it makes charges that look like the ones in the
// Q&A API document, so that a newcomer needs no contract with anybody to try the whole way of an order.
package sandbox

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
)

// How long a charge can be paid, Ping++'s own defaults; 医保 is not Ping++'s.
var lifetime = map[payment.Channel]time.Duration{payment.Alipay: 24 * time.Hour, payment.WX: 2 * time.Hour,
	payment.UnionPay: time.Hour, payment.Insurance: 2 * time.Hour}

const (
	app     = "app_Sandbox000000000"
	seller  = "2088000000000000"
	product = "肺轻松#" // stands before the order number in subject and body
	subject = 32     // bytes of UTF-8 that the platform takes
)

// Platform makes charges. It keeps nothing: the same attempt gives the same charge.
type Platform struct {
	Key      *rsa.PrivateKey // signs, as the payment channel would
	Location *time.Location  // of the times that the payer reads
	Now      func() time.Time
	// NotifyURL is where the server takes notices; it is known when the server listens.
	NotifyURL func() string
}

// CreateCharge implements [gateways.Platform].
func (p Platform) CreateCharge(_ context.Context, r gateways.ChargeRequest) (payment.Charge, error) {
	life, ok := lifetime[r.Channel]
	if !ok {
		return payment.Charge{}, &gateways.Refusal{Status: 400, Param: "channel", Message: fmt.Sprintf("channel %q makes no charges", r.Channel)}
	}
	id, title := chargeID(r.OrderNo, r.Attempt), product+r.OrderNo
	charge := payment.Charge{
		OrderNo: r.OrderNo, Extra: json.RawMessage("{}"), App: app, Currency: "cny", TimeExpire: r.At.Add(life).Unix(), ID: id,
		Subject: title[:min(len(title), subject)], Channel: r.Channel, Metadata: payment.Metadata{Owner: r.Owner, OrderNumber: r.OrderNo},
		Body: title, ClientIP: r.ClientIP, Object: "charge", AmountSettle: r.Amount,
		Refunds: payment.RefundList{URL: "/v1/charges/" + id + "/refunds", Object: "list", Data: []json.RawMessage{}},
		Created: r.At.Unix(), Amount: r.Amount,
	}
	var err error
	charge.Credential, err = p.credential(charge)
	return charge, err
}

// credential is what the payer's app hands to the channel's own.
func (p Platform) credential(c payment.Charge) (json.RawMessage, error) {
	switch c.Channel {
	case payment.WX:
		return p.wx(c)
	case payment.Alipay:
		return p.alipay(c)
	default:
		return p.token(c)
	}
}

// token is the credential of the channels that hand their app a transaction's number and nothing else.
func (p Platform) token(c payment.Charge) (json.RawMessage, error) {
	type token struct {
		TN   string `json:"tn"`
		Mode string `json:"mode"` // 01 is the test mode
	}
	return domain.JSON(map[string]any{"object": "credential", string(c.Channel): token{letters("tn/"+c.ID, 21), "01"}})
}

func (p Platform) alipay(c payment.Charge) (json.RawMessage, error) {
	info := fmt.Sprintf(`service="mobile.securitypay.pay"&_input_charset="utf-8"&notify_url="%s"&partner="%s"&out_trade_no="%s"&subject="%s"`+
		`&body="%s"&total_fee="%s"&payment_type="1"&seller_id="%s"&it_b_pay="%s"`,
		url.QueryEscape("https://notify.pingxx.com/notify/charges/"+c.ID), seller, c.OrderNo, c.Subject, c.Body+" "+c.ID,
		c.Amount.Yuan(), seller, time.Unix(c.TimeExpire, 0).In(p.Location).Format(time.DateTime))
	sign, err := p.sign(info)
	if err != nil {
		return nil, err
	}
	return domain.JSON(struct {
		Alipay struct {
			OrderInfo string `json:"orderInfo"`
		} `json:"alipay"`
		Object string `json:"object"`
	}{struct {
		OrderInfo string `json:"orderInfo"`
	}{info + fmt.Sprintf(`&sign="%s"&sign_type="RSA"`, url.QueryEscape(sign))}, "credential"})
}

func (p Platform) wx(c payment.Charge) (json.RawMessage, error) {
	type credential struct {
		AppID        string `json:"appId"`
		PartnerID    string `json:"partnerId"`
		PrepayID     string `json:"prepayId"`
		NonceStr     string `json:"nonceStr"`
		TimeStamp    int64  `json:"timeStamp"`
		PackageValue string `json:"packageValue"`
		Sign         string `json:"sign"`
	}
	wx := credential{AppID: "wxSandbox000000000", PartnerID: "1200000000", PrepayID: "wx" + letters("prepay/"+c.ID, 32),
		NonceStr: letters("nonce/"+c.ID, 32), TimeStamp: c.Created, PackageValue: "Sign=WXPay"}
	sum := sha256.Sum256(fmt.Appendf(nil, "appid=%s&noncestr=%s&package=%s&partnerid=%s&prepayid=%s&timestamp=%d",
		wx.AppID, wx.NonceStr, wx.PackageValue, wx.PartnerID, wx.PrepayID, wx.TimeStamp))
	wx.Sign = hex.EncodeToString(sum[:16])
	return domain.JSON(struct {
		WX     credential `json:"wx"`
		Object string     `json:"object"`
	}{wx, "credential"})
}

func (p Platform) sign(text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, p.Key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// FindCharge implements [gateways.Platform]. The sandbox keeps nothing; what was paid there, it has told.
func (p Platform) FindCharge(_ context.Context, id string) (payment.Charge, error) {
	return payment.Charge{ID: id}, nil
}

// CreateRefund implements [gateways.Platform]: the refund is pending.
func (p Platform) CreateRefund(_ context.Context, r gateways.RefundRequest) (payment.PlatformRefund, error) {
	return payment.PlatformRefund{
		ID: refundID(r.No), Object: "refund", OrderNo: r.No, Amount: r.Amount, Created: p.Now().Unix(), Status: payment.Pending,
		Description: r.Description, Metadata: json.RawMessage("{}"), Charge: r.Charge, ChargeOrderNo: r.OrderNo, Extra: json.RawMessage("{}"),
	}, nil
}

// FindRefund implements [gateways.Platform]. The sandbox keeps nothing, so a refund is pending until somebody says otherwise.
func (p Platform) FindRefund(_ context.Context, charge, no string) (payment.PlatformRefund, bool, error) {
	return payment.PlatformRefund{ID: refundID(no), OrderNo: no, Charge: charge, Status: payment.Pending}, true, nil
}
