// Package open holds the tests of the hospital open interface over HTTP, and of the calls that make what it is about.
package open_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"orderengine/test/e2e/orderdtest"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

// The demo's hospital.
const (
	h001    = "H001"
	secret  = "xxxxxxx"
	card1   = "123456789"
	secret2 = "the-secret-of-hospital-two"
)

// shanghai is the zone of all times of the interface.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// world is a demo server.
type world struct {
	*orderdtest.Server
	t *testing.T
}

func demo(t *testing.T) world {
	t.Helper()
	return world{orderdtest.Demo(t), t}
}

// everywhere runs a test with a demo server on every set-up.
func everywhere(t *testing.T, test func(t *testing.T, w world)) {
	orderdtest.Everywhere(t, func(t *testing.T, s orderdtest.Setup) { test(t, world{s.Demo(t), t}) })
}

func (w world) admin() orderdtest.Client    { return w.As(orderdtest.Admin) }
func (w world) patient1() orderdtest.Client { return w.As(orderdtest.Patient1) }
func (w world) patient2() orderdtest.Client { return w.As(orderdtest.Patient2) }
func (w world) nobody() orderdtest.Client   { return w.As("") }

// pair is one parameter of a call.
type pair struct{ name, value string }

// params are the parameters of a call, in order.
type params []pair

// of makes parameters of names and values.
func of(namesAndValues ...string) params {
	var p params
	for i := 0; i < len(namesAndValues); i += 2 {
		p = append(p, pair{namesAndValues[i], namesAndValues[i+1]})
	}
	return p
}

// with gives the parameters with another value of one.
func (p params) with(name, value string) params {
	changed := p.without(name)
	return append(changed, pair{name, value})
}

func (p params) without(name string) params {
	var rest params
	for _, one := range p {
		if one.name != name {
			rest = append(rest, one)
		}
	}
	return rest
}

// text are the elements; a value is mark-up.
func (p params) text() string {
	var b strings.Builder
	for _, one := range p {
		fmt.Fprintf(&b, "<%s>%s</%s>", one.name, one.value, one.name)
	}
	return b.String()
}

// arg0 is a bare request.
func arg0(method string, p params) string {
	return "<arg0><responseType>0</responseType><methodCode>" + method + "</methodCode><methodParams><![CDATA[" + p.text() + "]]></methodParams></arg0>"
}

const utf8 = "text/xml; charset=utf-8"

// post sends a body to the interface.
func (w world) post(contentType, body string) orderdtest.Reply {
	w.t.Helper()
	r := w.nobody().Send("POST", "/open", orderdtest.Body{Type: contentType, Data: body})
	if r.Err != nil {
		w.t.Fatal(r.Err)
	}
	return r
}

// answer is a bare reply in XML.
type answer struct {
	XMLName xml.Name `xml:"return"`
	Code    string   `xml:"resultCode"`
	Desc    string   `xml:"resultDesc"`
	Result  struct {
		RefundOrderNo    string `xml:"refundOrderNo"`
		AgtRefundOrderNo string `xml:"agtRefundOrderNo"`
		Rows             []row  `xml:",any"`
	} `xml:"result"`
}

// row is one row of a query's answer.
type row struct {
	XMLName xml.Name
	Fields  []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

// get is a field of the row; one that is not there is "(none)".
func (r row) get(name string) string {
	for _, f := range r.Fields {
		if f.XMLName.Local == name {
			return f.Text
		}
	}
	return "(none)"
}

// shows are some fields of the row, between spaces.
func (r row) shows(names ...string) string {
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = r.get(name)
	}
	return strings.Join(values, " ")
}

// call calls a method and reads the answer.
func (w world) call(method string, p params) answer {
	w.t.Helper()
	return w.read(w.post(utf8, arg0(method, p)).Want(w.t, http.StatusOK))
}

func (w world) read(r orderdtest.Reply) answer {
	w.t.Helper()
	var a answer
	if err := xml.Unmarshal([]byte(r.Body), &a); err != nil {
		w.t.Fatalf("%v: %.500s", err, r.Body)
	}
	return a
}

// want calls a method and expects a result code.
func (w world) want(code, method string, p params) answer {
	w.t.Helper()
	a := w.call(method, p)
	if a.Code != code {
		w.t.Fatalf("%s %s: %s %s, want %s", method, p.text(), a.Code, a.Desc, code)
	}
	return a
}

