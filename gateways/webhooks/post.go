package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"orderengine/gateways/messages"
)

// What a delivery is, beside its events.
const (
	contentType = "application/cloudevents-batch+json"
	userAgent   = "orderd"
)

// post sends a batch; any answer but 2xx is an error.
func post(ctx context.Context, client *http.Client, to, secret string, at time.Time, events []Event) error {
	body := bodyOf(events)
	header := http.Header{"Content-Type": {contentType}, "User-Agent": {userAgent}, messages.SignatureHeader: {messages.Sign(secret, at, body)}}
	status, err := messages.Post(ctx, client, to, header, body)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("it answered %d %s", status, http.StatusText(status))
	}
	return err
}

// bodyOf is the batch as a JSON array.
func bodyOf(events []Event) []byte {
	body := []byte{'['}
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, e.JSON...)
	}
	return append(body, ']')
}
