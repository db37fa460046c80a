// Package auth says who a caller is: passwords, tokens, and the users they belong to.
package auth

import (
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

// hashing bounds how many passwords are worked on at once, and so the memory that logins take.
var hashing = make(chan struct{}, 2)

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
// password gives: a login can hand out the same token again, and the log alone gives nobody either of them.
func NewCredential(password, token string) account.Credential {
	salt := make([]byte, saltLen)
	rand.Read(salt)
	proof, key := derive(password, salt)
	verifier := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, memoryKiB, passes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(proof))
	// The key serves once, for it comes from a fresh salt: a constant nonce is safe.
	sealed := sealer(key).Seal(nil, make([]byte, 12), []byte(token), []byte(verifier))
	return account.Credential{Verifier: verifier, TokenHash: HashToken(token), Sealed: sealed}
}

// Open gives the token to who knows the password.
func Open(c account.Credential, password string) (token string, ok bool) {
	parts := strings.Split(c.Verifier, "$")
	if len(parts) != 6 {
		parts = strings.Split(nobody, "$") // takes as long as a real one
	}
	salt, _ := base64.RawStdEncoding.DecodeString(parts[4])
	want, _ := base64.RawStdEncoding.DecodeString(parts[5])
	proof, key := derive(password, salt)
	if subtle.ConstantTimeCompare(proof, want) != 1 {
		return "", false
	}
	opened, err := sealer(key).Open(nil, make([]byte, 12), c.Sealed, []byte(c.Verifier))
	return string(opened), err == nil
}

// nobody is the verifier of a password that nobody has.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AA"

func derive(password string, salt []byte) (proof, key []byte) {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	both := argon2.IDKey([]byte(password), salt, passes, memoryKiB, 1, 2*halfLen)
	return both[:halfLen], both[halfLen:]
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
