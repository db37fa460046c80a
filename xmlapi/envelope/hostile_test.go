package envelope_test

import (
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"orderengine/xmlapi/envelope"
)

const three = `<responseType>0</responseType><methodCode>m</methodCode><methodParams><a>1</a></methodParams>`

func inArg0(params string) string {
	return `<arg0><responseType>0</responseType><methodCode>m</methodCode><methodParams>` + params + `</methodParams></arg0>`
}

func inSOAP(body string) string { return soapBegin + body + `</soapenv:Body></soapenv:Envelope>` }

// refusals are bodies and what is said of them; a fault begins with its code.
var refusals = []struct{ name, body, why string }{
	{"empty", "", "没有根元素"},
	{"JSON", `{"a":1}`, "没有根元素"},
	{"another root", `<a>` + three + `</a>`, "收到 a"},
	{"two roots", `<arg0>` + three + `</arg0><arg0>` + three + `</arg0>`, "根元素不止一个"},
	{"text after", `<arg0>` + three + `</arg0>x`, "根元素之外有文字"},
	{"no end", `<arg0>` + three, "没有结束"},
	{"no end of a tag", `<arg0 a="`, "没有结束"},
	{"wrong end", `<arg0>` + three + `</arg1>`, "不是一对"},
	{"no responseType", `<arg0><methodCode>m</methodCode><methodParams/></arg0>`, "缺少 responseType"},
	{"responseType 2", `<arg0><responseType>2</responseType><methodCode>m</methodCode><methodParams/></arg0>`, "responseType 应是 0 或 1，收到 2"},
	{"no methodCode", `<arg0><responseType>0</responseType><methodParams/></arg0>`, "缺少 methodCode"},
	{"no methodParams", `<arg0><responseType>0</responseType><methodCode>m</methodCode></arg0>`, "缺少 methodParams"},
	{"nothing", `<arg0/>`, "缺少 responseType"},
	{"text for a call", `<arg0>hello</arg0>`, "元素 arg0 里应是元素"},
	{"text for parameters", inArg0(`hello`), "元素 methodParams 里应是元素"},
	{"quoted too often", inArg0(escapeText(escapeText(`<a>1</a>`))), "元素 methodParams 里应是元素"},
	{"mixed", `<arg0>x` + three + `</arg0>`, "混在一起"},
	{"mixed parameters", inArg0(`<![CDATA[<a>1</a>x]]>`), "混在一起"},
	{"twice methodCode", `<arg0>` + three + `<methodCode>n</methodCode></arg0>`, "元素 methodCode 重复"},
	{"twice secret", inArg0(`<secret>1</secret><secret>1</secret>`), "元素 secret 重复"},
	{"twice secret in CDATA", inArg0(`<![CDATA[<secret>1</secret><a/><secret>2</secret>]]>`), "元素 secret 重复"},
	{"twice with a prefix", inArg0(`<secret>1</secret><x:secret xmlns:x="urn:x">1</x:secret>`), "元素 secret 重复"},
	{"twice in eventParams", inArg0(`<eventParams><patName/><patName/></eventParams>`), "元素 patName 重复"},
	{"twice an attribute", `<arg0 a="1" a="2">` + three + `</arg0>`, "属性 a 重复"},
	{"CDATA that breaks out", inArg0(`<![CDATA[<a>1</a></methodParams><methodCode>refundGeneral</methodCode><methodParams>]]>`), "多了一个结束标签"},
	{"text that breaks out", inArg0(escapeText(`</methodParams><methodCode>n</methodCode><methodParams>`)), "多了一个结束标签"},
	{"DOCTYPE", `<!DOCTYPE arg0 SYSTEM "http://127.0.0.1/x.dtd"><arg0>` + three + `</arg0>`, "不允许 DOCTYPE"},
	{"doctype", `<!doctype arg0><arg0>` + three + `</arg0>`, "不允许 DOCTYPE"},
	{"DOCTYPE inside", inArg0(`<![CDATA[<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>]]>`), "不允许 DOCTYPE"},
	{"DOCTYPE escaped", inArg0(escapeText(`<!DOCTYPE a><a/>`)), "不允许 DOCTYPE"},
	{"DOCTYPE before an envelope", `<!DOCTYPE a>` + inSOAP(`<x><arg0>`+three+`</arg0></x>`), "不允许 DOCTYPE"},
	{"DOCTYPE in an operation", inSOAP(`<x><!DOCTYPE a><arg0>` + three + `</arg0></x>`), "不允许 DOCTYPE"},
	{"DOCTYPE in a body", inSOAP(`<!DOCTYPE a><x><arg0>` + three + `</arg0></x>`), "不允许 DOCTYPE"},
	{"ENTITY", inArg0(`<!ENTITY a "b">`), "不允许 <!"},
	{"entity", inArg0(`<a>&x;</a>`), "不是字符实体"},
	{"bare ampersand", inArg0(`<a>1&2</a>`), "不是字符实体"},
	{"reference to NUL", inArg0(`<a>&#0;</a>`), "字符引用"},
	{"reference to a surrogate", inArg0(`<a>&#x00D800;</a>`), "字符引用"},
	{"reference in an attribute", inArg0(`<a b="&#xFFFE;">1</a>`), "字符引用"},
	{"control character", inArg0("<a>\x01</a>"), "U+0001"},
	{"bad name", inArg0(`<a:b:c/>`), "标记有误"},
	{"half a name", inArg0(`<a:>1</a:>`), "元素名"},
	{"bad UTF-8", inArg0("<a>\xC0\xAF</a>"), "报文不是有效的 UTF-8"},
	{"UTF-16", "\xFF\xFE<\x00a\x00", "不支持的字符集 UTF-16"},
	{"Latin 1", `<?xml version="1.0" encoding="ISO-8859-1"?>` + inArg0(`<a/>`), "不支持的字符集 ISO-8859-1"},
	{"bad GBK", `<?xml version="1.0" encoding="GBK"?>` + inArg0("<a>\x81</a>"), "报文不是有效的 GBK"},
	{"GBK of nothing", `<?xml version="1.0" encoding="GBK"?>` + inArg0("<a>\xA2\xA1\xF8\xA1\xAA\xA1\xFE\xFE</a>"), "报文不是有效的 GBK"},
	{"bad GB18030", `<?xml version="1.0" encoding="GB18030"?>` + inArg0("<a>\x81\x3C\x81\x30</a>"), "报文不是有效的 GB18030"},
	{"replaced in GB18030", `<?xml version="1.0" encoding="GB18030"?>` + inArg0("<a>\xE3\x32\x9A\x36</a>"), "报文不是有效的 GB18030"},
	{"private use in GB18030", `<?xml version="1.0" encoding="GB18030"?>` + inArg0("<a>\x83\x38\x98\x37</a>"), "报文不是有效的 GB18030"},
	{"SOAP 1.2", `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><x><arg0>` + three + `</arg0></x></s:Body></s:Envelope>`,
		"VersionMismatch: 不是 SOAP 1.1"},
	{"no namespace", `<Envelope><Body><x/></Body></Envelope>`, "VersionMismatch: 不是 SOAP 1.1"},
	{"must understand", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><w:Security xmlns:w="urn:w" s:mustUnderstand="1"/>` +
		`</s:Header><s:Body><x><arg0>` + three + `</arg0></x></s:Body></s:Envelope>`, "MustUnderstand: 不认识的 SOAP 头 Security"},
	{"no Body", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>`, "Client: 缺少 Body"},
	{"Body of another", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><Body/></s:Envelope>`, "Client: 缺少 Body"},
	{"empty Body", inSOAP(``), "Client: Body 里应正好有一个元素"},
	{"two operations", inSOAP(`<x><arg0>` + three + `</arg0></x><y/>`), "Client: Body 里应正好有一个元素"},
	{"text in Body", inSOAP(`hello<x/>`), "Client: Body 里应正好有一个元素"},
	{"two bodies", inSOAP(`<x/></soapenv:Body><soapenv:Body>`), "Client: 元素 Body 重复"},
	{"cut envelope", soapBegin + `<x><arg0>` + three, "Client: 报文不是有效的 XML"},
	{"broken in an operation", inSOAP(`<x><arg0>` + three + `</arg1></x>`), "Client: 报文不是有效的 XML"},
	{"cut root", `<soap:Envelope xmlns:soap="http://sch`, "没有结束"},
	{"no arg0", inSOAP(`<x/>`), "缺少 arg0"},
	{"no operation", inSOAP(`<arg0>` + three + `</arg0>`), "缺少操作元素：Body 里应是操作，arg0 应在操作里"},
	{"no operation, request", inSOAP(`<request>` + three + `</request>`), "request 应在操作里"},
	{"twice arg0", inSOAP(`<x><arg0>` + three + `</arg0><arg0/></x>`), "元素 arg0 重复"},
	{"root after an envelope", inSOAP(`<x><arg0>`+three+`</arg0></x>`) + `<a/>`, "根元素不止一个"},
	{"too large", `<arg0>` + three + strings.Repeat(" ", envelope.MaxBody) + `</arg0>`, "报文超过 262144 字节"},
	{"too large in SOAP", inSOAP(`<x><arg0>` + three + strings.Repeat("中", envelope.MaxBody/3) + `</arg0></x>`), "报文超过 262144 字节"},
	{"a million attributes", `<arg0` + strings.Repeat(` a="1"`, 1_000_000) + `>` + three + `</arg0>`, "报文超过 262144 字节"},
	{"200 KB of attributes", `<arg0` + strings.Repeat(` a="1"`, 33_000) + `>` + three + `</arg0>`, "属性超过 32 个"},
	{"attributes inside", inArg0(`<![CDATA[<a` + strings.Repeat(` a="1"`, 33_000) + `/>]]>`), "属性超过 32 个"},
	{"100,000 deep", strings.Repeat(`<a>`, 80_000), "嵌套超过 32 层"},
	{"deep inside", inArg0(`<![CDATA[` + strings.Repeat(`<a>`, 80_000) + `]]>`), "嵌套超过 32 层"},
	{"deep, quoted midway", inArg0(`<![CDATA[` + strings.Repeat(`<a>`, 31) + strings.Repeat(`</a>`, 31) + `]]>`), "嵌套超过 32 层"},
	{"empty and too deep", inArg0(strings.Repeat(`<a>`, 30) + `<b/>` + strings.Repeat(`</a>`, 30)), "嵌套超过 32 层"},
	{"deep in SOAP", inSOAP(`<x>` + strings.Repeat(`<a>`, 40)), "嵌套超过 32 层"},
	{"deep header", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>` + strings.Repeat(`<a>`, 40), "Client: 嵌套超过 32 层"},
	{"elements", inArg0(strings.Repeat(`<a/>`, 60_000)), "元素超过 1000 个"},
	{"elements inside", inArg0(`<![CDATA[` + strings.Repeat(`<a/>`, 998) + `]]>`), "元素超过 1000 个"},
	{"comments", inArg0(strings.Repeat(`<!---->`, 35_000) + `<a/><a/>`), "元素 a 重复"},
	{"text in pieces", inArg0(`<a>` + strings.Repeat(`b<!---->`, 30_000) + `</a><a/>`), "元素 a 重复"},
	{"end tags with space", inArg0(strings.Repeat(`</ a>`, 40_000)), "不是一对"},
	{"open comments", inArg0(strings.Repeat(`<!-- `, 40_000)), "注释里不能有 --"},
	{"open instructions", inArg0(strings.Repeat(`<?a `, 40_000)), "没有结束"},
	{"references", inArg0(strings.Repeat(`&#0000000065`, 20_000)), "不是字符实体"},
	{"billion laughs", `<!DOCTYPE lolz [<!ENTITY lol "lol">` + strings.Repeat(`<!ENTITY lol2 "&lol;&lol;&lol;&lol;">`, 9) + `]><arg0>` + three + `</arg0>`,
		"不允许 DOCTYPE"},
	{"request in request", strings.Repeat(`<request>`, 31) + `<a><b/></a>` + strings.Repeat(`</request>`, 31), "嵌套超过 32 层"},
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			r, refusal := refused(t, "", []byte(c.body))
			got := refusal.Why
			if refusal.Fault {
				got = refusal.Code + ": " + got
			}
			if code, _, fault := strings.Cut(c.why, ": "); !strings.Contains(got, c.why) || fault != refusal.Fault || fault && code != refusal.Code {
				t.Errorf("refused with %q, want %q", got, c.why)
			}
			w := refusalReply(t, r, refusal)
			checkReply(t, w, refusal)
		})
	}
}

