package pingpp

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// LoadPrivateKey reads the merchant's key from a PEM file.
func LoadPrivateKey(file string) (*rsa.PrivateKey, error) { return load(file, ParsePrivateKey) }

// LoadPublicKey reads the platform's key, which verifies its webhooks, from a PEM file.
func LoadPublicKey(file string) (*rsa.PublicKey, error) { return load(file, ParsePublicKey) }

func load[K any](file string, parse func([]byte) (K, error)) (K, error) {
	var none K
	if strings.ContainsAny(file, "\r\n") || strings.Contains(file, "-----BEGIN") {
		return none, errors.New("pingpp: this is a key; the name of a file is wanted")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return none, fmt.Errorf("pingpp: a key file cannot be read: %w", cause(err))
	}
	key, err := parse(text)
	if err != nil {
		return none, fmt.Errorf("%w (file %s)", err, file)
	}
	return key, nil
}

// cause leaves the name out, which is the key itself if somebody took the one for the other.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// ParsePrivateKey reads an RSA key in PEM, PKCS #8 ("PRIVATE KEY") or PKCS #1 ("RSA PRIVATE KEY"). No error
// holds a part of the text.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, err := decode(text, "private")
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("pingpp: the private key has a passphrase; remove it")
	default:
		return nil, errors.New("pingpp: the PEM block is not a private key")
	}
	return only[rsa.PrivateKey](key, err, "private")
}

// ParsePublicKey reads an RSA key in PEM, PKIX ("PUBLIC KEY") or PKCS #1 ("RSA PUBLIC KEY").
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, err := decode(text, "public")
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, errors.New("pingpp: the PEM block is not a public key")
	}
	return only[rsa.PublicKey](key, err, "public")
}

func decode(text []byte, kind string) (*pem.Block, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("pingpp: the %s key is not in PEM form", kind)
	}
	if block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("pingpp: the %s key has a passphrase; remove it", kind)
	}
	return block, nil
}

// only hides why the bytes are no key, so that none of them shows.
func only[K any](key any, err error, kind string) (*K, error) {
	if err != nil {
		return nil, fmt.Errorf("pingpp: the %s key is damaged or too short", kind)
	}
	k, ok := key.(*K)
	if !ok {
		return nil, fmt.Errorf("pingpp: the %s key is not an RSA key", kind)
	}
	return k, nil
}
