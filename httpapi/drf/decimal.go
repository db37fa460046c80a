package drf

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDecimalDigits is how many digits of fen always fit an int64.
const maxDecimalDigits = 18

// toFen is DecimalField(decimal_places=2).to_internal_value.
func toFen(v any, r *rule) (int64, *Text) {
	text, ok := decimalText(v)
	if utf8.RuneCountInString(text) > maxStringLength {
		return 0, textOf(MsgStringTooLarge)
	}
	d, valid := parseDecimal(text)
	if !ok || !valid {
		return 0, textOf(MsgInvalidNumber)
	}
	if number, isNumber := v.(json.Number); isNumber && isFloat(number) {
		d.trim()
	}
	if problem := d.precision(); problem != nil {
		return 0, problem
	}
	fen := d.fen()
	switch {
	case fen > r.hi:
		return 0, textOf(MsgMaxValue, Yuan(r.hi))
	case fen < r.lo:
		return 0, textOf(MsgMinValue, Yuan(r.lo))
	}
	return fen, nil
}

// decimalText is a number as it was sent: DRF would read a JSON number as a float first, which is where money gets lost.
func decimalText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return pyStrip(v), true
	case json.Number:
		return string(v), true
	}
	return "", false
}

// decimal is Python's Decimal.as_tuple(): its digits, without leading zeros, times ten to the exponent.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

var decimalForm = regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$`)

// parseDecimal is Decimal(text) for finite numbers.
func parseDecimal(text string) (d decimal, ok bool) {
	parts := decimalForm.FindStringSubmatch(strings.ReplaceAll(asciiDigits(text), "_", ""))
	if parts == nil || parts[2]+parts[3] == "" {
		return decimal{}, false
	}
	d.negative = parts[1] == "-"
	d.digits = strings.TrimLeft(parts[2]+parts[3], "0")
	if d.digits == "" {
		d.digits = "0"
	}
	d.exponent = boundedExponent(parts[4]) - len(parts[3])
	return d, true
}

// boundedExponent keeps an absurd exponent from overflowing; any that large is refused for its digits or its places.
func boundedExponent(text string) int {
	const bound = 1 << 20
	if text == "" {
		return 0
	}
	n, _ := strconv.ParseInt(text, 10, 64) // of an overflow, the bound that was crossed
	return int(max(-bound, min(n, bound)))
}

// trim drops zeros at the end of the fraction, which a JSON number loses on its way through Python's float.
func (d *decimal) trim() {
	for d.exponent < 0 && len(d.digits) > 1 && strings.HasSuffix(d.digits, "0") {
		d.digits = d.digits[:len(d.digits)-1]
		d.exponent++
	}
	if d.digits == "0" {
		d.exponent = 0
	}
}

// precision is DecimalField.validate_precision with decimal_places=2.
func (d *decimal) precision() *Text {
	total, whole, places := len(d.digits), 0, 0
	switch {
	case d.exponent >= 0:
		total += d.exponent
		whole = total
	case total > -d.exponent:
		whole, places = total+d.exponent, -d.exponent
	default:
		total, whole, places = -d.exponent, 0, -d.exponent
	}
	switch {
	case total > maxDecimalDigits:
		return textOf(MsgMaxDigits, maxDecimalDigits)
	case places > 2:
		return textOf(MsgMaxDecimalPlaces, 2)
	case whole > maxDecimalDigits-2:
		return textOf(MsgMaxWholeDigits, maxDecimalDigits-2)
	}
	return nil
}

// fen is the value of a number that has passed precision, so it fits.
func (d *decimal) fen() int64 {
	fen, err := strconv.ParseInt(d.digits+strings.Repeat("0", d.exponent+2), 10, 64)
	if err != nil {
		panic("drf: an amount within its precision does not fit: " + err.Error())
	}
	if d.negative {
		return -fen
	}
	return fen
}