// TestADoctypeIsRefusedAsTheRequestIsWrapped, though the root comes after it.
func TestADoctypeIsRefusedAsTheRequestIsWrapped(t *testing.T) {
	const subset = `<!DOCTYPE a [<!ENTITY b "<c>"> <!-- > -->]>`
	call := `<web:x><arg0>` + three + `</arg0></web:x>`
	for name, c := range map[string]struct{ body, begins string }{
		"arg0":                {subset + `<arg0>` + three + `</arg0>`, `<return>`},
		"request":             {subset + `<request>` + three + `</request>`, `<response>`},
		"SOAP":                {subset + inSOAP(call), `<soap:Envelope`},
		"SOAP, declared":      {`<?xml version="1.0"?>` + subset + inSOAP(call), `<soap:Envelope`},
		"SOAP, in the body":   {inSOAP(subset + call), `<soap:Envelope`},
		"SOAP, and too large": {subset + inSOAP(call+strings.Repeat(" ", envelope.MaxBody)), `<soap:Envelope`},
	} {
		r, refusal := refused(t, "", []byte(c.body))
		w := refusalReply(t, r, refusal)
		checkReply(t, w, refusal)
		_, begins, _ := strings.Cut(w.Body.String(), "?>")
		if w.Code != http.StatusOK || !strings.HasPrefix(begins, c.begins) || !strings.Contains(begins, "ns2:xResponse") && strings.Contains(name, "SOAP") {
			t.Errorf("%s: %d %s", name, w.Code, begins)
		}
	}
}

