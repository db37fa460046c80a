package open_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// form is one way to send a sample.
type form struct {
	name string
	send func(w world, sample string) orderdtest.Reply
}

const curlyDeclaration = "<?xml version=”1.0”encoding=”UTF-8”?>\n"

var forms = []form{
	{"bare", func(w world, sample string) orderdtest.Reply { return w.post(utf8, sample) }},
	{"json", func(w world, sample string) orderdtest.Reply { return w.post(utf8, asJSON(w.t, sample)) }},
	{"soap", func(w world, sample string) orderdtest.Reply { return w.post(utf8, inSOAP(w.t, sample)) }},
	{"soap-json", func(w world, sample string) orderdtest.Reply { return w.post(utf8, inSOAP(w.t, asJSON(w.t, sample))) }},
	{"gbk", func(w world, sample string) orderdtest.Reply {
		return w.post("text/xml; charset=GBK", toGBK(w.t, sample))
	}},
}

func asJSON(t *testing.T, sample string) string {
	return replaced(t, sample, "<responseType>0<", "<responseType>1<")
}

// inSOAP puts a sample into an envelope; no XML declaration can stand within.
func inSOAP(t *testing.T, sample string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:web="http://web.his.example/"><soapenv:Header/><soapenv:Body><web:invoke>` +
		strings.TrimSpace(replaced(t, sample, curlyDeclaration, "")) + `</web:invoke></soapenv:Body></soapenv:Envelope>`
}

// replaced fills in placeholders, each of which must be there.
func replaced(t *testing.T, text string, oldAndNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldAndNew); i += 2 {
		if !strings.Contains(text, oldAndNew[i]) {
			t.Fatalf("no %q in %s", oldAndNew[i], text)
		}
		text = strings.Replace(text, oldAndNew[i], oldAndNew[i+1], 1)
	}
	return text
}

// sample is a sample of the document with its placeholders filled in, and otherwise letter by letter.
func sample(t *testing.T, name string, oldAndNew ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "samples", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return replaced(t, string(text), oldAndNew...)
}

// likeThem is a request in the samples' manner for a method that the document has none for.
func likeThem(method string, p params) string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = "\t\t" + params{one}.text() + "\n"
	}
	return curlyDeclaration + "<arg0>\n<responseType>0</responseType>\n    <methodCode>" + method + "</methodCode>\n<methodParams>\n   <![CDATA[\n" +
		strings.Join(lines, "") + "       ]]>\n\t</methodParams>\n</arg0>\n"
}

// TestSamples sends the document's samples in every form and compares the whole replies.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w, g := demo(t), newGolden(t)
			send := func(name, sample string) {
				t.Helper()
				g.check(filepath.Join(f.name, name), shown(t, sample, f.send(w, sample)))
			}
			numbers := w.take(
				registration("HIS-1").paidBy(1, "2016-08-27 00:00:00"),
				outpatient("HIS-2").paidBy(4, "2016-08-27 08:30:00"),
				registration("HIS-3").paidBy(4, "2016-08-27 23:59:59"),
				registration("HIS-4").paidBy(1, "2016-08-28 00:00:00"),
				deposit("HIS-5").paidBy(2, "2016-08-27 12:00:00").and(fields{"agt_trace_no": "TRACE<&5", "patient": nil}),
			)
			query := sample(t, "ordersQuery", "<regMode>x<", "<regMode>0<", "<tradeMode>x<", "<tradeMode>0<",
				"<endTime>2016-08-27 00:00:00<", "<endTime>2016-08-27 23:59:59<")
			visits := likeThem("regOrdersQuery", of("secret", secret, "hospitalCode", h001, "branchCode", "B01", "regType", "0", "tradeMode", "0",
				"startDate", "2016-09-01", "endDate", "2016-09-01"))
			refund := func(number, his, kind, amount string, partly string) string {
				return sample(t, "refundGeneral", "<refundType>x<", "<refundType>"+kind+"<", "<orderNo>xxxx<", "<orderNo>"+number+"<",
					"<hisRefundOrderNo>xxx<", "<hisRefundOrderNo>"+his+"<", "<refundAmout>3<", "<refundAmout>"+amount+"<",
					"YYYY-MM-DD HH24:MI:SS", "2016-08-28 10:00:00", "<refundReason>xxxx<", "<refundReason>患者退号<",
					"<partialOrAllrefund>x<", "<partialOrAllrefund>"+partly+"<", "<pushMsg>x<", "<pushMsg>1<")
			}
			send("ordersQuery-paid", query)
			send("regOrdersQuery-paid", visits)
			send("refundGeneral-wallet", refund(numbers[0], "R-1", "1", "600", "1"))
			w.back(numbers[0])
			send("refundGeneral-alipay", refund(numbers[1], "R-2", "2", "3", "2"))
			send("refundGeneral-again", refund(numbers[0], "R-1", "1", "600", "1"))
			send("refundGeneral-other-content", refund(numbers[1], "R-2", "2", "4", "2"))
			send("stopReg", sample(t, "stopReg", "xxx,xxx,xxx", numbers[2]+","+numbers[3]))
			send("stopReg-again", sample(t, "stopReg", "xxx,xxx,xxx", numbers[2]+","+numbers[3]))
			w.Eventually("the stopped orders' refunds taken", func() bool {
				return w.show(numbers[2]).Refunds[0].AgtRefundOrderNo != ""
			})
			w.back(numbers[3])
			send("ordersQuery-refunded", query)
			send("regOrdersQuery-refunded", visits)
			push16 := sample(t, "msgPush16", "<voucherType>xxxxxx<", "<voucherType>1<", "<voucherCode>xxxxxx<", "<voucherCode>"+card1+"<")
			push26 := sample(t, "msgPush26", "<voucherType>xxxxxx<", "<voucherType>2<", "<voucherCode>xxxxxx<", "<voucherCode>"+numbers[2]+"<")
			contains(t, "the sample", push16+push26, "</ patCardNo>")
			send("msgPush16", push16)
			send("msgPush16-again", push16)
			send("msgPush26", push26)
			send("eventsReplay", likeThem("eventsReplay", of("secret", secret, "position", "0", "limit", "2")))
			send("wrong-secret", replaced(t, query, "<secret>xxxxxxx<", "<secret>xxxxxxy<"))
			send("unknown-method", replaced(t, query, "<methodCode>ordersQuery<", "<methodCode>挂号<"))
			send("none", replaced(t, query, "2016-08-27 00:00:00", "2015-08-27 00:00:00", "2016-08-27 23:59:59", "2015-08-27 00:00:00"))
		})
	}
}
