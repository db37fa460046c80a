package qa

import (
	"fmt"
	"time"

	"orderengine/domain"
)

// IsNumber says whether a text looks like an order's number: 26 digits.
func IsNumber(text string) bool { return domain.IsDigits(text, 26) }

// Number makes an order's number: 13 digits of the time in milliseconds, 9 of the order's pk, 4 of the
// patient's. It rises with time and is unique as the pk is.
func Number(at time.Time, pk, patientPK int64) string {
	return fmt.Sprintf("%013d%09d%04d", at.UnixMilli(), pk%1_000_000_000, patientPK%10_000)
}