// TestARefusalIsOfTheTypeThatWasAskedFor, as far as the request tells of it before what is wrong.
func TestARefusalIsOfTheTypeThatWasAskedFor(t *testing.T) {
	const asked = `<responseType> 1 </responseType><methodCode>m</methodCode><methodParams>`
	twice := asked + `<a/><a/></methodParams>`
	for name, body := range map[string]string{
		"twice":                 `<arg0>` + twice + `</arg0>`,
		"twice, in a request":   `<request>` + twice + `</request>`,
		"twice, all of it text": `<arg0><![CDATA[` + twice + `]]></arg0>`,
		"twice, in both":        `<arg0><request>` + twice + `</request></arg0>`,
		"twice, quoted in both": `<arg0>` + escapeText(`<request>`+twice+`</request>`) + `</arg0>`,
		"a DOCTYPE":             `<!DOCTYPE a><arg0>` + twice + `</arg0>`,
		"no end":                `<arg0>` + asked,
		"too many elements":     `<arg0>` + asked + strings.Repeat(`<a/>`, 2000) + `</methodParams></arg0>`,
		"no methodCode":         `<arg0><responseType>1</responseType></arg0>`,
	} {
		r, refusal := refused(t, "", []byte(body))
		if kind := refusalReply(t, r, refusal).Header().Get("Content-Type"); kind != "application/json; charset=utf-8" {
			t.Errorf("%s: %s", name, kind)
		}
	}
	for name, body := range map[string]string{
		"a parameter of that name": inArg0(`<responseType>1</responseType><a/><a/>`),
		"beside the argument":      `<a><responseType>1</responseType></a>`,
	} {
		if r, _ := refused(t, "", []byte(body)); r.JSON {
			t.Errorf("%s: in JSON", name)
		}
	}
}

