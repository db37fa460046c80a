package pingpp_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderengine/gateways/pingpp"
)

func good() pingpp.Config { return pingpp.Config{APIKey: apiKey, App: app, PrivateKey: merchantKey()} }

func TestNewChecks(t *testing.T) {
	for name, change := range map[string]func(*pingpp.Config){
		"the API key":      func(c *pingpp.Config) { c.APIKey = "" },
		"characters":       func(c *pingpp.Config) { c.APIKey = apiKey + "\n" },
		"application":      func(c *pingpp.Config) { c.App = "" },
		"private key":      func(c *pingpp.Config) { c.PrivateKey = nil },
		"time-out":         func(c *pingpp.Config) { c.Timeout = -1 },
		"must be https":    func(c *pingpp.Config) { c.BaseURL = "http://api.pingxx.com" },
		"form":             func(c *pingpp.Config) { c.BaseURL = "api.pingxx.com" },
		"of the form":      func(c *pingpp.Config) { c.BaseURL = "https://user:hidden@api.pingxx.com" },
		"base URL":         func(c *pingpp.Config) { c.BaseURL = "https://h/?q=1" },
		"base URL is not":  func(c *pingpp.Config) { c.BaseURL = "://" },
		"base URL must be": func(c *pingpp.Config) { c.BaseURL = "ftp://127.0.0.1" },
	} {
		config := good()
		change(&config)
		_, err := pingpp.New(config)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), apiKey) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v shows a secret", err)
		}
	}
	for _, url := range []string{"", "https://example.com/ping/", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"} {
		config := good()
		config.BaseURL = url
		newClient(t, config)
	}
}

func TestConfigPrintsNoSecrets(t *testing.T) {
	config, client := good(), newClient(t, good())
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", config, "client", client)
	text, err := json.Marshal([]any{config, client})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", config, config, config, config, client, client, client) + log.String() + string(text)
	for _, secret := range []string{apiKey, merchantKey().D.String(), fmt.Sprintf("%p", config.PrivateKey)} {
		if strings.Contains(all, secret) {
			t.Errorf("%s shows %s", all, secret)
		}
	}
	if !strings.Contains(all, app) {
		t.Errorf("%s does not say which application", all)
	}
}

func block(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestKeys(t *testing.T) {
	key := merchantKey()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	for _, text := range [][]byte{block("PRIVATE KEY", pkcs8, err), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil)} {
		file := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := pingpp.LoadPrivateKey(file); err != nil || !got.Equal(key) {
			t.Error(err)
		}
	}
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	for _, text := range [][]byte{block("PUBLIC KEY", pkix, err), block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey), nil)} {
		if got, err := pingpp.ParsePublicKey(text); err != nil || !got.Equal(&key.PublicKey) {
			t.Error(err)
		}
	}
}

func TestWrongKeys(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKCS8PrivateKey(other)
	ecPrivate := block("PRIVATE KEY", ec, err)
	ec, err = x509.MarshalPKIXPublicKey(&other.PublicKey)
	ecPublic := block("PUBLIC KEY", ec, err)
	der := x509.MarshalPKCS1PrivateKey(merchantKey())
	damaged := append([]byte(nil), der...)
	damaged[10] ^= 0xff
	locked := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: der})
	secret := base64.StdEncoding.EncodeToString(der)
	for name, text := range map[string][]byte{
		"nothing": nil, "no PEM": []byte(secret), "cut": []byte("-----BEGIN PRIVATE KEY-----\n" + secret[:100]), "curve": ecPrivate, "public curve": ecPublic,
		"damaged": block("RSA PRIVATE KEY", damaged, nil), "wrong form": block("PRIVATE KEY", der, nil), "passphrase": locked,
		"new passphrase": block("ENCRYPTED PRIVATE KEY", der, nil), "certificate": block("CERTIFICATE", der, nil), "wrong public": block("PUBLIC KEY", der, nil),
	} {
		_, privateErr := pingpp.ParsePrivateKey(text)
		_, publicErr := pingpp.ParsePublicKey(text)
		for _, err := range []error{privateErr, publicErr} {
			if err == nil {
				t.Errorf("%s is a key", name)
			} else if strings.Contains(err.Error(), secret[20:40]) {
				t.Errorf("%s: %v shows the key", name, err)
			}
		}
	}
}

func TestKeyInsteadOfItsFile(t *testing.T) {
	text := string(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(merchantKey()), nil))
	bare := strings.ReplaceAll(strings.Join(strings.Split(text, "\n")[1:4], ""), "/", "")
	for _, name := range []string{text, strings.ReplaceAll(text, "\n", `\n`), bare, "/no/such/file"} {
		_, err := pingpp.LoadPrivateKey(name)
		if err == nil || strings.Contains(err.Error(), bare[:20]) {
			t.Errorf("%v", err)
		}
	}
}
