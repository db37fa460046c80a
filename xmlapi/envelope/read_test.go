package envelope_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"orderengine/xmlapi/envelope"
)

// The samples of the document (2.1, 2.2, 2.3, 2.5.2.1, 2.5.2.2), letter by letter.
var samples = map[string]struct {
	text   string
	names  string
	events string
}{
	"refundGeneral": {`<?xml version=”1.0”encoding=”UTF-8”?>
<arg0>
<responseType>0</responseType>
<methodCode>refundGeneral</methodCode>
<methodParams>
  <![CDATA[
    <secret>xxxxxxx</secret>
		<refundType>x</refundType>
	    <orderNo>xxxx</orderNo>
        <hisRefundOrderNo>xxx</hisRefundOrderNo>
		<refundAmout>3</refundAmout>
		<refundTime>YYYY-MM-DD HH24:MI:SS</refundTime>
		<refundReason>xxxx</refundReason>
		<partialOrAllrefund>x</partialOrAllrefund>
		<pushMsg>x</pushMsg>
]]>
	</methodParams>
</arg0>
`, "secret refundType orderNo hisRefundOrderNo refundAmout refundTime refundReason partialOrAllrefund pushMsg", ""},
	"stopReg": {`<?xml version=”1.0”encoding=”UTF-8”?>
<arg0>
<responseType>0</responseType>
    <methodCode>stopReg</methodCode>
<methodParams>
   <![CDATA[
    <secret>xxxxxxx</secret>
		<orderList>xxx,xxx,xxx</orderList>
       ]]>
	</methodParams>
</arg0>
`, "secret orderList", ""},
	"ordersQuery": {`<?xml version=”1.0”encoding=”UTF-8”?>
<arg0>
<responseType>0</responseType>
    <methodCode>ordersQuery</methodCode>
<methodParams>
   <![CDATA[
    <secret>xxxxxxx</secret>
		<regMode>x</regMode>
        <tradeMode>x</tradeMode>
        <startTime>2016-08-27 00:00:00</startTime>
        <endTime>2016-08-27 00:00:00</endTime>
       ]]>
	</methodParams>
</arg0>
`, "secret regMode tradeMode startTime endTime", ""},
	"msgPush 16": {`<?xml version=”1.0”encoding=”UTF-8”?>
<arg0>
<responseType>0</responseType>
<methodCode>msgPush</methodCode>
<methodParams>
       <![CDATA[
        <secret>xxxxxxx</secret>
<voucherType>xxxxxx</voucherType>
        <voucherCode>xxxxxx</voucherCode>
        <eventCode>16</eventCode>
        <eventParams>
<patName>xxx</patName>
<patCardNo>123456789</ patCardNo>
<serialNum>12</serialNum>
<currentNum>3</currentNum>
<deptName>内科</deptName>
<doctorName>刘医生</doctorName>
<hisOrderNo>12432435556</hisOrderNo>
<hospitalName>xxxx</hospitalName>
<visitLocation>xxx楼1203室</visitLocation>
</eventParams>
      ]]>
</methodParams>
</arg0>
`, "secret voucherType voucherCode eventCode eventParams",
		"patName patCardNo serialNum currentNum deptName doctorName hisOrderNo hospitalName visitLocation"},
	"msgPush 26": {`<?xml version=”1.0”encoding=”UTF-8”?>
<arg0>
<responseType>0</responseType>
<methodCode>msgPush</methodCode>
<methodParams>
       <![CDATA[
        <secret>xxxxxxx</secret>
<voucherType>xxxxxx</voucherType>
        <voucherCode>xxxxxx</voucherCode>
        <eventCode>26</eventCode>
        <eventParams>
<patName>xxx</patName>
<patCardNo>123456789</ patCardNo>
<patCardType>3</patCardType>
<payType>检查费-B超</payType>
<payAmout>236</payAmout>
<hospitalName>xxxx医院</hospitalName>
</eventParams>
      ]]>
</methodParams>
</arg0>
`, "secret voucherType voucherCode eventCode eventParams", "patName patCardNo patCardType payType payAmout hospitalName"},
}

