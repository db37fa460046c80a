package drf

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// DRF converts what it is sent with Python's own str(), int() and strip(), and its error texts quote Python's names and
// forms of values. This file is that much of Python.

// pyStrip is str.strip().
func pyStrip(s string) string { return strings.TrimFunc(s, isPySpace) }

// isPySpace is str.isspace(), which knows the four ASCII separators that Go's unicode.IsSpace does not.
func isPySpace(r rune) bool {
	return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f'
}

// pyInt is int(s): white space around it, a sign, digits of any script, single underscores between digits.
// A number beyond int64 becomes the nearest int64, so that a range check still refuses it.
func pyInt(s string) (n int64, ok bool) {
	digits := asciiDigits(pyStrip(s))
	if strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, false
	}
	for _, signed := range []string{"+_", "-_"} {
		if strings.HasPrefix(digits, signed) {
			return 0, false
		}
	}
	digits = strings.ReplaceAll(digits, "_", "")
	if !allBytes(strings.TrimLeft(digits, "+-"), isDigit) {
		return 0, false
	}
	// Of an overflow, ParseInt returns the bound that was crossed.
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil || n == math.MaxInt64 || n == math.MinInt64
}

// asciiDigits turns the decimal digits of every script into ASCII ones: Python reads them all as numbers, and Chinese
// keyboards do produce full-width digits.
func asciiDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if value, ok := digitValue(r); ok {
			return '0' + value
		}
		return r
	}, s)
}

// digitValue is unicodedata.decimal(): Unicode lays out the decimal digits of every script as runs of ten, 0 to 9.
func digitValue(r rune) (rune, bool) {
	for _, span := range unicode.Nd.R16 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10, true
		}
	}
	for _, span := range unicode.Nd.R32 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10, true
		}
	}
	return 0, false
}

// isFloat tells whether Python would read a JSON number as a float.
func isFloat(n json.Number) bool { return strings.ContainsAny(string(n), ".eE") }

// pyNumber is str() of a JSON number: an int keeps all its digits, a float is written as repr() does.
func pyNumber(n json.Number) string {
	if !isFloat(n) {
		if n == "-0" {
			return "0"
		}
		return string(n)
	}
	f, _ := n.Float64() // beyond float64 it is ±Inf, as in Python
	switch size := math.Abs(f); {
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
	case size != 0 && (size < 1e-4 || size >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// pyStr is str(v) of a decoded value.
func pyStr(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return pyRepr(v)
}

// pyRepr is repr(v). The keys of an object come sorted, since their order is not kept.
func pyRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case json.Number:
		return pyNumber(v)
	case string:
		return pyQuote(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = pyRepr(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for key, item := range v {
			items = append(items, pyQuote(key)+": "+pyRepr(item))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// pyQuote is repr() of a string: single quotes, unless it holds some and no double ones.
func pyQuote(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	body := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, quote, `\`+quote).Replace(s)
	return quote + body + quote
}

// pyType is type(v).__name__.
func pyType(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case json.Number:
		if isFloat(v) {
			return "float"
		}
		return "int"
	case []any:
		return "list"
	case map[string]any:
		return "dict"
	}
	return fmt.Sprintf("%T", v)
}
