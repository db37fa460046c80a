package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"orderengine/gateways/messages"
)

// What a delivery is, beside its events.
const (
	contentType = "application/cloudevents-batch+json"
	userAgent   = "orderd"
	maxAnswer   = 64 << 10 // bytes of an answer that are read, so that the connection can be used again
)

// post sends a batch; any answer but 2xx is an error. What it answers beside the status is not kept, since nobody knows
// what is in it.
func post(ctx context.Context, client *http.Client, to, secret string, at time.Time, events []Event) error {
	body := bodyOf(events)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address cannot be called")
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set(messages.SignatureHeader, messages.Sign(secret, at, body))
	response, err := client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status is there already
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return nil
}

// withoutURL keeps the address, which may hold a password, out of ledger and logs.
func withoutURL(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		if failed.Timeout() {
			return errors.New("it did not answer in time")
		}
		return failed.Err
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
