package envelope_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"orderengine/xmlapi/envelope"
)

// document is any reply, read by encoding/xml.
type document struct {
	XMLName xml.Name
	Code    string  `xml:"resultCode"`
	Desc    string  `xml:"resultDesc"`
	Result  *result `xml:"result"`
}

type result struct {
	Text string    `xml:",chardata"`
	All  []element `xml:",any"`
}

type element struct {
	XMLName xml.Name
	Text    string    `xml:",chardata"`
	All     []element `xml:",any"`
}

type soapReply struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Body    struct {
		Fault *struct {
			Code string `xml:"faultcode"`
			Why  string `xml:"faultstring"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault"`
		Operation *struct {
			XMLName xml.Name
			Return  document `xml:"return"`
		} `xml:",any"`
	} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
}

// unmarshal reads a whole reply of any encoding.
func unmarshal(t testing.TB, w *httptest.ResponseRecorder, v any) {
	t.Helper()
	_, charset, _ := strings.Cut(w.Header().Get("Content-Type"), "charset=")
	text := decode(t, strings.ToUpper(charset), w.Body.Bytes())
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("%s\nmore follows: %v", text, err)
	}
}

// unwrap gives what stands in <return> or <response>.
func unwrap(t testing.TB, w *httptest.ResponseRecorder) document {
	t.Helper()
	if !bytes.Contains(w.Body.Bytes(), []byte("<soap:Envelope")) {
		var d document
		unmarshal(t, w, &d)
		return d
	}
	var reply soapReply
	unmarshal(t, w, &reply)
	if reply.Body.Operation == nil {
		t.Fatalf("%s\nhas no operation", w.Body)
	}
	return reply.Body.Operation.Return
}

