package drf

import (
	"encoding/json"
	"math"
	"regexp"
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
