package envelope

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// soapSpace is the namespace of SOAP 1.1.
const soapSpace = "http://schemas.xmlsoap.org/soap/envelope/"

// parse reads a scanned document, which may have any number of roots: they are the kids of what is returned. The
// depth is that of the element which it stands in.
func parse(clean []byte, depth int) (*Params, *Refusal) {
	top := &branch{node: &Params{depth: depth}}
	stack := []*branch{top}
	decoder := xml.NewDecoder(bytes.NewReader(clean))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return top.done(), nil
		}
		if err != nil {
			return nil, refuseSyntax(err)
		}
		at := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			grown, refusal := at.grow(token)
			if refusal != nil {
				return nil, refusal
			}
			stack = append(stack, grown)
		case xml.EndElement:
			at.done()
			stack = stack[:len(stack)-1]
		case xml.CharData:
			at.text = append(at.text, token...)
		}
	}
}

// branch is an element that is still being read. Its text may come in very many pieces.
type branch struct {
	node *Params
	text []byte
}

func (b *branch) done() *Params {
	b.node.text = string(b.text)
	return b.node
}

func (b *branch) grow(start xml.StartElement) (*branch, *Refusal) {
	if strings.Contains(start.Name.Local, ":") {
		return nil, refuse("报文不是有效的 XML：元素名 %s", cut(start.Name.Local))
	}
	if again := duplicate(start.Attr, func(a xml.Attr) xml.Name { return a.Name }); again != nil {
		return nil, refuse("报文不是有效的 XML：属性 %s 重复", cut(again.Name.Local))
	}
	kid := &Params{space: start.Name.Space, name: start.Name.Local, depth: b.node.depth + 1, must: mustUnderstand(start.Attr)}
	b.node.kids = append(b.node.kids, kid)
	return &branch{node: kid}, nil
}

func mustUnderstand(attributes []xml.Attr) bool {
	return slices.ContainsFunc(attributes, func(a xml.Attr) bool {
		return a.Name == xml.Name{Space: soapSpace, Local: "mustUnderstand"} && (a.Value == "1" || a.Value == "true")
	})
}

// duplicate finds the second of two with the same key, else nil.
func duplicate[T any, K comparable](all []T, key func(T) K) *T {
	if len(all) < 2 {
		return nil
	}
	seen := make(map[K]bool, len(all))
	for i := range all {
		k := key(all[i])
		if seen[k] {
			return &all[i]
		}
		seen[k] = true
	}
	return nil
}

// check refuses what can be read in two ways, here and below: two elements of one name, text beside elements.
func (p *Params) check() *Refusal {
	if len(p.kids) > 0 && !p.blank() {
		if p.name == "" {
			return refuse("文字与元素混在一起")
		}
		return refuse("元素 %s 里文字与元素混在一起", cut(p.name))
	}
	if again := duplicate(p.kids, func(kid *Params) string { return kid.name }); again != nil {
		return refuse("元素 %s 重复", cut((*again).name))
	}
	for _, kid := range p.kids {
		if refusal := kid.check(); refusal != nil {
			return refusal
		}
	}
	return nil
}

// refuseSyntax says what encoding/xml says, without the text that it may quote: that can be a part of a secret.
func refuseSyntax(err error) *Refusal {
	const invalid = "报文不是有效的 XML："
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return refuse(invalid + "标记有误")
	}
	return refuse(invalid+"第 %d 行，%s", syntax.Line, syntaxWords(syntax.Msg))
}

func syntaxWords(message string) string {
	code, illegal := strings.CutPrefix(message, "illegal character code ")
	switch {
	case illegal:
		return "XML 里不能有字符 " + code
	case strings.HasPrefix(message, "unexpected EOF"):
		return "没有结束"
	case strings.HasPrefix(message, "invalid character entity"):
		return "& 之后不是字符实体"
	case strings.HasPrefix(message, "invalid XML name"):
		return "元素或属性的名字无效"
	case strings.HasPrefix(message, "unexpected end element"):
		return "多了一个结束标签"
	case strings.Contains(message, "closed by"):
		return "开始与结束的标签不是一对"
	case strings.HasPrefix(message, "invalid characters between"):
		return "结束标签里有多余的字符"
	case strings.Contains(message, "attribute"):
		return "属性有误"
	case strings.HasPrefix(message, "unescaped ]]>"):
		return "]]> 只能在 CDATA 的末尾"
	case strings.HasPrefix(message, `invalid sequence "--"`):
		return "注释里不能有 --"
	}
	return "标记有误"
}
