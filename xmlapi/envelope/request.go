package envelope

import (
	"strings"
	"unicode/utf8"
)

// What a request may be at most. The elements and the depth are counted over the whole of it, a document that stands
// as text within another as if it stood there as elements: quoting is no way around them.
const (
	MaxBody       = 256 << 10 // bytes, as they come
	MaxDepth      = 32        // elements within each other
	MaxElements   = 1000
	MaxAttributes = 32 // of one element
)

// Code is the resultCode of a reply (1.3.6).
type Code int

// The five codes of 1.3.6; every one but Done wants a description.
const (
	Done         Code = 0  // 成功
	Failed       Code = -1 // 失败
	NothingFound Code = 1  // 未查询到记录
	NotAllowed   Code = 2  // 不符合限定
	Repeated     Code = 3  // 重复操作
)

// Request is one call, decoded (1.1). It knows how its reply is wrapped and encoded, and may be used by one goroutine.
type Request struct {
	Method string  // methodCode, trimmed
	JSON   bool    // responseType 1: the reply's result is JSON
	Params *Params // methodParams; nil only if the request was refused

	form      form
	charset   *charset
	operation operation
	elements  int // counted so far
}

// form is how a request came, and so how its reply goes.
type form int

const (
	bare     form = iota // <arg0>, answered with <return>
	response             // <request>, answered with <response>
	soap                 // an envelope, answered with one
)

// operation is the one element of a SOAP body.
type operation struct{ space, local string }

// Refusal says why a request is no request, and nothing was done. Give it to [Request.Refuse].
type Refusal struct {
	Why   string // for the caller, Chinese; it quotes names and codes of the request, never the text of its parameters
	Fault bool   // a broken SOAP envelope, answered with HTTP 500; else resultCode 2
	Code  string // of the fault: "Client", "VersionMismatch" or "MustUnderstand"
}

func (r *Refusal) Error() string { return "open interface: " + r.Why }

// Params are the elements of methodParams, or of one element in it, no two of the same name. All methods may be
// called on nil, which has none. Names are local names: a prefix says nothing here.
type Params struct {
	space, name string
	text        string
	kids        []*Params
	depth       int
	must        bool // soap:mustUnderstand
}

// Text gives what an element says, without the space around it. It is empty for an element of elements.
func (p *Params) Text(name string) (value string, present bool) {
	child, present := p.Child(name)
	if !present || len(child.kids) > 0 {
		return "", present
	}
	return strings.TrimSpace(child.text), true
}

// Child gives the elements in an element, such as eventParams (2.5.2); none if it holds text.
func (p *Params) Child(name string) (child *Params, present bool) {
	if p == nil {
		return nil, false
	}
	for _, kid := range p.kids {
		if kid.name == name {
			return kid, true
		}
	}
	return nil, false
}

// Names are those of the elements, in document order.
func (p *Params) Names() []string {
	if p == nil {
		return nil
	}
	names := make([]string, len(p.kids))
	for i, kid := range p.kids {
		names[i] = kid.name
	}
	return names
}

// blank says that there is no text but space; a mark-up of only elements has it for indentation.
func (p *Params) blank() bool { return strings.TrimSpace(p.text) == "" }

// quoted says that there is text and no element, so that the text may be a document.
func (p *Params) quoted() bool { return len(p.kids) == 0 && !p.blank() }

// maxQuoted bounds, in runes, what a refusal quotes of a request.
const maxQuoted = 64

// cut shortens a value that is quoted in a description.
func cut(value string) string {
	if utf8.RuneCountInString(value) <= maxQuoted {
		return value
	}
	return string([]rune(value)[:maxQuoted]) + "…"
}