// toGBK encodes a text.
func toGBK(t *testing.T, text string) string {
	t.Helper()
	encoded, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// fromGBK decodes a text, which must be all GBK.
func fromGBK(t *testing.T, text string) string {
	t.Helper()
	decoded, err := simplifiedchinese.GBK.NewDecoder().String(text)
	if err != nil || strings.ContainsRune(decoded, '\uFFFD') {
		t.Fatalf("no GBK: %v: %q", err, text)
	}
	return decoded
}

// fields is a JSON object.
type fields map[string]any

// and gives the fields with more, or others; nil takes one away.
func (f fields) and(more fields) fields {
	all := fields{}
	for _, from := range []fields{f, more} {
		for name, value := range from {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
	}
	return all
}

func (f fields) line() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return string(text)
}

// registration, outpatient and deposit are the terms of orders of the three kinds.
func registration(his string) fields {
	return fields{"hospital": h001, "branch": "B01", "kind": 1, "amount": 600, "his_order_no": his, "platform": 1,
		"reg_type": 2, "book_date": "2016-09-01", "department": "内科", "doctor": "刘医生"}
}

func outpatient(his string) fields {
	return fields{"hospital": h001, "branch": "B01", "kind": 2, "amount": 600, "his_order_no": his, "platform": 2}
}

func deposit(his string) fields {
	return fields{"hospital": h001, "kind": 3, "amount": 600, "his_order_no": his, "platform": 6}
}

// paidBy is how an imported order was paid.
func (f fields) paidBy(mode int, at string) fields {
	return f.and(fields{"trade_mode": mode, "pay_time": at, "agt_order_no": "agt-" + f["his_order_no"].(string), "patient": "patient1"})
}

type imported struct {
	Taken, Repeated int
	Refused         []struct {
		Line int
		Why  string
	}
	Untold int
}

// imports imports a text.
func (w world) imports(text string) imported {
	w.t.Helper()
	var done imported
	w.admin().Send("POST", "/admin/hospital-orders/import", orderdtest.Body{Type: "application/x-ndjson", Data: text}).
		Want(w.t, http.StatusOK).Into(w.t, &done)
	return done
}

// take imports orders, one after the other so that their numbers are, and gives our numbers of them.
func (w world) take(orders ...fields) []string {
	w.t.Helper()
	for _, o := range orders {
		if done := w.imports(o.line()); done.Taken != 1 {
			w.t.Fatalf("%s: %+v", o.line(), done)
		}
	}
	numbers := make([]string, len(orders))
	for i, o := range orders {
		numbers[i] = w.number(o)
	}
	return numbers
}

// number is our number of an imported order, as its hospital is told.
func (w world) number(o fields) string {
	w.t.Helper()
	key := secret
	if o["hospital"] != h001 {
		key = secret2
	}
	for _, r := range w.trades(key, o["pay_time"].(string), o["pay_time"].(string)) {
		if r.get("hisOrderNo") == o["his_order_no"] {
			return r.get("orderNo")
		}
	}
	w.t.Fatalf("%s is in no reply", o.line())
	return ""
}

// trades are all rows of ordersQuery between two times.
func (w world) trades(secret, from, to string) []row {
	w.t.Helper()
	return w.want("0", "ordersQuery", of("secret", secret, "tradeMode", "0", "startTime", from, "endTime", to)).Result.Rows
}

// order is what tests look at of a hospital order.
type order struct {
	OrderNo       string `json:"order_no"`
	Branch        string
	Kind          int
	Amount        int
	HisOrderNo    string `json:"his_order_no"`
	Platform      int
	RegType       *int    `json:"reg_type"`
	BookDate      *string `json:"book_date"`
	Department    *string
	Doctor        *string
	Status        int
	StatusDisplay string `json:"status_display"`
	Paid          int
	Refunded      int
	Refunds       []struct {
		RefundOrderNo    string `json:"refund_order_no"`
		HisRefundOrderNo string `json:"his_refund_order_no"`
		AgtRefundOrderNo string `json:"agt_refund_order_no"`
		Amount           int
		Status           string
		CreateTime       string `json:"create_time"`
	}
}

// create makes an order of patient1.
func (w world) create(f fields) order {
	w.t.Helper()
	var o order
	w.patient1().Send("POST", "/hospital/order/create/", orderdtest.JSON(f.line())).Want(w.t, http.StatusCreated).Into(w.t, &o)
	return o
}

// show is an order of patient1.
func (w world) show(number string) order {
	w.t.Helper()
	var o order
	w.patient1().Get(at("detail", number)).Want(w.t, http.StatusOK).Into(w.t, &o)
	return o
}

// back waits until an order's first refund, which the reply does not wait for, is in the patient's wallet.
func (w world) back(number string) {
	w.t.Helper()
	w.Eventually("the refund of "+number, func() bool { return w.show(number).Refunds[0].Status == "succeeded" })
}

func at(call, number string) string { return "/hospital/order/" + call + "/" + number + "/" }

// pay asks for the payment of an order of patient1.
func (w world) pay(number string, mode int) orderdtest.Reply {
	return w.patient1().Send("PATCH", at("pay", number), orderdtest.JSON(fmt.Sprintf(`{"trade_mode":%d}`, mode)))
}

// second makes a second hospital, without templates.
func (w world) second() {
	w.t.Helper()
	body := fields{"code": "H002", "name": "第二医院", "secret": secret2}.line()
	w.admin().Send("POST", "/admin/hospitals/", orderdtest.JSON(body)).Want(w.t, http.StatusCreated)
}

// refundOf asks for all of an order's 600 fen back, as the document's sample does.
func refundOf(number, his, kind string) params {
	return of("secret", secret, "refundType", kind, "orderNo", number, "hisRefundOrderNo", his, "refundAmout", "600",
		"refundTime", "2016-08-28 10:00:00", "refundReason", "患者退号", "partialOrAllrefund", "1", "pushMsg", "1")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func contains(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: %.600s has no %q", what, got, want)
	}
}
