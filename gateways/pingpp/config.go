package pingpp

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"orderengine/gateways"
)

// What a [Config] that sets nothing gets.
const (
	DefaultBaseURL = "https://api.pingxx.com"
	DefaultTimeout = 10 * time.Second
	DefaultProduct = "肺轻松#"
)

// Config is what a merchant's contract with Ping++ consists of. It prints without its secrets.
type Config struct {
	BaseURL    string           // "": [DefaultBaseURL]; https, or http to this machine
	APIKey     string           `json:"-"` // sk_live_… or sk_test_…
	App        string           // the application's id, app_…
	PrivateKey *rsa.PrivateKey  `json:"-"` // signs requests; its public half is deposited with the platform
	Timeout    time.Duration    // of one HTTP request with its reply; 0: [DefaultTimeout]
	Product    string           // stands before the order number in subject and body; "": [DefaultProduct]
	Now        func() time.Time `json:"-"` // of the requests' timestamps; nil: time.Now
	// Still is asked directly before a request is sent that moves money, and fails if it must not be any more: another
	// server may be about to do the same by now. Nil: it always may.
	Still func(ctx context.Context) error `json:"-"`
}

// Format writes the configuration without its secrets, whatever the verb.
func (c Config) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "Ping++ %s at %s", c.App, c.BaseURL) }

// LogValue is the configuration without its secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("base_url", c.BaseURL), slog.String("app", c.App), slog.Duration("timeout", c.Timeout))
}

// Client calls the platform. It may be used by many goroutines; connections are kept and used again.
type Client struct {
	config Config
	base   *url.URL
	http   *http.Client
}

var _ gateways.Platform = (*Client)(nil)

// Format writes the client without its secrets, whatever the verb.
func (c *Client) Format(s fmt.State, verb rune) { c.config.Format(s, verb) }

// New makes a client of a checked configuration; it calls nobody yet. The caller must Close it.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("pingpp: %w", err)
	}
	base, err := parseBase(config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("pingpp: %w", err)
	}
	return &Client{config: config, base: base, http: &http.Client{Transport: transport(), CheckRedirect: stay}}, nil
}

// Close closes the connections that are not in use; calls under way are left to end.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c Config) withDefaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Product == "" {
		c.Product = DefaultProduct
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Still == nil {
		c.Still = func(context.Context) error { return nil }
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.APIKey == "":
		return errors.New("the API key is missing")
	case strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }):
		return errors.New("the API key has characters that no key has")
	case c.App == "":
		return errors.New("the application's id is missing")
	case c.PrivateKey == nil:
		return errors.New("the private key that signs requests is missing")
	case c.Timeout < 0:
		return errors.New("the time-out is negative")
	}
	return nil
}

// parseBase wants TLS, since the API key is in every request; the text is not repeated, it may hold a password.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the base URL is not of the form https://host/path")
	}
	if base.Scheme == "https" || base.Scheme == "http" && local(base.Hostname()) {
		return base, nil
	}
	return nil, errors.New("the base URL must be https, or http to this machine")
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Bounds of the connections to the one host that is called.
const (
	idleConnections = 64
	idleFor         = 90 * time.Second
	maxHeader       = 64 << 10 // bytes
)

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        idleFor,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // the bound on a reply's size is then one on memory
		ForceAttemptHTTP2:      true,
	}
}

// stay keeps the key and the signature at the host they were meant for.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
