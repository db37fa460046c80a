package messages

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const maxAnswer = 64 << 10 // bytes of an answer that are read, so that the connection can be used again

// NewClient makes a client that follows no redirects: where they lead did not ask for what is sent, and may answer 200
// to a GET that tells it nothing.
func NewClient(limit time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &http.Client{Transport: transport, Timeout: limit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Post sends a body and gives the status of the answer. Nothing else of the answer is kept, which may repeat what it was
// sent, and no error tells the address, which may hold a password: they would stand in the log, where nobody could erase them.
func Post(ctx context.Context, client *http.Client, to string, header http.Header, body []byte) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the address cannot be called")
	}
	request.Header = header
	response, err := client.Do(request)
	if err != nil {
		return 0, failureOf(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status is there already
	return response.StatusCode, nil
}

// failureOf is what may be told of a failed call: net/http's errors begin with the address, and repeat what they could not read.
func failureOf(err error) error {
	var failed *url.Error
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &failed) && failed.Timeout():
		return errors.New("it did not answer in time")
	case errors.As(err, &network):
		return network
	case errors.As(err, &certificate):
		return certificate
	}
	for _, plain := range []error{io.EOF, io.ErrUnexpectedEOF, http.ErrSchemeMismatch, context.Canceled} {
		if errors.Is(err, plain) {
			return plain
		}
	}
	return errors.New("it did not answer in HTTP")
}
