package envelope

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// escape is the way in which values are written.
type escape int

const (
	asXML       escape = iota // as the text of an element
	asJSON                    // in a JSON string
	asJSONInXML               // in a JSON string that stands in the text of an element
)

// What a byte asks for before it can be copied.
const (
	special   = 1 << iota // to be written in another way
	multibyte             // to be checked as UTF-8
	last                  // to be checked for U+FFFE and U+FFFF, which XML does not have
)

var classes = [3][256]byte{asXML: classesOf("&<>\r", "\t\n"), asJSON: classesOf(`"\`, ""), asJSONInXML: classesOf(`"\&<>`, "")}

// classesOf makes a table: those bytes and the control characters are special, but for the plain ones.
func classesOf(specials, plain string) (table [256]byte) {
	for c := range table {
		switch {
		case c < 0x20 && strings.IndexByte(plain, byte(c)) < 0, strings.IndexByte(specials, byte(c)) >= 0:
			table[c] = special
		case c == 0xEF:
			table[c] = multibyte | last
		case c >= utf8.RuneSelf:
			table[c] = multibyte
		}
	}
	return table
}

// appendValue appends a value, escaped. Most values hold nothing to escape and are copied whole.
func appendValue(dst []byte, value string, as escape) []byte {
	table, found := &classes[as], byte(0)
	for i := 0; i < len(value); i++ {
		found |= table[value[i]]
	}
	switch {
	case found == 0:
		return append(dst, value...)
	case found == multibyte && utf8.ValidString(value):
		return append(dst, value...)
	}
	for _, r := range value { // a bad byte is U+FFFD here
		dst = appendRune(dst, r, as)
	}
	return dst
}

func appendRune(dst []byte, r rune, as escape) []byte {
	if as == asXML {
		return appendXMLRune(dst, r)
	}
	if r < 0x20 || r == '"' || r == '\\' || r == 0xFFFE || r == 0xFFFF {
		return appendJSONEscape(dst, r)
	}
	if as == asJSONInXML {
		return appendXMLRune(dst, r)
	}
	return utf8.AppendRune(dst, r)
}

func appendXMLRune(dst []byte, r rune) []byte {
	switch {
	case r == '&':
		return append(dst, "&amp;"...)
	case r == '<':
		return append(dst, "&lt;"...)
	case r == '>':
		return append(dst, "&gt;"...)
	case r == '\r': // a reader would make a line feed of it
		return append(dst, "&#13;"...)
	case !isChar(r):
		r = utf8.RuneError
	}
	return utf8.AppendRune(dst, r)
}

func appendJSONEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return appendUnit(dst, r)
}

// appendUnit writes one UTF-16 unit.
func appendUnit(dst []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[unit>>12&15], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}

// appendXMLReference writes what the charset cannot express.
func appendXMLReference(dst []byte, r rune) []byte {
	dst = append(dst, "&#"...)
	dst = strconv.AppendInt(dst, int64(r), 10)
	return append(dst, ';')
}

// appendJSONReference writes what the charset cannot express.
func appendJSONReference(dst []byte, r rune) []byte {
	if r < 0x10000 {
		return appendUnit(dst, r)
	}
	r -= 0x10000
	return appendUnit(appendUnit(dst, 0xD800+r>>10), 0xDC00+r&0x3FF)
}

// appendAttribute appends the value of an attribute in double quotes.
func appendAttribute(dst []byte, value string) []byte {
	for _, r := range value {
		switch r {
		case '"':
			dst = append(dst, "&quot;"...)
		case '\t', '\n':
			dst = appendXMLReference(dst, r)
		default:
			dst = appendXMLRune(dst, r)
		}
	}
	return dst
}
