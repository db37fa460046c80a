package pingpp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"orderengine/gateways"
)

// maxText bounds each text of a refusal, in bytes.
const maxText = 512

// envelope is how the platform words an error.
type envelope struct {
	Error *struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Code    string `json:"code"`
		Param   string `json:"param"`
	} `json:"error"`
}

// refusal turns a reply that is no success into an error, as the notes list them. A 4xx without the platform's
// envelope is a stranger's, of a proxy perhaps, and decides nothing.
func refusal(request *http.Request, status int, body []byte) error {
	if status == http.StatusForbidden || status == http.StatusTooManyRequests {
		return fmt.Errorf("pingpp: status %d: %w", status, gateways.ErrBusy)
	}
	var e envelope
	if status/100 != 4 || status == http.StatusRequestTimeout || json.Unmarshal(body, &e) != nil || e.Error == nil {
		return fmt.Errorf("pingpp: the outcome is not known: status %d", status)
	}
	secrets := hide(request)
	clean := func(text string) string { return cut(secrets.Replace(strings.ToValidUTF8(text, "?")), maxText) }
	return &gateways.Refusal{
		Status: status, Type: clean(e.Error.Type), Code: clean(e.Error.Code),
		Param: clean(e.Error.Param), Message: clean(e.Error.Message),
	}
}

// hide takes a request's secrets out of the platform's texts, which like to repeat a key that is not known.
func hide(request *http.Request) *strings.Replacer {
	const hidden = "***"
	key, _, _ := request.BasicAuth()
	header := strings.TrimPrefix(request.Header.Get("Authorization"), "Basic ")
	return strings.NewReplacer(key, hidden, header, hidden, request.Header.Get(RequestSignature), hidden)
}

// invalid refuses, in the platform's words and before it is asked, what it would refuse for ever.
func invalid(param, message string) error {
	return &gateways.Refusal{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: param, Message: message}
}

// mismatch: the platform answered something else than was asked.
func mismatch(what string) error {
	return fmt.Errorf("pingpp: the outcome is not known: the reply has another %s than the request", what)
}

// cut shortens a text to at most so many bytes and splits no character.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}
