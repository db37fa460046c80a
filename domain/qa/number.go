package qa

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// NumberPattern is what an order's number looks like: 26 digits.
var NumberPattern = regexp.MustCompile(`^[0-9]{26}$`)

// RefundMark stands between an order's number and its refund's place in a refund's number.
const RefundMark = "R"

// Number makes an order's number: 13 digits of the time in milliseconds, 9 of the order's pk, 4 of the
// patient's. It rises with time and is unique as the pk is.
func Number(at time.Time, pk, patientPK int64) string {
	return fmt.Sprintf("%013d%09d%04d", at.UnixMilli(), pk%1_000_000_000, patientPK%10_000)
}

// OrderOfRefund is the number of the order that a refund's number belongs to; ok is false if it is no refund's.
func OrderOfRefund(no string) (number string, ok bool) {
	number, _, marked := strings.Cut(no, RefundMark)
	return number, marked && NumberPattern.MatchString(number)
}
