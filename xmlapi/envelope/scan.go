package envelope

import (
	"bytes"
	"cmp"
	"strings"
)

// space is XML's.
const space = " \t\r\n"

// scanner goes over a document once, before encoding/xml does. It counts and refuses, and leaves out what
// encoding/xml takes offence at: processing instructions, which may be declarations with curly quotes, and the space
// in "</ name>". What is not well-formed it lets be; encoding/xml says that better.
type scanner struct {
	text     []byte
	pos      int
	clean    []byte // what was copied, if anything was left out in the middle
	kept     int    // text[:kept] is in clean or left out
	depth    int
	elements *int
	refusal  *Refusal // of the first directive
}

// scan gives the document that encoding/xml may read; with a refusal, as much as tells how it is wrapped. The depth is
// that of the element which the document stands in.
func scan(text []byte, depth int, elements *int) ([]byte, *Refusal) {
	s := scanner{text: bytes.TrimLeft(text, space+bom), depth: depth, elements: elements}
	for s.pos < len(s.text) {
		if refusal := s.next(); refusal != nil {
			return s.result(), cmp.Or(s.refusal, refusal)
		}
	}
	return s.result(), s.refusal
}

func (s *scanner) result() []byte {
	rest := s.text[s.kept:max(s.pos, s.kept)]
	if len(s.clean) == 0 {
		return rest
	}
	return append(s.clean, rest...)
}

func (s *scanner) next() *Refusal {
	switch s.text[s.pos] {
	case '<':
		return s.markup()
	case '&':
		if refusal := checkReference(s.text[s.pos:]); refusal != nil {
			return refusal
		}
	}
	s.pos++
	return nil
}

func (s *scanner) markup() *Refusal {
	rest := s.text[s.pos:]
	switch {
	case begins(rest, "<!--"):
		s.skip(len("<!--"), "-->")
	case begins(rest, "<![CDATA["):
		s.skip(len("<![CDATA["), "]]>")
	case begins(rest, "<!"):
		// The root, which says how the reply is wrapped, may come after it.
		s.refusal = cmp.Or(s.refusal, refuseDirective(rest))
		s.pos += len("<!")
	case begins(rest, "<?"):
		s.instruction()
	case begins(rest, "</"):
		s.endTag()
	case len(rest) > 1 && isNameStart(rest[1]):
		return s.startTag()
	default:
		s.pos++
	}
	return nil
}

func begins(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// isNameStart is generous beyond ASCII; encoding/xml knows the letters.
func isNameStart(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == ':' || c >= 0x80
}

// skip passes over what ends with end.
func (s *scanner) skip(begin int, end string) {
	if at := bytes.Index(s.text[s.pos+begin:], []byte(end)); at >= 0 {
		s.pos += begin + at + len(end)
	} else {
		s.pos = len(s.text)
	}
}

func (s *scanner) instruction() {
	from := s.pos
	s.skip(len("<?"), "?>")
	if from+2 < len(s.text) && isNameStart(s.text[from+2]) && bytes.HasSuffix(s.text[from+3:s.pos], []byte("?>")) {
		s.leaveOut(from)
	}
}

func (s *scanner) endTag() {
	s.depth--
	s.pos += len("</")
	from := s.pos
	for s.pos < len(s.text) && strings.IndexByte(space, s.text[s.pos]) >= 0 {
		s.pos++
	}
	if s.pos > from {
		s.leaveOut(from)
	}
}

// leaveOut leaves out what stands from there to pos.
func (s *scanner) leaveOut(from int) {
	if from > s.kept {
		if s.clean == nil {
			s.clean = make([]byte, 0, len(s.text))
		}
		s.clean = append(s.clean, s.text[s.kept:from]...)
	}
	s.kept = s.pos
}

func (s *scanner) startTag() *Refusal {
	*s.elements++
	if *s.elements > MaxElements {
		return refuse("元素超过 %d 个", MaxElements)
	}
	if s.depth+1 > MaxDepth {
		return refuse("嵌套超过 %d 层", MaxDepth)
	}
	end, refusal := s.attributes()
	if refusal != nil {
		return refusal
	}
	if end < len(s.text) && s.text[end-1] != '/' {
		s.depth++
	}
	s.pos = min(end+1, len(s.text))
	return nil
}

// attributes finds the end of a start tag, counting what is assigned in it.
func (s *scanner) attributes() (end int, refusal *Refusal) {
	count, quote := 0, byte(0)
	for end = s.pos + 1; end < len(s.text) && refusal == nil; end++ {
		switch c := s.text[end]; {
		case c == '&':
			refusal = checkReference(s.text[end:])
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return end, nil
		case c == '=':
			if count++; count > MaxAttributes {
				refusal = refuse("一个元素的属性超过 %d 个", MaxAttributes)
			}
		}
	}
	return end, refusal
}

func refuseDirective(rest []byte) *Refusal {
	const doctype = "<!DOCTYPE"
	if len(rest) >= len(doctype) && bytes.EqualFold(rest[:len(doctype)], []byte(doctype)) {
		return refuse("不允许 DOCTYPE")
	}
	return refuse("不允许 <!，只有注释和 CDATA 可以这样开头")
}

// checkReference refuses a numeric reference to what is no XML character: encoding/xml would put U+FFFD for a
// surrogate. One that is badly written it refuses itself.
func checkReference(b []byte) *Refusal {
	if !begins(b, "&#") {
		return nil
	}
	base, digits := rune(10), b[2:]
	if begins(digits, "x") {
		base, digits = 16, digits[1:]
	}
	r := rune(0)
	for i, c := range digits {
		d := digit(c)
		if d >= base {
			if c == ';' && i > 0 && !isChar(r) {
				return refuse("字符引用指的不是 XML 的字符")
			}
			return nil
		}
		r = min(r*base+d, 0x110000)
	}
	return nil
}

func digit(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 16
}

// isChar is the production Char of XML 1.0.
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD ||
		0x10000 <= r && r <= 0x10FFFF
}
