package envelope_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"

	"orderengine/xmlapi/envelope"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed:\n%s\nit was:\n%s", name, got, want)
	}
}

// codecs are the encodings by the name that a request gives; nil is UTF-8.
var codecs = map[string]encoding.Encoding{"UTF-8": nil, "GBK": simplifiedchinese.GBK, "GB2312": simplifiedchinese.GBK,
	"GB18030": simplifiedchinese.GB18030}

func encode(t testing.TB, charset, text string) []byte {
	t.Helper()
	codec := codecs[charset]
	if codec == nil {
		return []byte(text)
	}
	b, err := codec.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatalf("%q in %s: %v", text, charset, err)
	}
	return b
}

func decode(t testing.TB, charset string, b []byte) string {
	t.Helper()
	codec := codecs[charset]
	if codec == nil {
		return string(b)
	}
	b, err := codec.NewDecoder().Bytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pair is one parameter.
type pair struct{ name, value string }

// call is a request to be written down.
type call struct {
	method, kind string
	params       []pair
}

// The ways in which content can stand in an element.
const (
	inline = iota
	escaped
	cdata
	quotings
)

// The forms of a request.
const (
	bareArg0 = iota
	bareRequest
	soap
	soapRequest
	forms
)

func escapeText(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

func quote(s string, how int) string {
	switch how {
	case escaped:
		return escapeText(s)
	case cdata:
		// A carriage return cannot stand in CDATA, but no mark-up of ours has one.
		return "<![CDATA[" + strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>") + "]]>"
	}
	return s
}

// text writes the three elements; the values go as references and escaped text, the parameters quoted as asked.
func (c call) text(params int) string {
	var b strings.Builder
	for _, p := range c.params {
		b.WriteString("<" + p.name + ">" + escapeText(p.value) + "</" + p.name + ">\n")
	}
	return "<responseType>" + c.kind + "</responseType><methodCode>" + escapeText(c.method) + "</methodCode><methodParams>" +
		quote(b.String(), params) + "</methodParams>"
}

const soapBegin = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:web="http://web.his.example/"><soapenv:Header/><soapenv:Body>`

// wrap puts the three elements into a form, quoted as a whole as asked.
func wrap(text string, form, whole int) string {
	switch form {
	case bareArg0:
		return "<arg0>" + quote(text, whole) + "</arg0>"
	case bareRequest:
		return "<request>" + quote(text, whole) + "</request>"
	case soap:
		return soapBegin + "<web:invoke><arg0>" + quote(text, whole) + "</arg0></web:invoke></soapenv:Body></soapenv:Envelope>"
	}
	return soapBegin + "<web:invoke><arg0>" + quote("<request>"+text+"</request>", whole) + "</arg0></web:invoke></soapenv:Body></soapenv:Envelope>"
}

// read expects a request.
func read(t testing.TB, contentType string, body []byte) *envelope.Request {
	t.Helper()
	r, err := envelope.Read(contentType, body)
	if err != nil {
		t.Fatalf("%.2000s\n%v", body, err)
	}
	return r
}

// refused expects a refusal.
func refused(t testing.TB, contentType string, body []byte) (*envelope.Request, *envelope.Refusal) {
	t.Helper()
	r, err := envelope.Read(contentType, body)
	var refusal *envelope.Refusal
	if !errors.As(err, &refusal) || r == nil {
		t.Fatalf("%.2000s\nis not refused: %+v, %v", body, r, err)
	}
	return r, refusal
}

func pairs(p *envelope.Params) (all []pair) {
	for _, name := range p.Names() {
		value, _ := p.Text(name)
		all = append(all, pair{name, value})
	}
	return all
}

// replied is the reply to a request as it goes over the wire.
func replied(t testing.TB, r *envelope.Request, code envelope.Code, desc string, fields ...envelope.Field) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := r.Reply(w, code, desc, fields...); err != nil {
		t.Fatal(err)
	}
	return w
}

func refusalReply(t testing.TB, r *envelope.Request, refusal *envelope.Refusal) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := r.Refuse(w, refusal); err != nil {
		t.Fatal(err)
	}
	return w
}