// variants are the ways in which one sample may be sent.
func variants(sample string) map[string]string {
	declaration, root, _ := strings.Cut(sample, "?>\n")
	inner := strings.TrimSuffix(strings.TrimPrefix(root, "<arg0>"), "</arg0>\n")
	begin := strings.Index(inner, "<![CDATA[")
	end := strings.Index(inner, "]]>")
	params := inner[begin+len("<![CDATA[") : end]
	unquoted := inner[:begin] + params + inner[end+3:]
	text := inner[:begin] + escapeText(params) + inner[end+3:]
	declaration += "?>\n"
	return map[string]string{
		"as it is":          sample,
		"space before":      " \r\n" + sample,
		"no declaration":    root,
		"escaped":           declaration + "<arg0>" + text + "</arg0>",
		"inline":            declaration + "<arg0>" + unquoted + "</arg0>",
		"request":           declaration + "<request>" + inner + "</request>",
		"whole in CDATA":    declaration + "<arg0>" + quote(declaration+"<request>"+unquoted+"</request>", cdata) + "</arg0>",
		"whole escaped":     declaration + "<arg0>" + escapeText("<arg0>"+inner+"</arg0>") + "</arg0>",
		"three in CDATA":    declaration + "<arg0>" + quote(text, cdata) + "</arg0>",
		"declared inside":   declaration + "<arg0>" + strings.Replace(inner, "<![CDATA[", "<![CDATA[\n"+declaration, 1) + "</arg0>",
		"SOAP":              declaration + wrap(inner, soap, inline),
		"SOAP escaped":      wrap(text, soap, inline),
		"SOAP inline":       wrap(unquoted, soap, inline),
		"SOAP with request": wrap(inner, soapRequest, inline),
		"SOAP whole CDATA":  wrap(unquoted, soapRequest, cdata),
		"SOAP whole text":   wrap(inner, soap, escaped),
	}
}

func TestSamplesLetterByLetter(t *testing.T) {
	for name, sample := range samples {
		for how, text := range variants(sample.text) {
			for charset := range codecs {
				t.Run(name+"/"+how+"/"+charset, func(t *testing.T) {
					check := func(contentType, text string) {
						r := read(t, contentType, encode(t, charset, text))
						if method, _, _ := strings.Cut(name, " "); r.Method != method || r.JSON {
							t.Errorf("%s, JSON %v", r.Method, r.JSON)
						}
						if got := strings.Join(r.Params.Names(), " "); got != sample.names {
							t.Errorf("parameters %s", got)
						}
						checkEvents(t, r, sample.events)
						if got := replied(t, r, envelope.Done, "").Header().Get("Content-Type"); !strings.EqualFold(got, "text/xml; charset="+charset) {
							t.Errorf("reply in %s", got)
						}
					}
					check("text/xml; charset="+charset, text)
					if !strings.HasPrefix(strings.TrimSpace(text), "<?xml") {
						return // nothing in it says the encoding
					}
					check("", strings.Replace(text, "encoding=”UTF-8”", "encoding=”"+charset+"”", 1))
				})
			}
		}
	}
}

// checkEvents reads what only the message samples have.
func checkEvents(t *testing.T, r *envelope.Request, names string) {
	t.Helper()
	events, present := r.Params.Child("eventParams")
	if present != (names != "") || strings.Join(events.Names(), " ") != names {
		t.Errorf("event's parameters %v", events.Names())
	}
	if !present {
		return
	}
	if card, present := events.Text("patCardNo"); card != "123456789" || !present {
		t.Errorf("patCardNo %q", card)
	}
	if name, present := events.Text("deptName"); present && name != "内科" {
		t.Errorf("deptName %q", name)
	}
}

