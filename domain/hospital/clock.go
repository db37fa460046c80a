package hospital

import "time"

// Zone is the time zone of the interface (the notes' Transport): Asia/Shanghai, which has had no summer time since
// 1991, long before the first order.
var Zone = time.FixedZone("CST", 8*60*60)

// The forms of times and dates in the interface.
const (
	TimeLayout = time.DateTime
	DateLayout = time.DateOnly
)

// Times that orders can have: what lies outside is a slip of the pen.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, Zone)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, Zone)
)

// ParseTime reads a time of the interface, which must read back to the same text.
func ParseTime(text string) (t time.Time, ok bool) { return parse(TimeLayout, text) }

// ParseDate reads a date of the interface, which must read back to the same text.
func ParseDate(text string) (t time.Time, ok bool) { return parse(DateLayout, text) }

func parse(layout, text string) (time.Time, bool) {
	t, err := time.ParseInLocation(layout, text, Zone)
	return t, err == nil && t.Format(layout) == text
}

// Plausible says that an order can have been paid, or be for, that time.
func Plausible(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }

// Months are the months from one time to another, "2006-01", as far as they are plausible.
func Months(from, to time.Time) []string {
	from, to = from.In(Zone), to.In(Zone)
	if from.Before(earliest) {
		from = earliest
	}
	if !to.Before(latest) {
		to = latest.Add(-1)
	}
	var months []string
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, Zone); !m.After(to); m = m.AddDate(0, 1, 0) {
		months = append(months, m.Format("2006-01"))
	}
	return months
}
