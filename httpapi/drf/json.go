package drf

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deeply arrays and objects may nest; no body of these APIs has more than three levels.
const maxDepth = 64

// jsonReader reads JSON as Python's json module does, with three limits of our own: the depth, no lone surrogates (they
// have no UTF-8 form), no NaN and no infinities (DRF's STRICT_JSON). The standard decoder will not do: clients match on
// Python's texts, and it lets lone surrogates and bad UTF-8 pass as U+FFFD.
type jsonReader struct {
	text  string
	pos   int
	depth int
}

// parseJSON decodes one JSON text, and nothing after it, into nil, bool, json.Number, string, []any and map[string]any.
func parseJSON(text string) (any, error) {
	if reason := invalidUTF8(text); reason != "" {
		return nil, NewError(http.StatusBadRequest, MsgJSONParse, reason)
	}
	r := &jsonReader{text: text}
	value, err := r.document()
	if err != nil {
		return nil, NewError(http.StatusBadRequest, MsgJSONParse, err.Error())
	}
	return value, nil
}

// fail is a refusal in the words of Python's JSONDecodeError; offset is in bytes, the text counts in characters.
func (r *jsonReader) fail(reason string, offset int) error {
	before := r.text[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return fmt.Errorf("%s: line %d column %d (char %d)", reason, line, column, utf8.RuneCountInString(before))
}

func (r *jsonReader) document() (any, error) {
	if strings.HasPrefix(r.text, "\uFEFF") {
		return nil, r.fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
	}
	r.space()
	value, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.space(); r.pos < len(r.text) {
		return nil, r.fail("Extra data", r.pos)
	}
	return value, nil
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) && strings.IndexByte(" \t\n\r", r.text[r.pos]) >= 0 {
		r.pos++
	}
}

// accept steps over c if it is next.
func (r *jsonReader) accept(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

// peek is the next byte, or 0 at the end; a 0 in the text is legal nowhere, so the two need no telling apart.
func (r *jsonReader) peek() byte {
	if r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

func (r *jsonReader) value() (any, error) {
	switch c := r.peek(); {
	case c == '"':
		return r.string()
	case c == '{' || c == '[':
		return r.nested(c)
	case c == '-' || isDigit(c):
		return r.number()
	}
	return r.literal()
}

var jsonLiterals = map[string]any{"null": nil, "true": true, "false": false}

func (r *jsonReader) literal() (any, error) {
	for name, value := range jsonLiterals {
		if strings.HasPrefix(r.text[r.pos:], name) {
			r.pos += len(name)
			return value, nil
		}
	}
	return nil, r.notAValue()
}

func (r *jsonReader) notAValue() error {
	for _, name := range []string{"NaN", "Infinity", "-Infinity"} {
		if strings.HasPrefix(r.text[r.pos:], name) {
			//lint:ignore ST1005 these are Python's words, which go to the client
			return fmt.Errorf("Out of range float values are not JSON compliant: '%s'", name)
		}
	}
	return r.fail("Expecting value", r.pos)
}

func (r *jsonReader) nested(bracket byte) (any, error) {
	if r.depth == maxDepth {
		return nil, r.fail(fmt.Sprintf("Nested deeper than %d levels", maxDepth), r.pos)
	}
	r.depth++
	defer func() { r.depth-- }()
	r.pos++
	if bracket == '{' {
		return r.object()
	}
	return r.array()
}

func (r *jsonReader) array() (any, error) {
	items := []any{}
	if r.space(); r.accept(']') {
		return items, nil
	}
	for {
		r.space()
		item, err := r.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if r.space(); r.accept(']') {
			return items, nil
		}
		if !r.accept(',') {
			return nil, r.fail("Expecting ',' delimiter", r.pos)
		}
	}
}

// object reads the members; of a name given twice the last value stands, as in Python.
func (r *jsonReader) object() (any, error) {
	members := map[string]any{}
	if r.space(); r.accept('}') {
		return members, nil
	}
	for {
		name, value, err := r.member()
		if err != nil {
			return nil, err
		}
		members[name] = value
		if r.space(); r.accept('}') {
			return members, nil
		}
		if !r.accept(',') {
			return nil, r.fail("Expecting ',' delimiter", r.pos)
		}
	}
}

func (r *jsonReader) member() (name string, value any, err error) {
	if r.space(); r.peek() != '"' {
		return "", nil, r.fail("Expecting property name enclosed in double quotes", r.pos)
	}
	if name, err = r.string(); err != nil {
		return "", nil, err
	}
	if r.space(); !r.accept(':') {
		return "", nil, r.fail("Expecting ':' delimiter", r.pos)
	}
	r.space()
	value, err = r.value()
	return name, value, err
}

// number reads as much as is a number; what is wrong with the rest, the caller finds out, as in Python.
func (r *jsonReader) number() (any, error) {
	start := r.pos
	r.accept('-')
	if !r.accept('0') && !r.digits() {
		r.pos = start
		return nil, r.notAValue()
	}
	r.optional(func() bool { return r.accept('.') && r.digits() })
	r.optional(func() bool {
		if !r.accept('e') && !r.accept('E') {
			return false
		}
		if !r.accept('-') {
			r.accept('+')
		}
		return r.digits()
	})
	return json.Number(r.text[start:r.pos]), nil
}

// optional steps back if the part is not there in full.
func (r *jsonReader) optional(part func() bool) {
	if start := r.pos; !part() {
		r.pos = start
	}
}

func (r *jsonReader) digits() bool {
	start := r.pos
	for isDigit(r.peek()) {
		r.pos++
	}
	return r.pos > start
}

func (r *jsonReader) string() (string, error) {
	quote := r.pos
	r.pos++
	start := r.pos
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			return r.text[start : r.pos-1], nil
		case c == '\\':
			return r.escapedString(quote, r.text[start:r.pos])
		case c < ' ':
			return "", r.fail("Invalid control character at", r.pos)
		}
		r.pos++
	}
	return "", r.fail("Unterminated string starting at", quote)
}

