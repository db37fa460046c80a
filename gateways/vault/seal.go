package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"orderengine/domain"
)

const nonceSize, tagSize = 12, 16 // bytes, of GCM

// ErrSealed: it was not sealed with this key for this purpose, or it was changed since.
var ErrSealed = errors.New("it is not what was sealed")

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal gives [domain.SealedAESGCM], a nonce, and what AES-256-GCM makes of the text; purpose is bound to it and not in it.
func seal(key cipher.AEAD, text []byte, purpose string) domain.Sealed {
	sealed := make(domain.Sealed, 0, 1+nonceSize+len(text)+tagSize)
	sealed = append(sealed, domain.SealedAESGCM)
	sealed = append(sealed, random(nonceSize)...)
	return key.Seal(sealed, sealed[1:], text, []byte(purpose))
}

// open opens what seal gave and appends it to text.
func open(text []byte, key cipher.AEAD, sealed domain.Sealed, purpose string) ([]byte, error) {
	if len(sealed) < 1+nonceSize+tagSize || sealed[0] != domain.SealedAESGCM {
		return nil, ErrSealed
	}
	text, err := key.Open(text, sealed[1:1+nonceSize], sealed[1+nonceSize:], []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return text, nil
}

// MAC is a digest of texts that tells nothing to who does not hold the master key: short texts could be guessed from a
// plain one, after they were erased too. No two lists of texts share one.
func (k *Keyring) MAC(texts ...string) []byte {
	h := hmac.New(sha256.New, k.macKey)
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	return h.Sum(nil)
}
