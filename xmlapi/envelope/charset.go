package envelope

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// charset is an encoding that requests may have.
type charset struct {
	label string            // as the reply names it
	codec encoding.Encoding // nil is UTF-8
	four  bool              // has GB18030's characters of four bytes
}

var (
	utf8Charset = &charset{label: "UTF-8"}
	gbk         = &charset{label: "GBK", codec: simplifiedchinese.GBK}
	// gb2312 is read and written as GBK, as browsers and Windows do: who says GB2312 seldom keeps to it.
	gb2312  = &charset{label: "GB2312", codec: simplifiedchinese.GBK}
	gb18030 = &charset{label: "GB18030", codec: simplifiedchinese.GB18030, four: true}
)

var charsets = map[string]*charset{
	"utf-8": utf8Charset, "utf8": utf8Charset,
	"gbk": gbk, "x-gbk": gbk, "cp936": gbk, "ms936": gbk, "windows-936": gbk,
	"gb2312": gb2312, "gb_2312-80": gb2312, "euc-cn": gb2312,
	"gb18030": gb18030, "gb18030-2000": gb18030,
}

const bom = "\uFEFF"

// charsetOf finds the encoding: the HTTP charset, then the byte order mark, then the declaration, else UTF-8, which
// is also what comes with a refusal.
func charsetOf(contentType string, body []byte) (*charset, *Refusal) {
	named := httpCharset(contentType)
	switch {
	case named != "":
	case bytes.HasPrefix(body, []byte(bom)):
		return utf8Charset, nil
	case bytes.HasPrefix(body, []byte("\xFF\xFE")), bytes.HasPrefix(body, []byte("\xFE\xFF")):
		named = "UTF-16"
	default:
		named = declared(body)
	}
	if named == "" {
		return utf8Charset, nil
	}
	if c := charsets[strings.ToLower(named)]; c != nil {
		return c, nil
	}
	return utf8Charset, refuse("不支持的字符集 %s，请用 UTF-8、GBK 或 GB18030", cut(strings.ToValidUTF8(named, "?")))
}

// httpCharset reads the charset of a Content-Type. One that is badly written still means something.
func httpCharset(contentType string) string {
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return strings.TrimSpace(params["charset"])
	}
	at := strings.Index(strings.ToLower(contentType), "charset")
	if at < 0 {
		return ""
	}
	return assigned([]byte(contentType[min(at+len("charset"), len(contentType)):]))
}

// declared reads the encoding of an XML declaration, the quotes around it of any kind: the document's are curly.
func declared(body []byte) string {
	body = bytes.TrimLeft(body, space)
	if !bytes.HasPrefix(body, []byte("<?xml")) {
		return ""
	}
	declaration, _, _ := bytes.Cut(body[:min(len(body), 1024)], []byte("?>"))
	_, after, found := bytes.Cut(declaration, []byte("encoding"))
	if !found {
		return ""
	}
	return assigned(after)
}

// assigned reads the name in `=”GBK”`.
func assigned(b []byte) string {
	b = bytes.TrimLeft(b, space)
	if len(b) == 0 || b[0] != '=' {
		return ""
	}
	start := slices.IndexFunc(b, isLabel)
	if start < 0 {
		return ""
	}
	b = b[start:]
	if end := slices.IndexFunc(b, func(c byte) bool { return !isLabel(c) }); end >= 0 {
		b = b[:end]
	}
	return string(b)
}

func isLabel(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// decode gives the body as UTF-8. With a refusal it gives what stands before the first bad byte.
func (c *charset) decode(body []byte) ([]byte, *Refusal) {
	if c.codec == nil {
		if at := invalidUTF8(body); at >= 0 {
			return body[:at], c.refuseByte(at)
		}
		return body, nil
	}
	at, replacements := c.walk(body)
	if at >= 0 {
		text, _ := c.codec.NewDecoder().Bytes(body[:at])
		return text, c.refuseByte(at)
	}
	text, err := c.codec.NewDecoder().Bytes(body)
	if err != nil || bytes.Count(text, []byte("\uFFFD")) != replacements {
		return nil, refuse("报文不是有效的 %s：有不存在的字符", c.label)
	}
	return text, nil
}

func (c *charset) refuseByte(at int) *Refusal {
	return refuse("报文不是有效的 %s（第 %d 字节）", c.label, at+1)
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// walk finds the first byte that begins no character of GBK or GB18030, else -1 and how often U+FFFD itself stands
// there: the decoder puts one for whatever it does not know, and takes a byte or two that are none.
func (c *charset) walk(b []byte) (bad, replacements int) {
	decoder, into := c.codec.NewDecoder(), make([]byte, 2*utf8.UTFMax)
	for at := 0; at < len(b); {
		size := c.size(b[at:])
		if size == 4 {
			n, _, _ := decoder.Transform(into, b[at:at+4], true)
			r, _ := utf8.DecodeRune(into[:n])
			if doubtful(r, size) {
				return at, 0
			}
			if r == utf8.RuneError && string(b[at:at+4]) == "\x84\x31\xA4\x37" {
				replacements++
			}
		}
		if size == 0 {
			return at, 0
		}
		at += size
	}
	return -1, replacements
}

// size is that of the character that b begins with, 0 if there is none.
func (c *charset) size(b []byte) int {
	switch {
	case b[0] <= 0x80: // 0x80 is the euro sign of Windows
		return 1
	case b[0] == 0xFF || len(b) < 2:
		return 0
	case b[1] >= 0x40 && b[1] != 0x7F && b[1] != 0xFF:
		return 2
	case c.four && len(b) >= 4 && isDigit(b[1]) && 0x81 <= b[2] && b[2] <= 0xFE && isDigit(b[3]):
		return 4
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// encode appends text, which is UTF-8; what the charset cannot express goes as escape writes it.
func (c *charset) encode(dst, text []byte, escape func([]byte, rune) []byte) []byte {
	encoder := c.codec.NewEncoder()
	for len(text) > 0 {
		n := ascii(text)
		dst = append(dst, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			break
		}
		r, size := utf8.DecodeRune(text)
		dst = slices.Grow(dst, 4)
		n, _, err := encoder.Transform(dst[len(dst):len(dst)+4], text[:size], true)
		if err != nil || doubtful(r, n) {
			dst = escape(dst, r)
		} else {
			dst = dst[:len(dst)+n]
		}
		text = text[size:]
	}
	return dst
}

// doubtful says that not every reader takes the encoded character for what it was: one byte is the euro sign, which
// only Windows has there; in four bytes the standards, and x/text with itself, disagree on characters of private use.
func doubtful(r rune, size int) bool { return size < 2 || size == 4 && 0xE000 <= r && r <= 0xF8FF }

// ascii is how many bytes at the beginning are ASCII.
func ascii(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}

func refuse(why string, args ...any) *Refusal { return &Refusal{Why: fmt.Sprintf(why, args...)} }
