package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways/pingpp"
)

// Paid tells the server that a charge was paid, as the platform would: by its webhook, signed.
func (p Platform) Paid(ctx context.Context, charge payment.Charge) error {
	now, transaction := p.Now().Unix(), "sandbox"+letters("transaction/"+charge.ID, 21)
	charge.Paid, charge.TimePaid, charge.TransactionNo = true, &now, &transaction
	return p.notify(ctx, payment.NoticeChargeSucceeded, charge.ID, charge)
}

// Refunded tells the server how a refund ended.
func (p Platform) Refunded(ctx context.Context, r payment.PlatformRefund, succeeded bool) error {
	now, kind := p.Now().Unix(), payment.NoticeRefundFailed
	if succeeded {
		kind, r.Succeed, r.Status, r.TimeSucceed = payment.NoticeRefundSucceeded, true, payment.Succeeded, &now
	} else {
		code, message := "sandbox_failed", "failed at the sandbox's request"
		r.Status, r.FailureCode, r.FailureMsg = payment.Failed, &code, &message
	}
	return p.notify(ctx, kind, r.ID, r)
}

// notify sends a notice; the same thing told twice is the same notice.
func (p Platform) notify(ctx context.Context, kind, of string, object any) error {
	inner, err := domain.JSON(object)
	if err != nil {
		return err
	}
	notice := payment.Notice{ID: "evt_" + letters(kind+"/"+of, 24), Object: "event", Created: p.Now().Unix(), Type: kind, Request: json.RawMessage("null")}
	notice.Data.Object = inner
	body, err := domain.JSON(notice)
	if err != nil {
		return err
	}
	signature, err := pingpp.Sign(p.Key, body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.NotifyURL(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(pingpp.WebhookSignature, signature)
	return send(request)
}

const noticeLimit = 10 * time.Second

var client = &http.Client{Timeout: noticeLimit}

func send(request *http.Request) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("the notice was answered %d: %s", response.StatusCode, answer)
	}
	return err
}
