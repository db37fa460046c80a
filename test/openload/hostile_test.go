package openload_test

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"orderengine/domain/hospital"
	"orderengine/test/e2e/orderdtest"
)

// TestHostileBodies sends what no hospital's system would: each is refused, and the log does not move.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	number := load(t, s, []paidOrder{{hospital.Outpatient, 1000, hospital.Alipay, "patient1"}})[0]
	refund := func(secret string) string {
		return `<secret>` + secret + `</secret><refundType>2</refundType><orderNo>` + number + `</orderNo><hisRefundOrderNo>R-1</hisRefundOrderNo>` +
			`<refundAmout>1000</refundAmout><refundTime>2026-01-16 09:00:00</refundTime><refundReason>r</refundReason>`
	}
	inArg0 := func(params string) string {
		return `<arg0><responseType>0</responseType><methodCode>refundGeneral</methodCode><methodParams>` + params + `</methodParams></arg0>`
	}
	good := inArg0(refund(secret))
	const declared, soap = `<?xml version="1.0" encoding="GBK"?>`, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x>`
	cases := []struct {
		name, kind, body string
		code             string // "" is a SOAP fault
	}{
		{"DOCTYPE", "", `<!DOCTYPE arg0 [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + good, "2"},
		{"DOCTYPE inside", "", inArg0(`<![CDATA[<!DOCTYPE a><a/>` + refund(secret) + `]]>`), "2"},
		{"DOCTYPE in SOAP", "", `<!DOCTYPE a>` + soap + good + `</x></s:Body></s:Envelope>`, "2"},
		{"300 KB", "", inArg0(refund(secret) + `<more>` + strings.Repeat("x", 300<<10) + `</more>`), "2"},
		{"300 KB after the end", "", good + strings.Repeat(" ", 300<<10), "2"},
		{"100,000 deep", "", inArg0(refund(secret) + strings.Repeat("<a>", 100_000) + strings.Repeat("</a>", 100_000)), "2"},
		{"50,000 deep", "", inArg0(refund(secret) + strings.Repeat("<a>", 30_000) + strings.Repeat("</a>", 30_000)), "2"},
		{"deep in CDATA", "", inArg0(`<![CDATA[` + refund(secret) + strings.Repeat("<a>", 30_000) + strings.Repeat("</a>", 30_000) + `]]>`), "2"},
		{"a second methodCode in CDATA", "", strings.Replace(inArg0(`<![CDATA[`+refund(secret)+`</methodParams><methodCode>refundGeneral</methodCode><methodParams>]]>`),
			"refundGeneral", "ordersQuery", 1), "2"},
		{"a second methodCode", "", strings.Replace(good, "<methodCode>", "<methodCode>ordersQuery</methodCode><methodCode>", 1), "2"},
		{"bad UTF-8", "", strings.Replace(good, "<refundReason>r", "<refundReason>\xC0\xAF", 1), "2"},
		{"a surrogate in UTF-8", "", strings.Replace(good, "<refundReason>r", "<refundReason>\xED\xA0\x80", 1), "2"},
		{"bad GBK", "", declared + strings.Replace(good, "<refundReason>r", "<refundReason>\xFF\xFF", 1), "2"},
		{"half a character of GBK", "text/xml; charset=GBK", strings.Replace(good, "<refundReason>r", "<refundReason>\x81", 1), "2"},
		{"UTF-16", "", "\xFF\xFE<\x00a\x00", "2"},
		{"an entity", "", strings.Replace(good, "<refundReason>r", "<refundReason>&x;", 1), "2"},
		{"two roots", "", good + good, "2"},
		{"nothing", "", "", "2"},
		{"a broken envelope", "", soap + good, ""},
		{"the secret but its end", "", inArg0(refund(secret[1:])), "-1"},
		{"the secret and more", "", inArg0(refund(secret + "x")), "-1"},
		{"the secret in capitals", "", inArg0(refund(strings.ToUpper(secret))), "-1"},
		{"the secret with one other", "", inArg0(refund(secret[1:] + "y")), "-1"},
		{"no secret", "", strings.Replace(good, "<secret>xxxxxxx</secret>", "", 1), "2"},
		{"two secrets", "", inArg0(`<secret>y</secret>` + refund(secret)), "2"},
	}
	head := metric(t, s, "orderd_log_position")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			kind := c.kind
			if kind == "" {
				kind = "text/xml"
			}
			checkRefused(t, post(s, kind, c.body), c.code)
			if at := metric(t, s, "orderd_log_position"); at != head {
				t.Errorf("the log went from %s to %s", head, at)
			}
		})
	}
	if r := post(s, "text/xml", good); !strings.Contains(r.Body, "<resultCode>0</resultCode>") {
		t.Errorf("the good one is answered %d %s", r.Status, r.Body)
	}
	if at := metric(t, s, "orderd_log_position"); at == head {
		t.Error("a refund did not move the log: this test shows nothing")
	}
}

func checkRefused(t *testing.T, r orderdtest.Reply, code string) {
	t.Helper()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if code == "" {
		if r.Status != http.StatusInternalServerError || !strings.Contains(r.Body, "<faultcode>soap:Client</faultcode>") {
			t.Errorf("answered %d %s", r.Status, r.Body)
		}
		return
	}
	var a answer
	text := r.Body
	for _, wrapping := range []string{"return", "response"} {
		if _, after, ok := strings.Cut(text, "<"+wrapping+">"); ok {
			inner, _, _ := strings.Cut(after, "</"+wrapping+">")
			text = "<return>" + inner + "</return>"
		}
	}
	if strings.Contains(r.Header.Get("Content-Type"), "GBK") {
		text = strings.ToValidUTF8(text, "?") // the code is ASCII
	}
	if err := xml.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	if r.Status != http.StatusOK || a.Code != code || a.Desc == "" || strings.Contains(r.Body, secret) {
		t.Errorf("answered %d %s", r.Status, r.Body)
	}
}

// metric is the value of a line of /metrics.
func metric(t *testing.T, s *orderdtest.Server, name string) string {
	t.Helper()
	for line := range strings.Lines(s.As("").Get("/metrics").Want(t, http.StatusOK).Body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return ""
}
