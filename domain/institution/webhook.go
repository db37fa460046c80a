package institution

import (
	"bytes"
	"regexp"

	"orderengine/domain"
)

// Webhook is where a hospital wants its refund and stop events delivered. The zero Webhook is nowhere.
type Webhook struct {
	URL string `json:"url,omitempty"`
	// Secret signs what is delivered. It is sealed with a key that the log does not have, since a signature needs the
	// secret itself and not its hash.
	Secret []byte `json:"secret,omitempty"`
}

// WebhookPattern is what the address of a webhook looks like.
var WebhookPattern = regexp.MustCompile(`^https?://[!-~]{1,1000}$`)

func decideWebhook(h Hospital, c SetWebhook) ([]Event, error) {
	switch {
	case c.URL == "":
		c.Secret = nil
	case !WebhookPattern.MatchString(c.URL):
		return nil, domain.RefuseField(domain.Invalid, "webhook_url", "%q is no http(s) address", c.URL)
	case len(c.Secret) == 0:
		return nil, domain.RefuseField(domain.Invalid, "webhook_secret", "what is delivered must be signed")
	}
	if c.URL == h.Webhook.URL && bytes.Equal(c.Secret, h.Webhook.Secret) {
		return nil, nil
	}
	return []Event{WebhookSet(c)}, nil
}