// checkReply reads the reply to a refusal back.
func checkReply(t *testing.T, w *httptest.ResponseRecorder, refusal *envelope.Refusal) {
	t.Helper()
	if !refusal.Fault {
		if d := unwrap(t, w); w.Code != http.StatusOK || d.Code != "2" || d.Desc != refusal.Why || d.Result != nil {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		return
	}
	var reply soapReply
	unmarshal(t, w, &reply)
	if fault := reply.Body.Fault; w.Code != http.StatusInternalServerError || fault == nil || fault.Code != "soap:"+refusal.Code || fault.Why != refusal.Why {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

const awkward = "a<b>&\"'\\]]> \t\r\n\x01\x7f\u2028 €😀\ufffe 中"

// rowsOf writes two rows, the second with an empty value.
func rowsOf(t testing.TB, r *envelope.Request, values ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	rows := r.Rows(w, "item", []string{"orderNo", "tradeType"})
	for _, value := range values {
		if err := rows.Write([]string{value, ""}); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func dump(w *httptest.ResponseRecorder) string {
	return fmt.Sprintf("%d %s\n%s\n", w.Code, w.Header().Get("Content-Type"), w.Body.String())
}

func TestRepliesAreGolden(t *testing.T) {
	for _, charset := range []string{"UTF-8", "GBK"} {
		for form, name := range []string{"arg0", "request", "soap"} {
			for _, kind := range []string{"0", "1"} {
				body := wrap(call{"m", kind, nil}.text(inline), form, inline)
				r := read(t, "text/xml; charset="+charset, encode(t, charset, body))
				text := dump(replied(t, r, envelope.Done, "")) + dump(replied(t, r, envelope.Failed, "密钥错误 <"+awkward+">")) +
					dump(replied(t, r, envelope.Done, "", envelope.Field{Name: "refundOrderNo", Value: awkward}, envelope.Field{Name: "agtRefundOrderNo"})) +
					dump(rowsOf(t, r)) + dump(rowsOf(t, r, "1", awkward)) +
					dump(refusalReply(t, r, &envelope.Refusal{Why: "元素 secret 重复"})) +
					dump(refusalReply(t, r, &envelope.Refusal{Why: "缺少 <Body>", Fault: true, Code: "Client"}))
				golden(t, "reply-"+name+"-"+kind+"-"+charset+".txt", text)
			}
		}
	}
}

func TestOperationIsAnswered(t *testing.T) {
	for _, c := range []struct{ operation, space, local string }{
		{`x xmlns="urn:a&amp;&quot;b&lt;"`, `urn:a&"b<`, "xResponse"},
		{`x`, "", "xResponse"},
		{`soapenv:x`, "http://schemas.xmlsoap.org/soap/envelope/", "xResponse"},
		{`web:查询`, "http://web.his.example/", "查询Response"},
		{`nobody:x`, "nobody", "xResponse"},
	} {
		name, _, _ := strings.Cut(c.operation, " ")
		r := read(t, "text/xml;charset=gbk", encode(t, "GBK", inSOAP("<"+c.operation+`><arg0 xmlns="">`+three+`</arg0></`+name+`>`)))
		var reply soapReply
		unmarshal(t, replied(t, r, envelope.Repeated, "已退费"), &reply)
		if op := reply.Body.Operation; op == nil || op.XMLName != (xml.Name{Space: c.space, Local: c.local}) || op.Return.Code != "3" || op.Return.Desc != "已退费" {
			t.Errorf("%+v", op)
		}
	}
}

// TestOddNamespacesAreNoTrouble: a prefix may not be bound to these two, whatever a request does.
func TestOddNamespacesAreNoTrouble(t *testing.T) {
	for _, operation := range []string{`xml:x`, `x xmlns="http://www.w3.org/XML/1998/namespace"`, `x xmlns="http://www.w3.org/2000/xmlns/"`} {
		name, _, _ := strings.Cut(operation, " ")
		_, refusal := refused(t, "", []byte(inSOAP("<"+operation+`><arg0 xmlns="">`+three+`</arg0></`+name+`>`)))
		if !refusal.Fault {
			t.Errorf("%s: %+v", operation, refusal)
		}
	}
}

func TestJSONInSOAPIsTheText(t *testing.T) {
	for charset := range codecs {
		r := read(t, "text/xml; charset="+charset, encode(t, charset, wrap(call{"m", "1", nil}.text(inline), soap, inline)))
		d := unwrap(t, replied(t, r, envelope.Done, "", envelope.Field{Name: "a", Value: awkward}))
		var got map[string]string
		if err := json.Unmarshal([]byte(d.Result.Text), &got); err != nil || got["a"] != awkward {
			t.Errorf("%s: %q, %v", charset, got, err)
		}
	}
}

// discard is a client that reads everything.
type discard struct {
	header http.Header
	bytes  int64
	writes int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.bytes += int64(len(b))
	d.writes++
	return len(b), nil
}

var (
	rowNames = []string{"tradeTime", "orderMode", "tradeMode", "orderNo", "refundOrderNo", "hisOrderNo", "hisRefundOrderNo", "agtOrderNo",
		"agtRefundOrderNo", "agtTraceNo", "agtRefundTraceNo", "payTotalFee", "refundTotalFee", "tradeType"}
	rowValues = []string{"2016-08-27 00:00:00", "1", "4", "3011201612010000001", "3021201612010000001", "HIS-20161201-000001", "HIS-R-20161201-000001",
		"2016082721001004020200000001", "2016082721001004020200000002", "", "", "600", "600", "2"}
)

func TestRowsAreFlat(t *testing.T) {
	for _, kind := range []string{"0", "1"} {
		for _, charset := range []string{"UTF-8", "GB18030"} {
			r := read(t, "text/xml; charset="+charset, encode(t, charset, wrap(call{"m", kind, nil}.text(inline), soap, inline)))
			w := &discard{header: http.Header{}}
			rows := r.Rows(w, "item", rowNames)
			values := slices.Clone(rowValues)
			values[5] = "<中文>" + "€"
			got := testing.AllocsPerRun(10_000, func() {
				if err := rows.Write(values); err != nil {
					t.Fatal(err)
				}
			})
			if err := rows.Close(); err != nil || got >= 1 || w.writes < 20 || w.bytes/int64(w.writes) > 100<<10 {
				t.Errorf("%s %s: %v allocations a row, %d writes of %d bytes, %v", kind, charset, got, w.writes, w.bytes, err)
			}
		}
	}
}

var errGone = errors.New("the client has gone")

type gone struct{ discard }

func (g *gone) Write([]byte) (int, error) { return 0, errGone }

func TestRowsOfAGoneClient(t *testing.T) {
	r := read(t, "", []byte(wrap(three, soap, inline)))
	rows := r.Rows(&gone{discard{header: http.Header{}}}, "item", []string{"a"})
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = rows.Write([]string{strings.Repeat("x", 10_000)})
	}
	if !errors.Is(err, errGone) || !errors.Is(rows.Write([]string{""}), errGone) || !errors.Is(rows.Close(), errGone) {
		t.Error(err)
	}
}

func TestRowOfAnotherLength(t *testing.T) {
	r := read(t, "", []byte(wrap(three, soap, inline)))
	rows := r.Rows(httptest.NewRecorder(), "item", []string{"a"})
	if err := rows.Write([]string{"1", "2"}); err == nil || rows.Close() == nil {
		t.Error("a row of two values for one name")
	}
}

// TestRowsCutMidway: a client must see that it has not got all.
func TestRowsCutMidway(t *testing.T) {
	r := read(t, "", []byte(wrap(three, soap, inline)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		rows := r.Rows(w, "item", rowNames)
		for range 1000 {
			if err := rows.Write(rowValues); err != nil {
				t.Error(err)
			}
		}
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	reply, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if b, err := io.ReadAll(reply.Body); err == nil || bytes.Contains(b, []byte("</soap:Envelope>")) {
		t.Errorf("%d bytes look whole", len(b))
	}
}

func TestWSDL(t *testing.T) {
	text := envelope.WSDL(`http://h/open?a=1&b="2"`)
	golden(t, "open.wsdl", string(text))
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkRows(b *testing.B) {
	for _, kind := range []string{"0", "1"} {
		for _, form := range []int{bareArg0, soap} {
			for _, charset := range []string{"UTF-8", "GBK"} {
				b.Run(fmt.Sprintf("responseType=%s/form=%d/%s", kind, form, charset), func(b *testing.B) {
					r := read(b, "text/xml; charset="+charset, encode(b, charset, wrap(call{"m", kind, nil}.text(inline), form, inline)))
					w := &discard{header: http.Header{}}
					rows := r.Rows(w, "item", rowNames)
					b.ReportAllocs()
					for b.Loop() {
						if err := rows.Write(rowValues); err != nil {
							b.Fatal(err)
						}
					}
					if err := rows.Close(); err != nil {
						b.Fatal(err)
					}
					b.SetBytes(w.bytes / int64(b.N))
				})
			}
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for name, text := range variants(samples["msgPush 16"].text) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				read(b, "text/xml; charset=utf-8", []byte(text))
			}
		})
	}
}
