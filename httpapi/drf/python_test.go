package drf

import (
	"encoding/json"
	"math"
	"testing"
)

func TestPyInt(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "007": 7, " 5\n": 5, "+5": 5, "-5": -5, "1_000": 1000, "٣": 3, "１２": 12, "-𝟗": -9, "\x1c5\u3000": 5,
		"9223372036854775807": math.MaxInt64, "9223372036854775808": math.MaxInt64, "-99999999999999999999": math.MinInt64,
	} {
		if got, ok := pyInt(text); !ok || got != want {
			t.Errorf("pyInt(%q) = %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", " ", "+", "-", "abc", "1.0", "5.", "1e2", "0x1", "_1", "1_", "1__0", "+_1", "-_1", "--1", "5-", "五", "½", "True"} {
		if got, ok := pyInt(text); ok {
			t.Errorf("pyInt(%q) = %d", text, got)
		}
	}
}

// The forms were taken from CPython 3.11's repr().
func TestPyRepr(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{nil, "None"}, {true, "True"}, {false, "False"},
		{json.Number("5"), "5"}, {json.Number("-0"), "0"}, {json.Number("12345678901234567890123"), "12345678901234567890123"},
		{json.Number("5.0"), "5.0"}, {json.Number("5.50"), "5.5"}, {json.Number("1e2"), "100.0"}, {json.Number("-0.0"), "-0.0"},
		{json.Number("1e15"), "1000000000000000.0"}, {json.Number("1e16"), "1e+16"}, {json.Number("0.0001"), "0.0001"},
		{json.Number("0.00001"), "1e-05"}, {json.Number("1e999"), "inf"}, {json.Number("-1e999"), "-inf"},
		{"a", "'a'"}, {"it's", `"it's"`}, {`it's "it"`, `'it\'s "it"'`}, {"a\n\\", `'a\n\\'`}, {"中", "'中'"},
		{[]any{json.Number("1"), "a", nil}, "[1, 'a', None]"}, {[]any{}, "[]"},
		{map[string]any{"b": true, "a": []any{}}, "{'a': [], 'b': True}"},
	} {
		if got := pyRepr(tt.value); got != tt.want {
			t.Errorf("pyRepr(%#v) = %s, want %s", tt.value, got, tt.want)
		}
	}
	if got := pyStr("a"); got != "a" {
		t.Errorf("pyStr quotes: %s", got)
	}
}
