package qa

import (
	"fmt"
	"regexp"
	"time"
)

// NumberPattern is what an order's number looks like: 26 digits.
var NumberPattern = regexp.MustCompile(`^[0-9]{26}$`)

// Number makes an order's number: 13 digits of the time in milliseconds, 9 of the order's pk, 4 of the
// patient's. It rises with time and is unique as the pk is.
func Number(at time.Time, pk, patientPK int64) string {
	return fmt.Sprintf("%013d%09d%04d", at.UnixMilli(), pk%1_000_000_000, patientPK%10_000)
}