// TestRefusalsAreCheap: none of these makes the server work or hold more than a good request may.
func TestRefusalsAreCheap(t *testing.T) {
	const most = 32 << 20
	for _, c := range refusals {
		body := []byte(c.body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := envelope.Read("", body)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > most || err == nil {
			t.Errorf("%s: %d bytes, %v", c.name, used, err)
		}
	}
}

// TestRefusalsAreChinese: what encoding/xml says in English is for no hospital.
func TestRefusalsAreChinese(t *testing.T) {
	for _, params := range []string{"<a>\x01</a>", `<a:b:c/>`, `<a b>1</a>`, `<a b=c/>`, `<a =""/>`, `<a b="<"/>`, `<a>]]></a>`, `<!-- -- -->`, `<1/>`, `<a/b>`, `<a`, `</>`, `<?`, `<a></b>`, `&x;`} {
		_, refusal := refused(t, "", []byte(inArg0(params)))
		if english := regexp.MustCompile(`[a-zA-Z]{3,}( [a-z]{3,})+`).FindString(refusal.Why); english != "" {
			t.Errorf("%s: %s", params, refusal.Why)
		}
	}
}

// TestRefusalsDoNotRepeatASecret: the words of a refusal are logged, a secret must not be.
func TestRefusalsDoNotRepeatASecret(t *testing.T) {
	for _, params := range []string{`<secret>a&S3CRET</secret>`, `<secret>S3CRET`, `S3CRET`, `<a/>S3CRET`, `<secret>S3CRET</secret><secret>S3CRET</secret>`,
		`<secret>&S3CRET;</secret>`, `<secret>S3CRET]]&gt;</secret>&#0;`, `<secret>S3CRET</secre>`} {
		for _, text := range []string{params, escapeText(params), quote(params, cdata)} {
			if _, refusal := refused(t, "", []byte(inArg0(text))); strings.Contains(refusal.Why, "S3CRET") {
				t.Errorf("%s: %s", text, refusal.Why)
			}
		}
	}
}

func TestLimitsAreReached(t *testing.T) {
	attributes := ""
	for i := range envelope.MaxAttributes {
		attributes += " a" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + `="1"`
	}
	var many strings.Builder
	for i := range envelope.MaxElements - 4 {
		name := "p" + strings.Repeat("a", i/26) + string(rune('a'+i%26))
		many.WriteString("<" + name + "/>")
	}
	for name, body := range map[string]string{
		"attributes": inArg0(`<a` + attributes + `/>`),
		"depth":      inArg0(strings.Repeat(`<a>`, 30) + strings.Repeat(`</a>`, 30)),
		"elements":   inArg0(many.String()),
		"inside":     inArg0(`<![CDATA[` + many.String() + `]]>`),
		"size":       inArg0(`<a>` + strings.Repeat("x", envelope.MaxBody-len(inArg0(`<a></a>`))) + `</a>`),
	} {
		t.Run(name, func(t *testing.T) { read(t, "", []byte(body)) })
	}
}
