package messages

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"orderengine/domain"
)

// Outbox is the channel of who has none: a message that is composed is in the log, where /admin/messages/ shows it,
// and so it is sent.
type Outbox struct{}

// Send implements [Channel].
func (Outbox) Send(context.Context, Letter) (string, error) { return "outbox", nil }

// Webhook hands messages to a server that sends them on: POST with the message as JSON. Its Idempotency-Key is the
// message's id, so that the server sends on once what it is given twice; its Signature is
// "t=<Unix seconds>,v1=<hex HMAC-SHA256 of 't.body'>".
type Webhook struct {
	URL    string
	Secret string // of the signature
	Now    func() time.Time
}

// The headers of a webhook's call.
const (
	idHeader = "Idempotency-Key"
	// SignatureHeader has what [Sign] gives.
	SignatureHeader = "Signature"
)

const webhookLimit = 10 * time.Second

var client = NewClient(webhookLimit)

// Send implements [Channel]. 2xx is taken, 4xx refused but for 408, 409, 425 and 429, all else tried again.
func (w Webhook) Send(ctx context.Context, m Letter) (string, error) {
	body, err := domain.JSON(m)
	if err != nil {
		return "", err
	}
	header := http.Header{"Content-Type": {"application/json"}, idHeader: {m.ID}, SignatureHeader: {Sign(w.Secret, w.Now(), body)}}
	status, err := Post(ctx, client, w.URL, header, body)
	if err != nil {
		return "", err
	}
	return "webhook", judge(status)
}

// judge says what a status means.
func judge(status int) error {
	switch {
	case status/100 == 2:
		return nil
	case status/100 != 4, status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests:
		return fmt.Errorf("the webhook answered %d", status)
	default:
		return &Refusal{Why: strconv.Itoa(status)}
	}
}

// Sign is the signature of a body sent at a time.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
