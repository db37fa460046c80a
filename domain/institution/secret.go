package institution

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// SecretPattern is what a secret that somebody chose looks like: long enough that nobody guesses it from its hash.
var SecretPattern = regexp.MustCompile(`^[!-~]{16,128}$`)

// HashSecret is what is stored of a hospital's secret, and what leads from it to the hospital.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
