package open_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestEnvelopeRefusals has what is refused before any method is asked, and whoever asks.
func TestEnvelopeRefusals(t *testing.T) { everywhere(t, testEnvelopeRefusals) }

func testEnvelopeRefusals(t *testing.T, w world) {
	g := newGolden(t)
	n := w.take(registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"))
	refund := refundOf(n[0], "R-1", "1")
	good := arg0("refundGeneral", refund)
	const soapBegin = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>`
	const soapEnd = `</s:Body></s:Envelope>`
	fault, refused := http.StatusInternalServerError, http.StatusOK
	var texts []string
	for _, c := range []struct {
		name, kind, body string
		status           int
		want             string
	}{
		{"unknown methodCode", utf8, arg0("refundgeneral", refund), refused, "methodCode：未知的接口 refundgeneral"},
		{"no methodCode", utf8, strings.Replace(good, "<methodCode>refundGeneral</methodCode>", "", 1), refused, "methodCode"},
		{"responseType 2", utf8, strings.Replace(good, "<responseType>0", "<responseType>2", 1), refused, "responseType"},
		{"DOCTYPE", utf8, "<!DOCTYPE arg0>" + good, refused, "DOCTYPE"},
		{"DOCTYPE with an entity", utf8, `<!DOCTYPE arg0 [<!ENTITY n "R-1">]>` + strings.Replace(good, "R-1", "&n;", 1), refused, "DOCTYPE"},
		{"DOCTYPE with a file", utf8, `<?xml version="1.0"?><!DOCTYPE arg0 [<!ENTITY f SYSTEM "file:///etc/hostname">]>` + strings.Replace(good, "R-1", "&f;", 1), refused, "DOCTYPE"},
		{"DOCTYPE in the inner document", utf8, strings.Replace(good, "<![CDATA[", "<![CDATA[<!DOCTYPE params>", 1), refused, "DOCTYPE"},
		{"an entity that nobody made", utf8, strings.Replace(good, "R-1", "&nbsp;", 1), refused, ""},
		{"twice the same parameter", utf8, strings.Replace(good, "<refundAmout>600</refundAmout>", "<refundAmout>600</refundAmout><refundAmout>1</refundAmout>", 1), refused, "refundAmout"},
		{"two roots", utf8, good + good, refused, ""},
		{"another root", utf8, strings.ReplaceAll(good, "arg0>", "arg1>"), refused, "arg1"},
		{"no end", utf8, strings.TrimSuffix(good, "</arg0>"), refused, ""},
		{"nothing", utf8, "", refused, ""},
		{"blanks", utf8, " \n\t", refused, ""},
		{"text", utf8, "hello", refused, ""},
		{"JSON", "application/json", `{"methodCode":"refundGeneral"}`, refused, ""},
		{"over 256 KB", utf8, good + strings.Repeat(" ", 256<<10), refused, "262144"},
		{"too deep", utf8, strings.Replace(good, "<arg0>", "<arg0><x>"+strings.Repeat("<d>", 40)+strings.Repeat("</d>", 40)+"</x>", 1), refused, ""},
		{"too many elements", utf8, strings.Replace(good, "<arg0>", "<arg0><x>"+strings.Repeat("<d/>", 1001)+"</x>", 1), refused, ""},
		{"no UTF-8", utf8, toGBK(t, strings.Replace(good, "R-1", "退-1", 1)), refused, ""},
		{"no GBK", "text/xml; charset=GBK", strings.Replace(good, "R-1", "\xff\xff", 1), refused, ""},
		{"SOAP without a body", utf8, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"></s:Envelope>`, fault, "soap:Client"},
		{"SOAP with an empty body", utf8, soapBegin + soapEnd, fault, "soap:Client"},
		{"SOAP with two operations", utf8, soapBegin + "<a>" + good + "</a><b>" + good + "</b>" + soapEnd, fault, "soap:Client"},
		{"SOAP that breaks off", utf8, soapBegin + "<a>" + good + "</a>", fault, "soap:Client"},
		{"SOAP of another version", utf8, strings.Replace(soapBegin, "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1) + "<a>" + good + "</a>" + soapEnd, fault, "soap:VersionMismatch"},
		{"SOAP without arg0", utf8, soapBegin + "<a/>" + soapEnd, refused, "arg0"},
	} {
		r := w.post(c.kind, c.body)
		equal(t, c.name+": status", r.Status, c.status)
		if c.status == refused {
			contains(t, c.name, r.Body, "<resultCode>2</resultCode>")
		} else {
			contains(t, c.name, r.Body, "<soap:Fault>")
		}
		contains(t, c.name, r.Body, c.want)
		text := c.body
		if len(text) > 2000 || c.name == "no UTF-8" || c.name == "no GBK" {
			text = "…"
		}
		texts = append(texts, "== "+c.name+"\n"+shown(t, text, r))
	}
	g.check("codes/envelope", texts...)
	equal(t, "the order", w.show(n[0]).StatusDisplay, "已支付")

	// And what is no refusal.
	for _, c := range []struct{ name, kind, body string }{
		{"elements", utf8, strings.NewReplacer("<![CDATA[", "", "]]>", "").Replace(good)},
		{"escaped text", utf8, "<arg0><responseType>0</responseType><methodCode>refundGeneral</methodCode><methodParams>" +
			strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(refund.text()) + "</methodParams></arg0>"},
		{"all of it one CDATA", utf8, "<arg0><![CDATA[" + strings.NewReplacer("<arg0>", "", "</arg0>", "", "<![CDATA[", "", "]]>", "").Replace(good) + "]]></arg0>"},
		{"a byte order mark", utf8, "\ufeff" + good},
		{"no Content-Type", "", good},
		{"a form's Content-Type", "application/x-www-form-urlencoded", good},
		{"GBK by the declaration", "text/xml", toGBK(t, `<?xml version="1.0" encoding="GBK"?>`+good)},
		{"GB2312 by the header", "text/xml; charset=gb2312", toGBK(t, good)},
		{"GB18030 by the header", "text/xml; charset=GB18030", toGBK(t, good)},
	} {
		r := w.post(c.kind, c.body).Want(t, http.StatusOK)
		if !strings.Contains(r.Body, "<resultCode>0</resultCode>") && !strings.Contains(r.Body, "<resultCode>3</resultCode>") {
			t.Errorf("%s: %s", c.name, r.Body)
		}
	}
	request := w.post(utf8, strings.ReplaceAll(good, "arg0>", "request>"))
	contains(t, "<request>", request.Body, `<response><resultCode>3</resultCode>`)
	equal(t, "refunds", len(w.show(n[0]).Refunds), 1)
}

// TestOpenMethods has the other ways to call the path.
func TestOpenMethods(t *testing.T) { everywhere(t, testOpenMethods) }

func testOpenMethods(t *testing.T, w world) {
	for _, path := range []string{"/open?wsdl", "/open?WSDL"} {
		r := w.nobody().Get(path).Want(t, http.StatusOK)
		equal(t, "its Content-Type", r.Header.Get("Content-Type"), "text/xml; charset=utf-8")
		contains(t, path, r.Body, "definitions")
		contains(t, path, r.Body, `"http://127.0.0.1:8000/open"`)
	}
	w.nobody().Get("/open").Want(t, http.StatusNotFound)
	for _, method := range []string{"PUT", "FOO"} {
		equal(t, "Allow", w.nobody().Send(method, "/open").Want(t, http.StatusMethodNotAllowed).Header.Get("Allow"), "GET, HEAD, POST")
	}
	for _, metric := range []string{`orderd_open_calls_total{code="2",method="none"} 1`, `orderd_open_calls_total{code="-1",method="stopReg"} 1`,
		`orderd_open_calls_total{code="2",method="unknown"} 1`} {
		switch {
		case strings.Contains(metric, "none"):
			w.post(utf8, "x")
		case strings.Contains(metric, "unknown"):
			w.want("2", "nothing", of("secret", secret))
		default:
			w.want("-1", "stopReg", of("secret", "wrong-secret-of-somebody"))
		}
		contains(t, "the metrics", w.Metrics(), metric)
	}
	if strings.Contains(w.Log(), "wrong-secret-of-somebody") {
		t.Error("a secret is in the log")
	}
}
