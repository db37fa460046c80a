package engine

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"orderengine/eventstore/durable"
	"orderengine/gateways/pingpp"
	"orderengine/gateways/sandbox"
	"orderengine/httpapi"
	"orderengine/projections"
)

// openPayment connects the payment platform of the settings, and its webhook.
func (e *Engine) openPayment() error {
	if e.settings.Payment == pingppPayment {
		return e.openPingpp()
	}
	key, err := e.key("sandbox.pem")
	if err != nil {
		return err
	}
	e.api.Sandbox = &sandbox.Platform{Key: key, Location: e.settings.location, Now: e.now, NotifyURL: e.notifyURL}
	e.api.Payments.Platform = e.api.Sandbox
	e.api.Notices = httpapi.NewNotices(&key.PublicKey, false, e.api.Metrics)
	return nil
}

// notifyURL is where the sandbox sends notices: to this server itself.
func (e *Engine) notifyURL() string { return "http://" + e.Addr() + httpapi.NotifyPath }

func (e *Engine) openPingpp() error {
	p := e.settings.Pingpp
	private, err := pingpp.LoadPrivateKey(p.PrivateKey)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("pingpp-private-key"), err)
	}
	public, err := pingpp.LoadPublicKey(p.PublicKey)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("pingpp-public-key"), err)
	}
	client, err := pingpp.New(pingpp.Config{BaseURL: p.URL, APIKey: p.Key, App: p.App, PrivateKey: private, Now: e.now,
		Still: projections.StillLeads})
	if err != nil {
		return fmt.Errorf("%s, %s, %s: %w", Variable("pingpp-url"), Variable("pingpp-key"), Variable("pingpp-app"), err)
	}
	e.closers = append(e.closers, closer(client.Close))
	e.api.Payments.Platform = client
	e.api.Notices = httpapi.NewNotices(public, p.AcceptTest, e.api.Metrics)
	return nil
}

// closer closes what has nothing to say about it.
type closer func()

// Close implements io.Closer.
func (c closer) Close() error { c(); return nil }

// key reads a private key from the data folder, and makes it if there is none.
func (e *Engine) key(name string) (*rsa.PrivateKey, error) {
	path := filepath.Join(e.settings.Data, "keys", name)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Variable("data"), err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: %s holds no PEM block", Variable("data"), path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if private, ok := key.(*rsa.PrivateKey); ok && err == nil {
		return private, nil
	}
	return nil, fmt.Errorf("%s: %s holds no RSA key: %w", Variable("data"), path, err)
}

func newKey(path string) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("%s: %w", Variable("data"), err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := durable.Replace(path, text); err != nil {
		return nil, fmt.Errorf("%s: %w", Variable("data"), err)
	}
	return key, nil
}
