package openload_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"orderengine/domain/hospital"
	"orderengine/test/e2e/orderdtest"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

const (
	code   = "H001"
	secret = "xxxxxxx"
	// payTime is when every imported order was paid.
	payTime = "2026-01-15 10:00:00"
)

// answer is a reply of the interface.
type answer struct {
	Code   string `xml:"resultCode"`
	Desc   string `xml:"resultDesc"`
	Result struct {
		RefundOrderNo    string `xml:"refundOrderNo"`
		AgtRefundOrderNo string `xml:"agtRefundOrderNo"`
		Items            []row  `xml:"item"`
	} `xml:"result"`
}

// row is one of ordersQuery.
type row struct {
	OrderNo          string `xml:"orderNo"`
	HisOrderNo       string `xml:"hisOrderNo"`
	RefundOrderNo    string `xml:"refundOrderNo"`
	HisRefundOrderNo string `xml:"hisRefundOrderNo"`
	AgtRefundOrderNo string `xml:"agtRefundOrderNo"`
	RefundTotalFee   int    `xml:"refundTotalFee"`
	TradeType        string `xml:"tradeType"`
}

// request is a call, bare.
func request(method string, params ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><arg0><responseType>0</responseType><methodCode>` + method + `</methodCode><methodParams><![CDATA[`)
	for i := 0; i < len(params); i += 2 {
		b.WriteString("<" + params[i] + ">" + params[i+1] + "</" + params[i] + ">")
	}
	b.WriteString(`]]></methodParams></arg0>`)
	return b.String()
}

// post sends a body to the interface.
func post(s *orderdtest.Server, kind, body string) orderdtest.Reply {
	return s.As("").Send(http.MethodPost, "/open", orderdtest.Body{Type: kind, Data: body})
}

// call gives the answer of a method; without one, its error.
func call(s *orderdtest.Server, method string, params ...string) (answer, error) {
	return read(post(s, "text/xml; charset=utf-8", request(method, append([]string{"secret", secret}, params...)...)))
}

func read(r orderdtest.Reply) (a answer, err error) {
	if r.Err != nil {
		return a, r.Err
	}
	if r.Status != http.StatusOK {
		return a, fmt.Errorf("%d %.300s", r.Status, r.Body)
	}
	if err := xml.Unmarshal([]byte(r.Body), &a); err != nil {
		return a, fmt.Errorf("%w: %.300s", err, r.Body)
	}
	return a, nil
}

func mustCall(t testing.TB, s *orderdtest.Server, method string, params ...string) answer {
	t.Helper()
	a, err := call(s, method, params...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// tradesRequest asks for all rows of the imported orders.
func tradesRequest() string {
	return request("ordersQuery", "secret", secret, "orderMode", "0", "tradeMode", "0", "startTime", payTime, "endTime", payTime)
}

// trades are all rows of the imported orders.
func trades(t testing.TB, s *orderdtest.Server) []row {
	t.Helper()
	a, err := read(post(s, "text/xml", tradesRequest()))
	if err != nil || a.Code != "0" {
		t.Fatalf("ordersQuery: %v %s %s", err, a.Code, a.Desc)
	}
	return a.Result.Items
}

// paidOrder is an order to be imported.
type paidOrder struct {
	kind    hospital.Kind
	amount  int
	mode    hospital.TradeMode
	patient string
}

// load imports orders, the i-th as his number L-i, and gives their numbers.
func load(t testing.TB, s *orderdtest.Server, orders []paidOrder) []string {
	t.Helper()
	var lines strings.Builder
	for i, o := range orders {
		registration := ""
		if o.kind == hospital.Registration {
			registration = `"reg_type":2,"book_date":"2026-12-01","department":"内科","doctor":"刘医生",`
		}
		fmt.Fprintf(&lines, `{"hospital":"%s","branch":"B01","kind":%d,"amount":%d,"his_order_no":"L-%d","platform":1,%s`+
			`"trade_mode":%d,"pay_time":"%s","agt_order_no":"A-%d","patient":"%s"}`+"\n", code, o.kind, o.amount, i, registration, o.mode, payTime, i, o.patient)
	}
	var reply struct {
		Taken   int
		Refused []struct{ Why string }
	}
	s.As(orderdtest.Admin).Send(http.MethodPost, "/admin/hospital-orders/import", orderdtest.Body{Type: "application/x-ndjson", Data: lines.String()}).
		Want(t, http.StatusOK).Into(t, &reply)
	if reply.Taken != len(orders) {
		t.Fatalf("%d of %d were taken, refused: %.300v", reply.Taken, len(orders), reply.Refused)
	}
	numbers := make([]string, len(orders))
	for _, r := range trades(t, s) {
		i, err := strconv.Atoi(strings.TrimPrefix(r.HisOrderNo, "L-"))
		if err != nil {
			t.Fatal(err)
		}
		numbers[i] = r.OrderNo
	}
	return numbers
}
