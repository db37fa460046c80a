package envelope

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Field is one element of a result; in JSON a member, always a string.
type Field struct{ Name, Value string }

// Reply writes a whole reply (1.2): HTTP 200, the code and the description, and a result if there are fields. Their
// names must be XML names; their values may be anything, what XML has no character for becomes U+FFFD. The error is
// that of writing.
func (r *Request) Reply(w http.ResponseWriter, code Code, desc string, fields ...Field) error {
	dst := r.begin(nil, code, desc)
	if len(fields) > 0 {
		dst = r.beginResult(dst)
		for i, field := range fields {
			dst = r.field(dst, field, i > 0)
		}
		dst = r.endResult(dst)
	}
	return r.send(w, http.StatusOK, r.end(dst))
}

// Refuse writes the reply to a refusal: HTTP 200 with resultCode 2 and its words, or HTTP 500 with a SOAP 1.1 fault.
// The error is that of writing.
func (r *Request) Refuse(w http.ResponseWriter, refusal *Refusal) error {
	if !refusal.Fault {
		return r.Reply(w, NotAllowed, refusal.Why)
	}
	r.JSON = false
	dst := append(r.declaration(nil), envelopeBegin+"<soap:Fault><faultcode>soap:"+refusal.Code+"</faultcode><faultstring>"...)
	dst = appendValue(dst, refusal.Why, asXML)
	return r.send(w, http.StatusInternalServerError, append(dst, "</faultstring></soap:Fault>"+envelopeEnd...))
}

const (
	envelopeBegin = `<soap:Envelope xmlns:soap="` + soapSpace + `"><soap:Body>`
	envelopeEnd   = `</soap:Body></soap:Envelope>`
)

// jsonBody says that the reply is no XML at all.
func (r *Request) jsonBody() bool { return r.JSON && r.form != soap }

// escape is how values of the result are written.
func (r *Request) escape() escape {
	switch {
	case r.jsonBody():
		return asJSON
	case r.JSON:
		return asJSONInXML
	}
	return asXML
}

func (r *Request) declaration(dst []byte) []byte {
	return append(dst, `<?xml version="1.0" encoding="`+r.charset.label+`"?>`...)
}

// begin appends all that stands before the result.
func (r *Request) begin(dst []byte, code Code, desc string) []byte {
	if r.jsonBody() {
		dst = append(dst, `{"resultCode":"`+strconv.Itoa(int(code))+`","resultDesc":"`...)
		return append(appendValue(dst, desc, asJSON), '"')
	}
	dst = r.beginWrapping(r.declaration(dst))
	dst = append(dst, "<resultCode>"+strconv.Itoa(int(code))+"</resultCode><resultDesc>"...)
	return append(appendValue(dst, desc, asXML), "</resultDesc>"...)
}

func (r *Request) end(dst []byte) []byte {
	switch {
	case r.jsonBody():
		return append(dst, '}')
	case r.form == response:
		return append(dst, "</response>"...)
	case r.form == bare:
		return append(dst, "</return>"...)
	}
	return append(dst, "</return></"+r.operation.reply()+">"+envelopeEnd...)
}

func (r *Request) beginWrapping(dst []byte) []byte {
	switch r.form {
	case response:
		return append(dst, "<response>"...)
	case bare:
		return append(dst, "<return>"...)
	}
	dst = append(dst, envelopeBegin+"<"+r.operation.reply()...)
	if r.operation.space != "" {
		dst = append(appendAttribute(append(dst, ` xmlns:ns2="`...), r.operation.space), '"')
	}
	return append(dst, "><return>"...)
}

// reply is the name of the element that answers an operation, as JAX-WS makes it.
func (o operation) reply() string {
	if o.space == "" {
		return o.local + "Response"
	}
	return "ns2:" + o.local + "Response"
}

func (r *Request) beginResult(dst []byte) []byte {
	switch r.escape() {
	case asJSON:
		return append(dst, `,"result":{`...)
	case asJSONInXML:
		return append(dst, "<result>{"...)
	}
	return append(dst, "<result>"...)
}

func (r *Request) endResult(dst []byte) []byte {
	switch r.escape() {
	case asJSON:
		return append(dst, '}')
	case asJSONInXML:
		return append(dst, "}</result>"...)
	}
	return append(dst, "</result>"...)
}

func (r *Request) field(dst []byte, field Field, another bool) []byte {
	as := r.escape()
	if as == asXML {
		dst = appendValue(append(dst, "<"+field.Name+">"...), field.Value, as)
		return append(dst, "</"+field.Name+">"...)
	}
	if another {
		dst = append(dst, ',')
	}
	dst = append(appendValue(append(dst, '"'), field.Name, as), `":"`...)
	return append(appendValue(dst, field.Value, as), '"')
}

func (r *Request) header(w http.ResponseWriter, status int) {
	kind := "text/xml"
	if r.jsonBody() {
		kind = "application/json"
	}
	label := r.charset.label
	if r.charset.codec == nil {
		label = strings.ToLower(label)
	}
	w.Header().Set("Content-Type", kind+"; charset="+label)
	w.WriteHeader(status)
}

func (r *Request) send(w http.ResponseWriter, status int, text []byte) error {
	r.header(w, status)
	if r.charset.codec != nil {
		text = r.charset.encode(nil, text, r.reference())
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("open interface: write the reply: %w", err)
	}
	return nil
}

// reference writes what the charset of the reply cannot express.
func (r *Request) reference() func([]byte, rune) []byte {
	if r.jsonBody() {
		return appendJSONReference
	}
	return appendXMLReference
}
