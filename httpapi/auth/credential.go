// Package auth says who a caller is: passwords, tokens, and the users they belong to.
package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/crypto/argon2"

	"orderengine/domain/account"
)

// TokenPattern is what a token looks like.
var TokenPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// cost of argon2id, OWASP's second choice: 19 MiB, two passes.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	saltLen   = 16
	halfLen   = 32 // the first half of the key proves the password, the second opens the token
)

// Rooms bound how many passwords are worked on at once, and so the memory they take. Anyone may try to log in, so what
// administrators set has a room of its own: a flood of logins does not hold it up.
var (
	logins = make(chan struct{}, 2)
	making = make(chan struct{}, 2)
)

// NewToken makes a token of 40 hex digits.
func NewToken() string {
	token := make([]byte, 20)
	rand.Read(token) // never fails: see crypto/rand
	return hex.EncodeToString(token)
}

// HashToken is how a token is stored and looked up. A token is long and random, so one plain hash is enough.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// NewCredential makes what is stored of a password and a token. The token is sealed with a key that only the
// password gives: a login can hand out the same token again, and the log alone gives nobody either of them. It
// waits while others are made, until the context ends, and its error is the context's.
func NewCredential(ctx context.Context, password, token string) (account.Credential, error) {
	salt := make([]byte, saltLen)
	rand.Read(salt)
	proof, key, err := derive(ctx, making, password, salt)
	if err != nil {
		return account.Credential{}, err
	}
	verifier := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, memoryKiB, passes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(proof))
	// The key serves once, for it comes from a fresh salt: a constant nonce is safe.
	sealed := sealer(key).Seal(nil, make([]byte, 12), []byte(token), []byte(verifier))
	return account.Credential{Verifier: verifier, TokenHash: HashToken(token), Sealed: sealed}, nil
}

// Open gives the token to who knows the password, [ErrUnknown] to who does not. It waits while others are opened, until
// the context ends, and its error is the context's then.
func Open(ctx context.Context, c account.Credential, password string) (token string, err error) {
	parts := strings.Split(c.Verifier, "$")
	if len(parts) != 6 {
		parts = strings.Split(nobody, "$") // takes as long as a real one
	}
	salt, _ := base64.RawStdEncoding.DecodeString(parts[4])
	want, _ := base64.RawStdEncoding.DecodeString(parts[5])
	proof, key, err := derive(ctx, logins, password, salt)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(proof, want) != 1 {
		return "", ErrUnknown
	}
	opened, err := sealer(key).Open(nil, make([]byte, 12), c.Sealed, []byte(c.Verifier))
	if err != nil {
		return "", ErrUnknown
	}
	return string(opened), nil
}

// nobody is the verifier of a password that nobody has.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AA"

// derive waits for a place in the room. Who has gone by then costs no work.
func derive(ctx context.Context, room chan struct{}, password string, salt []byte) (proof, key []byte, err error) {
	select {
	case room <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	defer func() { <-room }()
	both := argon2.IDKey([]byte(password), salt, passes, memoryKiB, 1, 2*halfLen)
	return both[:halfLen], both[halfLen:], nil
}

func sealer(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key is 32 bytes long
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // a 16-byte block cipher
	}
	return aead
}
