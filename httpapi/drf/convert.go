package drf

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxStringLength guards number fields against long texts (IntegerField.MAX_STRING_LENGTH).
const maxStringLength = 1000

// toText is CharField: blank is judged before the type, and all validators report, not only the first.
func toText(v any, r *rule) (string, []Text) {
	if s, ok := v.(string); ok && (s == "" || !r.keepSpace && pyStrip(s) == "") {
		if r.blank {
			return "", nil
		}
		return "", []Text{MsgBlank.With()}
	}
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = pyNumber(v)
	default:
		return "", []Text{MsgInvalidString.With()}
	}
	if !r.keepSpace {
		text = pyStrip(text)
	}
	if problems := textProblems(text, r); problems != nil {
		return "", problems
	}
	return text, nil
}

func textProblems(text string, r *rule) (problems []Text) {
	if len(text) > r.maxLength && utf8.RuneCountInString(text) > r.maxLength {
		problems = append(problems, MsgMaxLength.With(r.maxLength))
	}
	if strings.ContainsRune(text, 0) {
		problems = append(problems, MsgNullCharacters.With())
	}
	return problems
}

// toItem is the CharField of a list's item, which may not be null.
func toItem(v any, r *rule) (string, []Text) {
	if v == nil {
		return "", []Text{MsgNull.With()}
	}
	return toText(v, r)
}

// zeroFraction is IntegerField.re_decimal: "5.0" is an integer, "5.5" is not.
var zeroFraction = regexp.MustCompile(`\.0*\s*$`)

// toInt is IntegerField.to_internal_value; a value beyond int64 becomes the nearest int64.
func toInt(v any) (int64, *Message) {
	if s, ok := v.(string); ok && utf8.RuneCountInString(s) > maxStringLength {
		return 0, MsgStringTooLarge
	}
	text := pyStr(v)
	if strings.Contains(text, ".") {
		text = zeroFraction.ReplaceAllString(text, "")
	}
	n, ok := pyInt(text)
	if !ok {
		return 0, MsgInvalidInteger
	}
	return n, nil
}

// toBool is BooleanField's TRUE_VALUES and FALSE_VALUES.
func toBool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f == 1, err == nil && (f == 0 || f == 1)
	case string:
		return boolText(v)
	}
	return false, false
}

func boolText(s string) (value, ok bool) {
	switch s {
	case "t", "T", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "1":
		return true, true
	case "f", "F", "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "0":
		return false, true
	}
	return false, false
}

// toPK is PrimaryKeyRelatedField.to_internal_value. Pks are positive, so what is not cannot exist.
func toPK(v any) (int64, *Text) {
	text := pyStr(v)
	number, isNumber := v.(json.Number)
	if _, isText := v.(string); v != nil && !isText && (!isNumber || isFloat(number) && !wholeFloat(number)) {
		return 0, textOf(MsgIncorrectPKType, pyType(v))
	}
	if isNumber {
		text = strings.TrimSuffix(text, ".0")
	}
	pk, ok := pyInt(text)
	switch {
	case v != nil && !ok:
		return 0, textOf(MsgIncorrectPKType, pyType(v))
	case pk < 1 || pk == math.MaxInt64:
		return 0, textOf(MsgInvalidPK, pyStr(v))
	}
	return pk, nil
}

func wholeFloat(n json.Number) bool { return strings.HasSuffix(pyNumber(n), ".0") }

func textOf(m *Message, args ...any) *Text {
	text := m.With(args...)
	return &text
}

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
	if problem := d.precision(r.maxDigits); problem != nil {
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
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && n == 0 {
		return 0
	}
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
func (d *decimal) precision(maxDigits int) *Text {
	total, whole, places := len(d.digits), len(d.digits), 0
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
	case total > maxDigits:
		return textOf(MsgMaxDigits, maxDigits)
	case places > 2:
		return textOf(MsgMaxDecimalPlaces, 2)
	case whole > maxDigits-2:
		return textOf(MsgMaxWholeDigits, maxDigits-2)
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
