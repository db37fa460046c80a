package sandbox

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// The sandbox keeps nothing, so its ids say what they are of: 24 letters and digits hold the digits of an order's
// or a refund's number, and above them what tells the charges of one order apart.
const (
	chargePrefix = "ch_"
	refundPrefix = "re_"
	idLength     = 24
	numberBits   = 100 // a 1, so that leading zeros count, and up to 29 digits
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var idPattern = regexp.MustCompile(`^(ch|re)_[0-9A-Za-z]{24}$`)

func chargeID(number, attempt string) string {
	return chargePrefix + spell(pack(number, attempt), idLength)
}

// refundID is the id of the refund with the number "<order>R<place>".
func refundID(no string) string {
	number, place, _ := strings.Cut(no, "R")
	return refundPrefix + spell(pack(number+fmt.Sprintf("%03s", place), no), idLength)
}

// OrderOf gives the number of the order that a charge of the sandbox is for.
func OrderOf(charge string) (number string, ok bool) { return unpack(charge, chargePrefix) }

// RefundOf gives the number of the refund with an id of the sandbox.
func RefundOf(id string) (no string, ok bool) {
	digits, ok := unpack(id, refundPrefix)
	if !ok || len(digits) < 4 {
		return "", false
	}
	number, place := digits[:len(digits)-3], strings.TrimLeft(digits[len(digits)-3:], "0")
	return number + "R" + place, true
}

// pack puts a hash of what above the digits.
func pack(digits, what string) *big.Int {
	n, _ := new(big.Int).SetString("1"+digits, 10)
	if n == nil || n.BitLen() > numberBits {
		n = new(big.Int) // no number of ours: an id that leads nowhere
	}
	sum := sha256.Sum256([]byte(what))
	high := new(big.Int).SetBytes(sum[:5]) // 40 bits: 24 letters hold 142
	return high.Lsh(high, numberBits).Or(high, n)
}

func unpack(id, prefix string) (digits string, ok bool) {
	letters, ok := strings.CutPrefix(id, prefix)
	if !ok || !idPattern.MatchString(id) {
		return "", false
	}
	n, base := new(big.Int), big.NewInt(int64(len(alphabet)))
	for i := len(letters) - 1; i >= 0; i-- {
		n.Mul(n, base)
		n.Add(n, big.NewInt(int64(strings.IndexByte(alphabet, letters[i]))))
	}
	mask := new(big.Int).Lsh(big.NewInt(1), numberBits)
	n.And(n, mask.Sub(mask, big.NewInt(1)))
	return strings.CutPrefix(n.String(), "1")
}

// letters is a name of n letters and digits that follows from seed alone.
func letters(seed string, n int) string {
	sum := sha256.Sum256([]byte(seed))
	return spell(new(big.Int).SetBytes(sum[:]), n)
}

// spell writes the low digits of a number in letters, the lowest first.
func spell(number *big.Int, n int) string {
	rest, base, digit := new(big.Int).Set(number), big.NewInt(int64(len(alphabet))), new(big.Int)
	name := make([]byte, n)
	for i := range name {
		rest.DivMod(rest, base, digit)
		name[i] = alphabet[digit.Int64()]
	}
	return string(name)
}
