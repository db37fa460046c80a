package hospital

import (
	"fmt"
	"regexp"
	"time"

	"orderengine/domain"
)

// TradeType is what a number of ours is for, its 2nd and 3rd digit.
type TradeType string

const (
	ForPayment       TradeType = "01"
	ForStop          TradeType = "04" // a refund after a stop
	ForFullRefund    TradeType = "05" // at the hospital's window
	ForPartialRefund TradeType = "06"
)

// IsNumber says whether a text looks like the number of an order or of a refund order: 19 digits.
func IsNumber(text string) bool { return domain.IsDigits(text, 19) }

// What the longest number that is not ours may be. It stands in names of streams, behind a category and a hospital's code
// (those of links and cards), and a name has at most 255 bytes.
const (
	MaxForeign      = 64  // characters
	MaxForeignBytes = 200 // in UTF-8
)

// ForeignPattern is what a number of a hospital's or a channel's looks like: characters that can be seen, without space.
var ForeignPattern = regexp.MustCompile(`^[^\p{Z}\p{C}]+$`)

// Serials is how many numbers one day has for orders of one platform, kind and trade type.
const Serials = 10_000_000

// Number makes the number of an order or of a refund order: the platform, the trade type, the kind, the day, and 7
// digits that tell those of one day apart. The day is the one it is in [Zone].
func Number(p Platform, t TradeType, k Kind, day time.Time, serial int64) string {
	return fmt.Sprintf("%d%s%d%s%07d", p, t, k, day.In(Zone).Format("20060102"), serial%Serials)
}
