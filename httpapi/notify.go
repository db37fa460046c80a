package httpapi

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/gateways/pingpp"
	"orderengine/httpapi/drf"
)

// Notices says how the platform's webhook is believed.
type Notices struct {
	Key *rsa.PublicKey // the platform's
	// AcceptTest takes notices of the platform's test mode, which come unsigned and with livemode false.
	AcceptTest bool
	// Counted counts what came, by what became of it.
	Counted *prometheus.CounterVec
}

// NewNotices makes the webhook's settings and its metric.
func NewNotices(key *rsa.PublicKey, acceptTest bool, metrics *prometheus.Registry) Notices {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderd_notices_total", Help: "Notices of the payment platform, by what became of them.",
	}, []string{"outcome"})
	metrics.MustRegister(counted)
	return Notices{Key: key, AcceptTest: acceptTest, Counted: counted}
}

var (
	msgForged        = drf.NewMessage("The signature is not the platform's.", "签名不是支付平台的。")
	msgBadNotice     = drf.NewMessage("Not a notice: {why}", "不是有效的通知：{why}")
	msgUnknownOrder  = drf.NewMessage("No order has the number {number}.", "没有编号为 {number} 的订单。")
	msgUnknownRefund = drf.NewMessage("No refund has the number {number}.", "没有编号为 {number} 的退款。")
)

// noticeSpace makes the ids of the commands that notices become: a notice that comes again is the same command.
var noticeSpace = uuid.MustParse("b7b1a9d0-2b0d-4c7e-8a55-0d6d3a1a6a0e")

// noticeReply acknowledges a notice; any 2xx does.
var noticeReply = reply{http.StatusOK, numbered{}}

// notify is the platform's webhook. A notice is believed if the platform signed it, done once whatever comes
// how often and in what order, and acknowledged when it is durable.
func (c *call) notify() (reply, error) {
	answer, outcome, err := c.notified()
	c.api.Notices.Counted.WithLabelValues(outcome).Inc()
	return answer, err
}

func (c *call) notified() (_ reply, outcome string, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.echo.Response(), c.echo.Request().Body, maxBody))
	if err != nil {
		return reply{}, "unreadable", err
	}
	var notice payment.Notice
	malformed := json.Unmarshal(body, &notice)
	if !c.believes(body, notice, malformed) {
		return reply{}, "forged", drf.Unauthorized(msgForged)
	}
	if malformed != nil || notice.ID == "" {
		return reply{}, "malformed", badNotice("it is no event")
	}
	ctx, cancel := c.commandCtx()
	defer cancel()
	c.actor = domain.Platform
	var position eventstore.Position
	switch notice.Type {
	case payment.NoticeChargeSucceeded:
		position, err = c.charged(ctx, notice)
	case payment.NoticeRefundSucceeded, payment.NoticeRefundFailed:
		position, err = c.refunded(ctx, notice)
	default:
		return noticeReply, "ignored", nil
	}
	if err != nil {
		c.api.Logger.Warn("a notice of the platform was not taken", "request", c.request, "notice", notice.ID, "type", notice.Type, "error", err.Error())
		return reply{}, "refused", err
	}
	c.await(position)
	return noticeReply, "taken", nil
}

// believes checks the signature over the raw body. In the platform's test mode the header is there and empty.
func (c *call) believes(body []byte, notice payment.Notice, malformed error) bool {
	signature, present := c.echo.Request().Header[pingpp.WebhookSignature]
	if c.api.Notices.AcceptTest && malformed == nil && !notice.Livemode && slices.Equal(signature, []string{""}) {
		return true
	}
	return present && len(signature) == 1 && pingpp.Verify(c.api.Notices.Key, signature[0], body) == nil
}

func badNotice(why string) error { return drf.NewError(http.StatusBadRequest, msgBadNotice, why) }

// charged takes money that arrived. It goes to the order, whatever state that is in: what the order does not
// wait for, it gives back.
func (c *call) charged(ctx context.Context, notice payment.Notice) (eventstore.Position, error) {
	var charge payment.Charge
	if err := json.Unmarshal(notice.Data.Object, &charge); err != nil || charge.ID == "" || !charge.Paid {
		return eventstore.Position{}, badNotice("its object is no paid charge")
	}
	confirm := payment.ConfirmPayment{Receipt: payment.ReceiptOf(charge, c.now())}
	paid, err := c.api.Payments.Books.Execute(ctx, charge.OrderNo, c.noticed(notice), confirm)
	return paid.Position, named404(err, msgUnknownOrder, charge.OrderNo)
}

// refunded takes the outcome of a refund.
func (c *call) refunded(ctx context.Context, notice payment.Notice) (eventstore.Position, error) {
	r, err := pingpp.DecodeRefund(notice.Data.Object)
	if err != nil {
		return eventstore.Position{}, badNotice("its object is no refund")
	}
	settle := payment.SettleRefund{No: r.OrderNo, Amount: r.Amount, OK: notice.Type == payment.NoticeRefundSucceeded, At: c.now()}
	if r.FailureMsg != nil {
		settle.Why = *r.FailureMsg
	}
	number, ok := payment.OrderOfRefund(r.OrderNo)
	if !ok {
		return eventstore.Position{}, drf.NewError(http.StatusNotFound, msgUnknownRefund, r.OrderNo)
	}
	settled, err := c.api.Payments.Books.Execute(ctx, number, c.noticed(notice), settle)
	return settled.Position, named404(err, msgUnknownRefund, r.OrderNo)
}

// noticed is the call of a notice's command.
func (c *call) noticed(notice payment.Notice) decider.Call {
	call := c.caller(uuid.NewSHA1(noticeSpace, []byte(notice.ID)), c.now())
	call.Causation = notice.ID
	return call
}

// named404 makes a refusal for what is not there say what is not.
func named404(err error, m *drf.Message, number string) error {
	if domain.IsRefused(err, domain.NotFound) {
		return drf.NewError(http.StatusNotFound, m, number)
	}
	return err
}