func TestSampleWithBOM(t *testing.T) {
	for name, sample := range samples {
		read(t, "", []byte("\uFEFF"+sample.text))
		read(t, "text/xml;charset=utf-8", []byte("\uFEFF"+sample.text))
		text := strings.Replace(sample.text, "UTF-8", "GBK", 1)
		r := read(t, "", []byte("\uFEFF"+text)) // the mark stands before the declaration
		checkEvents(t, r, samples[name].events)
	}
}

func TestEncodings(t *testing.T) {
	const text = `<arg0><responseType>0</responseType><methodCode>m</methodCode><methodParams><n>张三</n></methodParams></arg0>`
	for _, c := range []struct{ contentType, declaration, charset, label string }{
		{"", "", "UTF-8", "utf-8"},
		{"text/xml", "", "UTF-8", "utf-8"},
		{"text/xml; charset=GBK", "", "GBK", "GBK"},
		{`text/xml; charset="gb18030"`, "", "GB18030", "GB18030"},
		{"text/xml;charset=”gbk”", "", "GBK", "GBK"},
		{"text/xml; charset=gb2312; charset=gb2312", "", "GBK", "GB2312"},
		{"TEXT/XML; CHARSET=GBK", `<?xml version="1.0" encoding="UTF-8"?>`, "GBK", "GBK"},
		{"text/xml; charset=utf-8", `<?xml version="1.0" encoding="GBK"?>`, "UTF-8", "utf-8"},
		{"text/xml", `<?xml version="1.0" encoding="GBK"?>`, "GBK", "GBK"},
		{"text/xml", `<?xml version='1.0' encoding = 'gb18030' standalone='yes'?>`, "GB18030", "GB18030"},
		{"text/xml", "\r\n" + `<?xml version=“1.0” encoding=“gb2312”?>`, "GBK", "GB2312"},
		{"text/xml", `<?xml version="1.0" encoding=""?>`, "UTF-8", "utf-8"},
		{"text/xml", `<?xml version="1.0" encoding?>`, "UTF-8", "utf-8"},
	} {
		r := read(t, c.contentType, encode(t, c.charset, c.declaration+text))
		if got, _ := r.Params.Text("n"); got != "张三" {
			t.Errorf("%+v: %q", c, got)
		}
		if got := replied(t, r, envelope.Done, "").Header().Get("Content-Type"); got != "text/xml; charset="+c.label {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestForms(t *testing.T) {
	c := call{"m", "0", []pair{{"a", "1 < 2 & ]]> \u4e2d"}, {"b", ""}, {"secret", "x\ry"}}}
	for form := range forms {
		for whole := range quotings {
			for params := range quotings {
				r := read(t, "", []byte(wrap(c.text(params), form, whole)))
				if got := pairs(r.Params); r.Method != "m" || !slices.Equal(got, c.params) {
					t.Errorf("form %d, whole %d, params %d: %s %q", form, whole, params, r.Method, got)
				}
			}
		}
	}
}

func TestLeniency(t *testing.T) {
	const three = `<responseType>0</responseType><methodCode> m </methodCode><methodParams><a>1</a></methodParams>`
	for name, text := range map[string]string{
		"comments":            `<!-- a --><arg0><!-- <b> -->` + three + `</arg0><!-- c -->`,
		"comment in text":     `<arg0><responseType>0</responseType><methodCode>m</methodCode><methodParams><a><!-- -->1</a></methodParams></arg0>`,
		"instructions":        `<?xml-stylesheet href="a"?><arg0><?php echo "<a>" ?>` + three + `<?b?></arg0>`,
		"another order":       `<arg0><methodParams><a>1</a></methodParams><methodCode>m</methodCode><responseType>0</responseType></arg0>`,
		"space in end tags":   "<arg0><responseType>0</ \t\nresponseType><methodCode>m</methodCode ><methodParams><a>1</ a></ methodParams></ arg0 >",
		"unknown element":     `<arg0><version>3</version>` + three + `</arg0>`,
		"prefix":              `<x:arg0 xmlns:x="urn:x">` + three + `</x:arg0>`,
		"default namespace":   `<arg0 xmlns="urn:x">` + three + `</arg0>`,
		"prefix unknown":      `<y:arg0>` + three + `</y:arg0>`,
		"CDATA in pieces":     `<arg0><responseType>0</responseType><methodCode>m</methodCode><methodParams><![CDATA[<a>]]><![CDATA[1</a>]]></methodParams></arg0>`,
		"full-width space":    "<arg0>\u3000" + three + "\u3000</arg0>",
		"request in arg0":     `<arg0><request>` + three + `</request></arg0>`,
		"request as text":     `<arg0><request>` + escapeText(three) + `</request></arg0>`,
		"declaration inside":  `<arg0>` + quote("\n<?xml version=”1.0”encoding=”GBK”?>"+three, cdata) + `</arg0>`,
		"attributes":          `<arg0 a="1" b='>' c="="><responseType type="x">0</responseType><methodCode>m</methodCode><methodParams><a>1</a></methodParams></arg0>`,
		"SOAP":                soapBegin + `<web:x><arg0>` + three + `</arg0></web:x></soapenv:Body></soapenv:Envelope>`,
		"SOAP, no namespace":  soapBegin + `<x><arg0>` + three + `</arg0></x></soapenv:Body></soapenv:Envelope>`,
		"SOAP, arg0 with":     soapBegin + `<web:x><web:arg0>` + three + `</web:arg0></web:x></soapenv:Body></soapenv:Envelope>`,
		"SOAP, default":       `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><x xmlns="urn:x"><arg0>` + three + `</arg0></x></Body></Envelope>`,
		"SOAP, named request": soapBegin + `<web:x><request>` + three + `</request></web:x></soapenv:Body></soapenv:Envelope>`,
		"SOAP, header": `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><w:Security xmlns:w="urn:w" s:mustUnderstand="0">` +
			`text<b/></w:Security></s:Header><s:Body><x><arg0>` + three + `</arg0></x></s:Body></s:Envelope>`,
	} {
		r := read(t, "", []byte(text))
		if got := pairs(r.Params); r.Method != "m" || !slices.Equal(got, []pair{{"a", "1"}}) {
			t.Errorf("%s: %s %q", name, r.Method, got)
		}
	}
}

func TestMethodParamsMayBeEmpty(t *testing.T) {
	for _, params := range []string{`<methodParams/>`, `<methodParams></methodParams>`, "<methodParams>\n</methodParams>",
		`<methodParams><![CDATA[ ]]></methodParams>`, `<methodParams><![CDATA[<!-- nothing -->]]></methodParams>`} {
		r := read(t, "", []byte(`<arg0><responseType>1</responseType><methodCode>m</methodCode>`+params+`</arg0>`))
		if r.Params == nil || len(r.Params.Names()) != 0 || !r.JSON {
			t.Errorf("%s: %+v", params, r)
		}
	}
}

func TestParamsOfNil(t *testing.T) {
	var p *envelope.Params
	if value, present := p.Text("a"); value != "" || present {
		t.Error(value)
	}
	if child, present := p.Child("a"); child != nil || present {
		t.Error(child)
	}
	if p.Names() != nil {
		t.Error(p.Names())
	}
}

func TestParams(t *testing.T) {
	r := read(t, "", []byte(wrap(`<responseType>0</responseType><methodCode>m</methodCode><methodParams><b> \t</b><a> x y </a>`+
		`<e><c>1</c><d/></e></methodParams>`, bareArg0, inline)))
	if got := r.Params.Names(); !reflect.DeepEqual(got, []string{"b", "a", "e"}) {
		t.Error(got)
	}
	if got, _ := r.Params.Text("a"); got != "x y" {
		t.Errorf("%q", got)
	}
	if got, present := r.Params.Text("e"); got != "" || !present {
		t.Errorf("%q", got)
	}
	if _, present := r.Params.Text("c"); present {
		t.Error("c is not here")
	}
	e, _ := r.Params.Child("e")
	if got := pairs(e); !slices.Equal(got, []pair{{"c", "1"}, {"d", ""}}) {
		t.Error(got)
	}
}
