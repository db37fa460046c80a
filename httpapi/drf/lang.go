package drf

import (
	"net/http"
	"strconv"
	"strings"
)

// Lang is a language in which the texts exist.
type Lang uint8

// The languages of the catalogue; the zero value is the default.
const (
	En Lang = iota
	ZhHans
)

// String gives the language's code as Django writes it in Content-Language.
func (l Lang) String() string {
	if l == ZhHans {
		return "zh-hans"
	}
	return "en"
}

// SetHeader says in a reply which language it speaks and that this was negotiated (Django's LocaleMiddleware).
func (l Lang) SetHeader(h http.Header) {
	h.Set("Content-Language", l.String())
	for _, vary := range h.Values("Vary") {
		if strings.Contains(strings.ToLower(vary), "accept-language") {
			return
		}
	}
	h.Add("Vary", "Accept-Language")
}

// RequestLang is the language that the request asks for.
func RequestLang(r *http.Request) Lang {
	values := r.Header["Accept-Language"]
	switch len(values) {
	case 0:
		return En
	case 1:
		return ParseLang(values[0])
	}
	return ParseLang(strings.Join(values, ","))
}

// ParseLang chooses a language by an Accept-Language header as Django's get_language_from_request does: the language
// with the highest q wins, the earlier of two equals, unknown ones are passed over, `*` stands for the default, and a
// malformed header counts as none. Every Chinese variant is served in simplified Chinese. One rule is HTTP's and not
// Django's: q=0 means "not this one".
func ParseLang(header string) Lang {
	best, bestQ := En, 0.0
	items := strings.Split(header, ",")
	if strings.TrimSpace(items[len(items)-1]) == "" {
		items = items[:len(items)-1]
	}
	for _, item := range items {
		tag, q, ok := parseLangItem(item)
		if !ok {
			return En
		}
		if lang, known := langOf(tag); known && q > bestQ {
			best, bestQ = lang, q
		}
	}
	return best
}

func langOf(tag string) (lang Lang, known bool) {
	primary, _, _ := strings.Cut(tag, "-")
	switch {
	case strings.EqualFold(primary, "zh"):
		return ZhHans, true
	case strings.EqualFold(primary, "en"), primary == "*":
		return En, true
	}
	return En, false
}

// parseLangItem reads one `tag;q=0.5`.
func parseLangItem(item string) (tag string, q float64, ok bool) {
	tag, weight, weighted := strings.Cut(item, ";")
	tag = strings.TrimSpace(tag)
	if !isLangTag(tag) {
		return "", 0, false
	}
	if !weighted {
		return tag, 1, true
	}
	q, ok = parseWeight(strings.TrimSpace(weight))
	return tag, q, ok
}

// parseWeight reads `q=0.123` or `q=1.000`: at most three decimals, as RFC 9110 has it.
func parseWeight(s string) (float64, bool) {
	digits, ok := strings.CutPrefix(strings.ToLower(s), "q=")
	if !ok {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 || !allBytes(fraction, isDigit) {
		return 0, false
	}
	q, err := strconv.ParseFloat(digits, 64)
	return q, err == nil && q <= 1
}

// isLangTag reports whether s is `*` or one to eight letters and then groups of one to eight letters or digits.
func isLangTag(s string) bool {
	if s == "*" {
		return true
	}
	for i, group := range strings.Split(s, "-") {
		if len(group) < 1 || len(group) > 8 {
			return false
		}
		if i == 0 && !allBytes(group, isLetter) || !allBytes(group, isAlphanumeric) {
			return false
		}
	}
	return true
}

func allBytes(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool        { return '0' <= c && c <= '9' }
func isLetter(c byte) bool       { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlphanumeric(c byte) bool { return isDigit(c) || isLetter(c) }
