package drf

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxFormFields is Django's DATA_UPLOAD_MAX_NUMBER_FIELDS.
const maxFormFields = 1000

// Query reads the request's query string as Django's QueryDict does: blank values are kept, a broken percent sign
// stands for itself, bytes that are not UTF-8 become U+FFFD. It never fails.
func Query(r *http.Request) url.Values {
	values := url.Values{}
	eachPair(r.URL.RawQuery, func(name, value string) bool {
		name = strings.ToValidUTF8(name, "\uFFFD")
		values[name] = append(values[name], strings.ToValidUTF8(value, "\uFFFD"))
		return true
	})
	return values
}

// parseForm reads an urlencoded body. Unlike a query string it will be stored, so bytes that are not UTF-8 are refused:
// replacing them would lose what the client meant to say.
func parseForm(body string) (url.Values, error) {
	values := url.Values{}
	count := 0
	var problem string
	eachPair(body, func(name, value string) bool {
		count++
		problem = formProblem(name, value, count)
		values[name] = append(values[name], value)
		return problem == ""
	})
	if problem != "" {
		return nil, NewError(http.StatusBadRequest, MsgFormParse, problem)
	}
	return values, nil
}

// formProblem says what is wrong with one field of a form; it is empty for a good one.
func formProblem(name, value string, count int) string {
	switch {
	case count > maxFormFields:
		return "The number of GET/POST parameters exceeded the limit."
	case !utf8.ValidString(name):
		return "a field's name is not UTF-8: " + invalidUTF8(name)
	case !utf8.ValidString(value):
		return `field "` + name + `" is not UTF-8: ` + invalidUTF8(value)
	}
	return ""
}

// eachPair is Python's parse_qsl with keep_blank_values: it visits the pairs until visit says stop.
func eachPair(query string, visit func(name, value string) bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if !visit(unquotePlus(name), unquotePlus(value)) {
			return
		}
	}
}

// unquotePlus is Python's unquote_plus: what is no percent code stays as it is.
func unquotePlus(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