// escapedString goes on from the first backslash of a string that began at quote.
func (r *jsonReader) escapedString(quote int, head string) (string, error) {
	b := []byte(head)
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			return string(b), nil
		case c == '\\':
			char, err := r.escape(quote)
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, char)
			continue
		case c < ' ':
			return "", r.fail("Invalid control character at", r.pos)
		default:
			b = append(b, c)
		}
		r.pos++
	}
	return "", r.fail("Unterminated string starting at", quote)
}

const (
	jsonEscapes   = `"\/bfnrt`
	jsonUnescaped = "\"\\/\b\f\n\r\t"
)

func (r *jsonReader) escape(quote int) (rune, error) {
	backslash := r.pos
	r.pos++
	if r.pos == len(r.text) {
		return 0, r.fail("Unterminated string starting at", quote)
	}
	if r.accept('u') {
		return r.unicodeEscape(backslash)
	}
	i := strings.IndexByte(jsonEscapes, r.text[r.pos])
	if i < 0 {
		return 0, r.fail(`Invalid \escape`, backslash)
	}
	r.pos++
	return rune(jsonUnescaped[i]), nil
}

func (r *jsonReader) unicodeEscape(backslash int) (rune, error) {
	first, ok := r.hex4()
	if !ok {
		return 0, r.fail(`Invalid \uXXXX escape`, backslash+1)
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if strings.HasPrefix(r.text[r.pos:], `\u`) {
		r.pos += 2
		if second, ok := r.hex4(); ok {
			if char := utf16.DecodeRune(first, second); char != utf8.RuneError {
				return char, nil
			}
		}
	}
	return 0, r.fail(fmt.Sprintf("Surrogate characters are not allowed: U+%X", first), backslash)
}

func (r *jsonReader) hex4() (rune, bool) {
	if len(r.text)-r.pos < 4 {
		return 0, false
	}
	digits := r.text[r.pos : r.pos+4]
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil {
		return 0, false
	}
	r.pos += 4
	return rune(n), true
}

// invalidUTF8 says in Python's words where a text stops being UTF-8; it is empty for a good text.
func invalidUTF8(text string) string {
	if utf8.ValidString(text) {
		return ""
	}
	for i, char := range text {
		if char != utf8.RuneError || strings.HasPrefix(text[i:], "\uFFFD") {
			continue
		}
		return fmt.Sprintf("'utf-8' codec can't decode byte 0x%02x in position %d: %s", text[i], i, utf8Fault(text[i:]))
	}
	return ""
}

func utf8Fault(rest string) string {
	switch {
	case rest[0] < 0xC2 || rest[0] > 0xF4:
		return "invalid start byte"
	case !utf8.FullRuneInString(rest):
		return "unexpected end of data"
	}
	return "invalid continuation byte"
}
