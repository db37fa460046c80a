package envelope

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"
)

// Read decodes the body of one POST (1.1). The request is never nil: also with an error it knows as much as was
// understood of how the reply is to be wrapped and encoded. The error is nil or a [*Refusal]. Of a body over
// [MaxBody] the caller need not have read more than one byte more.
func Read(contentType string, body []byte) (*Request, error) {
	r := &Request{charset: utf8Charset}
	if refusal := r.read(contentType, body); refusal != nil {
		return r, refusal
	}
	return r, nil
}

func (r *Request) read(contentType string, body []byte) *Refusal {
	text, refusal := r.decode(contentType, body)
	clean, limit := scan(text, 0, &r.elements)
	r.locate(clean)
	if refusal == nil {
		refusal = limit
	}
	if refusal != nil {
		return r.unlessKnown(refusal)
	}
	document, refusal := parse(clean, 0)
	if refusal != nil {
		refusal.Fault, refusal.Code = r.form == soap, clientFault
		return refusal
	}
	return r.document(document)
}

const clientFault = "Client"

// unlessKnown makes a refusal a fault if the reply to an envelope could not name the operation.
func (r *Request) unlessKnown(refusal *Refusal) *Refusal {
	if r.form == soap && r.operation.local == "" {
		return fault(clientFault, refusal.Why)
	}
	return refusal
}

func fault(code, why string) *Refusal { return &Refusal{Why: why, Fault: true, Code: code} }

// decode gives the text of the body; with a refusal, as much of it as can be read.
func (r *Request) decode(contentType string, body []byte) (text []byte, refusal *Refusal) {
	r.charset, refusal = charsetOf(contentType, body)
	if refusal == nil && len(body) > MaxBody {
		refusal = refuse("报文超过 %d 字节", MaxBody)
	}
	text, bad := r.charset.decode(body[:min(len(body), MaxBody)])
	if refusal == nil {
		refusal = bad
	}
	return text, refusal
}

// locate finds the form, the operation and the type of the reply as far as the document goes: it may be cut, and wrong
// further on. One that stands as text has the names of the elements around it.
func (r *Request) locate(clean []byte, within ...string) {
	decoder := xml.NewDecoder(bytes.NewReader(clean))
	body, path := false, within
	for {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			switch {
			case len(path) == 1:
				r.form = formOf(token.Name.Local)
				if r.form == soap && token.Name.Space != soapSpace {
					return
				}
			case len(path) == 2:
				body = token.Name == xml.Name{Space: soapSpace, Local: "Body"}
			case len(path) == 3 && body && r.operation.local == "":
				o := operation{token.Name.Space, token.Name.Local}
				if !o.answerable() {
					return
				}
				r.operation = o
			}
		case xml.EndElement:
			if path = path[:len(path)-1]; len(path) == 0 {
				return
			}
		case xml.CharData:
			if n := len(path); n > 1 && path[n-1] == "responseType" && isArgument(path[n-2]) {
				r.JSON = strings.TrimSpace(string(token)) == "1"
				return
			}
		}
	}
}

// arguments are the names of the element that holds a call.
var arguments = []string{"arg0", "request"}

func isArgument(name string) bool { return slices.Contains(arguments, name) }

func formOf(root string) form {
	switch root {
	case "Envelope":
		return soap
	case "request":
		return response
	}
	return bare
}

// document reads the outer document.
func (r *Request) document(document *Params) *Refusal {
	switch {
	case len(document.kids) == 0:
		return refuse("报文不是有效的 XML：没有根元素")
	case len(document.kids) > 1:
		return r.unlessKnown(refuse("根元素不止一个"))
	case !document.blank():
		return r.unlessKnown(refuse("根元素之外有文字"))
	}
	root := document.kids[0]
	switch root.name {
	case "Envelope":
		return r.envelope(root)
	case "arg0", "request":
		if refusal := root.check(); refusal != nil {
			return refusal
		}
		return r.call(root)
	}
	return refuse("根元素应是 Envelope、arg0 或 request，收到 %s", cut(root.name))
}

