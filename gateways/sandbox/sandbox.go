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
	"math/big"
	"net/url"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
)

// How long a charge can be paid, Ping++'s own defaults.
var lifetime = map[payment.Channel]time.Duration{payment.Alipay: 24 * time.Hour, payment.WX: 2 * time.Hour}

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
}

// CreateCharge makes the charge for an attempt to pay an order.
func (p Platform) CreateCharge(_ context.Context, o qa.Order, a qa.Attempt) (payment.Charge, error) {
	life, ok := lifetime[a.Channel]
	if !ok {
		return payment.Charge{}, fmt.Errorf("channel %q makes no charges", a.Channel)
	}
	id := "ch_" + letters(o.Number+"/"+a.ID, 24)
	charge := payment.Charge{
		OrderNo: o.Number, Extra: json.RawMessage("{}"), App: app, Currency: "cny", TimeExpire: a.At.Add(life).Unix(), ID: id,
		Subject: (product + o.Number)[:subject], Channel: a.Channel, Metadata: payment.Metadata{Owner: o.Patient, OrderNumber: o.Number},
		Body: product + o.Number, ClientIP: a.ClientIP, Object: "charge", AmountSettle: o.Amount,
		Refunds: payment.RefundList{URL: "/v1/charges/" + id + "/refunds", Object: "list", Data: []json.RawMessage{}},
		Created: a.At.Unix(), Amount: o.Amount,
	}
	var err error
	charge.Credential, err = p.credential(charge)
	return charge, err
}

// credential is what the payer's app hands to the channel's own.
func (p Platform) credential(c payment.Charge) (json.RawMessage, error) {
	if c.Channel == payment.WX {
		return p.wx(c)
	}
	return p.alipay(c)
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

// letters is a name of n letters and digits that follows from seed alone.
func letters(seed string, n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256([]byte(seed))
	number, base, digit := new(big.Int).SetBytes(sum[:]), big.NewInt(int64(len(alphabet))), new(big.Int)
	name := make([]byte, n)
	for i := range name {
		number.DivMod(number, base, digit)
		name[i] = alphabet[digit.Int64()]
	}
	return string(name)
}
