package drf

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// The texts were taken from CPython 3.11's json.loads.
func TestParseJSONErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "Expecting value: line 1 column 1 (char 0)",
		"  ":                    "Expecting value: line 1 column 3 (char 2)",
		`{`:                     "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
		`{"a"`:                  "Expecting ':' delimiter: line 1 column 5 (char 4)",
		`{"a":`:                 "Expecting value: line 1 column 6 (char 5)",
		`{"a":1`:                "Expecting ',' delimiter: line 1 column 7 (char 6)",
		`{"a":1,}`:              "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
		`{a:1}`:                 "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
		`{"a":1 "b":2}`:         "Expecting ',' delimiter: line 1 column 8 (char 7)",
		`[1,]`:                  "Expecting value: line 1 column 4 (char 3)",
		`[1 2]`:                 "Expecting ',' delimiter: line 1 column 4 (char 3)",
		`nul`:                   "Expecting value: line 1 column 1 (char 0)",
		`"abc`:                  "Unterminated string starting at: line 1 column 1 (char 0)",
		`"a\`:                   "Unterminated string starting at: line 1 column 1 (char 0)",
		`"a\x01"`:               `Invalid \escape: line 1 column 3 (char 2)`,
		"\"a\x01\"":             "Invalid control character at: line 1 column 3 (char 2)",
		"\"\\n\x01\"":           "Invalid control character at: line 1 column 4 (char 3)",
		`"\u12`:                 `Invalid \uXXXX escape: line 1 column 3 (char 2)`,
		`"\u12zz"`:              `Invalid \uXXXX escape: line 1 column 3 (char 2)`,
		`1 2`:                   "Extra data: line 1 column 3 (char 2)",
		`01`:                    "Extra data: line 1 column 2 (char 1)",
		`1.`:                    "Extra data: line 1 column 2 (char 1)",
		`1e`:                    "Extra data: line 1 column 2 (char 1)",
		`-`:                     "Expecting value: line 1 column 1 (char 0)",
		`+1`:                    "Expecting value: line 1 column 1 (char 0)",
		`{"a":1}x`:              "Extra data: line 1 column 8 (char 7)",
		"\n {\"b\" 1}":          "Expecting ':' delimiter: line 2 column 7 (char 7)",
		`{"中":中}`:               "Expecting value: line 1 column 6 (char 5)",
		`NaN`:                   "Out of range float values are not JSON compliant: 'NaN'",
		`[-Infinity]`:           "Out of range float values are not JSON compliant: '-Infinity'",
		"\uFEFF{}":              "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
		"{\"a\":\"\xff\"}":      "'utf-8' codec can't decode byte 0xff in position 6: invalid start byte",
		"\"\xe4\xb8":            "'utf-8' codec can't decode byte 0xe4 in position 1: unexpected end of data",
		"\"\xe4\"":              "'utf-8' codec can't decode byte 0xe4 in position 1: invalid continuation byte",
		"\"\uFFFD\xe4\"":        "'utf-8' codec can't decode byte 0xe4 in position 4: invalid continuation byte",
		`"\ud800"`:              "Surrogate characters are not allowed: U+D800: line 1 column 2 (char 1)",
		`"\ud800\u0041"`:        "Surrogate characters are not allowed: U+D800: line 1 column 2 (char 1)",
		`"\ude00"`:              "Surrogate characters are not allowed: U+DE00: line 1 column 2 (char 1)",
		strings.Repeat("[", 65): "Nested deeper than 64 levels: line 1 column 65 (char 64)",
	} {
		value, err := parseJSON(text)
		refused := AsError(err)
		if refused == nil || refused.Status != 400 || refused.Detail.In(ZhHans) != "JSON parse error - "+want {
			t.Errorf("parseJSON(%q) = %v, %v\nwant %s", text, value, err, want)
		}
	}
}

func TestParseJSON(t *testing.T) {
	for text, want := range map[string]any{
		`null`:                               nil,
		` true `:                             true,
		`-0`:                                 json.Number("-0"),
		`12345678901234567890123`:            json.Number("12345678901234567890123"),
		`15.10e-3`:                           json.Number("15.10e-3"),
		`"\u4e2d\ud83d\ude00\/\b\n\"\\中"`:    "中😀/\b\n\"\\中",
		`"\u0000"`:                           "\x00",
		`[[],{},""]`:                         []any{[]any{}, map[string]any{}, ""},
		"{ \"k\" : \"v\" ,\r\n\t\"k\" : 2 }": map[string]any{"k": json.Number("2")},
	} {
		if got, err := parseJSON(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("parseJSON(%s) = %#v, %v, want %#v", text, got, err, want)
		}
	}
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	if _, err := parseJSON(deep); err != nil {
		t.Errorf("%d levels are refused: %v", maxDepth, err)
	}
}

// standardJSON is the model: the standard decoder, kept to one value.
func standardJSON(text string) (v any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[1,2,{"c":"x\u4e2d\n"}],"d":-1.5e+3,"e":null,"f":true,"g":false}`, `["\ud83d\ude00","\ud83d"]`,
		"[\"\xff\"]", `{"a":1,"a":2}`, "\uFEFF1", strings.Repeat("[", 70), "-", "1e5x", `"\`, "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseJSON(text)
		want, modelErr := standardJSON(text)
		if err != nil {
			if refused := AsError(err); refused.Status != 400 || !bytes.HasPrefix(refused.Body(En), []byte(`{"detail":"JSON parse error - `)) {
				t.Fatalf("wrong refusal: %v", err)
			}
			if modelErr == nil && !ownLimit(text) {
				t.Fatalf("%q is refused: %v", text, err)
			}
			return
		}
		if modelErr != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %#v, want %#v (%v)", text, got, want, modelErr)
		}
	})
}

// ownLimit tells whether a text may break a limit that the model does not have.
func ownLimit(text string) bool {
	return !utf8.ValidString(text) || containsFold(text, `\ud`) || strings.Count(text, "[")+strings.Count(text, "{") > maxDepth
}