// envelope reads a SOAP 1.1 envelope down to the operation; what is wrong so far is a fault.
func (r *Request) envelope(root *Params) *Refusal {
	if root.space != soapSpace {
		return fault("VersionMismatch", "不是 SOAP 1.1 的 Envelope，命名空间是 "+cut(root.space))
	}
	if !root.blank() {
		return fault(clientFault, "Envelope 里有文字")
	}
	if again := duplicate(root.kids, func(kid *Params) string { return kid.name }); again != nil {
		return fault(clientFault, "元素 "+cut((*again).name)+" 重复")
	}
	if refusal := checkHeader(root); refusal != nil {
		return refusal
	}
	body, present := root.Child("Body")
	if !present || body.space != soapSpace {
		return fault(clientFault, "缺少 Body")
	}
	if len(body.kids) != 1 || !body.blank() {
		return fault(clientFault, "Body 里应正好有一个元素")
	}
	if r.operation.local == "" {
		return fault(clientFault, "操作 "+cut(body.kids[0].name)+" 的命名空间不能用")
	}
	return r.perform(body.kids[0])
}

// answerable says that a reply can name the operation: no prefix may be bound to the namespaces of XML itself.
func (o operation) answerable() bool {
	return !strings.Contains(o.local, ":") && o.space != "http://www.w3.org/XML/1998/namespace" && o.space != "http://www.w3.org/2000/xmlns/"
}

func checkHeader(root *Params) *Refusal {
	header, present := root.Child("Header")
	if !present {
		return nil
	}
	if at := slices.IndexFunc(header.kids, func(kid *Params) bool { return kid.must }); at >= 0 {
		return fault("MustUnderstand", "不认识的 SOAP 头 "+cut(header.kids[at].name))
	}
	return nil
}

// perform reads an operation, whatever it is called.
func (r *Request) perform(operation *Params) *Refusal {
	if refusal := operation.check(); refusal != nil {
		return refusal
	}
	for _, name := range arguments {
		if argument, present := operation.Child(name); present {
			return r.call(argument)
		}
	}
	if isArgument(operation.name) {
		return refuse("缺少操作元素：Body 里应是操作，%s 应在操作里", operation.name)
	}
	return refuse("缺少 arg0")
}

// call reads the three elements of a call (1.1).
func (r *Request) call(argument *Params) *Refusal {
	content, refusal := r.content(argument)
	if refusal != nil {
		return refusal
	}
	if refusal := r.responseType(content); refusal != nil {
		return refusal
	}
	if r.Method, _ = content.Text("methodCode"); r.Method == "" {
		return refuse("缺少 methodCode")
	}
	params, present := content.Child("methodParams")
	if !present {
		return refuse("缺少 methodParams")
	}
	r.Params, refusal = r.unquote(params)
	return refusal
}

func (r *Request) responseType(content *Params) *Refusal {
	value, present := content.Text("responseType")
	switch {
	case !present:
		return refuse("缺少 responseType")
	case value != "0" && value != "1":
		return refuse("responseType 应是 0 或 1，收到 %s", cut(value))
	}
	r.JSON = value == "1"
	return nil
}

// content finds the element that holds the three: the argument itself or, any number of times, the one request or
// arg0 in it. Each time is deeper, so the depth bounds it.
func (r *Request) content(argument *Params) (*Params, *Refusal) {
	for {
		inner, refusal := r.unquote(argument)
		if refusal != nil {
			r.locate([]byte(argument.text), argument.name)
			return nil, refusal
		}
		if len(inner.kids) != 1 {
			return inner, nil
		}
		argument = inner.kids[0]
		if !isArgument(argument.name) {
			return inner, nil
		}
	}
}

// unquote gives the elements of an element, which may stand there as text.
func (r *Request) unquote(p *Params) (*Params, *Refusal) {
	if !p.quoted() {
		return p, nil
	}
	clean, refusal := scan([]byte(p.text), p.depth, &r.elements)
	if refusal != nil {
		return nil, refusal
	}
	inner, refusal := parse(clean, p.depth)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := inner.check(); refusal != nil {
		return nil, refusal
	}
	if inner.quoted() {
		return nil, refuse("元素 %s 里应是元素，收到文字", cut(p.name))
	}
	return inner, nil
}
