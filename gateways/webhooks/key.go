package webhooks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

const keySize = 32

// ErrSealed: the secret was sealed with another key. Bring back the key's file, or set the secret again.
var ErrSealed = errors.New("the webhook's secret was sealed with another key")

// Key seals the secrets of webhooks, which stand in the log, so that the log alone gives nobody a secret.
type Key struct {
	seal  cipher.AEAD
	nonce []byte // key of the nonces
}

// OpenKey reads the key from a file, 64 hexadecimal digits, and makes the file if it is not there.
func OpenKey(file string) (key Key, made bool, err error) {
	secret, made, err := kept(file, keySize)
	if err != nil {
		return Key{}, false, err
	}
	key, err = NewKey(secret)
	return key, made, err
}

// NewKey is the key of 32 secret bytes.
func NewKey(secret []byte) (Key, error) {
	sealing, err := hkdf.Key(sha256.New, secret, nil, "webhook secrets", keySize)
	if err != nil {
		return Key{}, err
	}
	nonce, err := hkdf.Key(sha256.New, secret, nil, "webhook nonces", keySize)
	if err != nil {
		return Key{}, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return Key{}, err
	}
	seal, err := cipher.NewGCM(block)
	return Key{seal, nonce}, err
}

// Seal seals the secret of a hospital's webhook. The same secret of the same hospital gives the same bytes, so that
// setting it again changes nothing; the nonce is a MAC of what is sealed, so it never serves for two texts.
func (k Key) Seal(hospital, secret string) []byte {
	mac := hmac.New(sha256.New, k.nonce)
	fmt.Fprintf(mac, "%s\x00%s", hospital, secret)
	nonce := mac.Sum(nil)[:k.seal.NonceSize()]
	return k.seal.Seal(nonce, nonce, []byte(secret), []byte(hospital))
}

// Open gives the secret back. It fails with [ErrSealed] if it was sealed with another key, or for another hospital.
func (k Key) Open(hospital string, sealed []byte) (string, error) {
	if len(sealed) < k.seal.NonceSize() {
		return "", ErrSealed
	}
	nonce, text := sealed[:k.seal.NonceSize()], sealed[k.seal.NonceSize():]
	secret, err := k.seal.Open(nil, nonce, text, []byte(hospital))
	if err != nil {
		return "", ErrSealed
	}
	return string(secret), nil
}
