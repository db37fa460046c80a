package messages

import (
	"net/http"
	"time"
)

// NewClient makes a client that follows no redirects: where they lead did not ask for what is sent, and may answer 200
// to a GET that tells it nothing.
func NewClient(limit time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &http.Client{Transport: transport, Timeout: limit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
