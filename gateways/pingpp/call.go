package pingpp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"orderengine/domain"
	"orderengine/gateways"
)

// maxReply bounds what is read of a reply, in bytes; a page of 100 refunds has a tenth of it.
const maxReply = 1 << 20

// call sends a request, in != nil as JSON, and reads a successful reply into out.
func (c *Client) call(ctx context.Context, method, uri string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := c.request(ctx, method, uri, in)
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		if err := c.config.Still(ctx); err != nil {
			return fmt.Errorf("pingpp: %w: %w", gateways.ErrTurn, err)
		}
	}
	reply, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("pingpp: the outcome is not known: %w", err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReply+1))
	switch {
	case err != nil:
		return fmt.Errorf("pingpp: the outcome is not known: the reply broke off: %w", err)
	case len(body) > maxReply:
		return fmt.Errorf("pingpp: the outcome is not known: the reply has more than %d bytes", maxReply)
	case reply.StatusCode/100 != 2:
		return refusal(request, reply.StatusCode, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return errors.New("pingpp: the outcome is not known: the reply is not the JSON it should be")
	}
	return nil
}

// request is signed and says who we are; uri begins after the base URL's path.
func (c *Client) request(ctx context.Context, method, uri string, in any) (*http.Request, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = domain.JSON(in); err != nil {
			return nil, fmt.Errorf("pingpp: the request has no JSON: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base.String()+uri, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("pingpp: %w", err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "orderengine")
	request.SetBasicAuth(c.config.APIKey, "")
	return request, c.sign(request, body)
}

// sign follows "Our requests" of the notes; a GET is signed with an empty body.
func (c *Client) sign(request *http.Request, body []byte) error {
	timestamp := strconv.FormatInt(c.config.Now().Unix(), 10)
	signature, err := Sign(c.config.PrivateKey, append(bytes.Clone(body), request.URL.RequestURI()+timestamp...))
	if err != nil {
		return err
	}
	request.Header.Set(RequestTimestamp, timestamp)
	request.Header.Set(RequestSignature, signature)
	return nil
}
