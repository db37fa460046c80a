package pingpp

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// The headers that prove who sent what.
const (
	WebhookSignature = "X-Pingplusplus-Signature"       // of a webhook, over its raw body
	RequestSignature = "Pingplusplus-Signature"         // of a request, over body, URI with query and timestamp
	RequestTimestamp = "Pingplusplus-Request-Timestamp" // Unix seconds
)

// ErrSignature: the header does not prove that the holder of the key sent this body. Do nothing with the body.
var ErrSignature = errors.New("pingpp: the signature is not valid")

// Sign gives the header for a body: base64 of RSA-SHA256, PKCS #1 v1.5.
func Sign(key *rsa.PrivateKey, body []byte) (string, error) {
	if key == nil {
		return "", errors.New("pingpp: no key to sign with")
	}
	sum := sha256.Sum256(body)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", errors.New("pingpp: the key does not sign")
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// Verify checks a header against the raw body as it was received. The only error is [ErrSignature]; an empty
// header, as the platform sends in test mode, is not valid either.
func Verify(key *rsa.PublicKey, header string, body []byte) error {
	if key == nil || header == "" {
		return ErrSignature
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil {
		return ErrSignature
	}
	sum := sha256.Sum256(body)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		return ErrSignature
	}
	return nil
}
