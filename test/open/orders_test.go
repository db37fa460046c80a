package open_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

const create = "/hospital/order/create/"

// TestCreate makes orders of every kind, makes them again, and has each reason why none is made.
func TestCreate(t *testing.T) { everywhere(t, testCreate) }

func testCreate(t *testing.T, w world) {
	today := time.Now().In(shanghai).Format("20060102")
	for i, terms := range []fields{registration("HIS-1"), outpatient("HIS-2"), deposit("HIS-3")} {
		r := w.patient1().Send("POST", create, body(terms)).Want(t, http.StatusCreated)
		var o order
		r.Into(t, &o)
		if form := regexp.MustCompile([]string{`^1011`, `^2012`, `^6013`}[i] + today + `[0-9]{7}$`); !form.MatchString(o.OrderNo) {
			t.Errorf("the number %s is not %s", o.OrderNo, form)
		}
		equal(t, "kind", o.Kind, i+1)
		equal(t, "amount", o.Amount, 600)
		equal(t, "his_order_no", o.HisOrderNo, terms["his_order_no"].(string))
		equal(t, "status", o.Status, 0)
		equal(t, "status_display", o.StatusDisplay, "待支付")
		equal(t, "paid", o.Paid, 0)
		equal(t, "refunded", o.Refunded, 0)
		contains(t, "no refunds", r.Body, `"refunds":[]`)
		if i == 0 {
			equal(t, "a registration", *o.BookDate+" "+*o.Department+" "+*o.Doctor, "2016-09-01 内科 刘医生")
			equal(t, "reg_type", *o.RegType, 2)
		} else {
			contains(t, "no registration", r.Body, `"reg_type":null,"book_date":null,"department":null,"doctor":null`)
		}
		again := w.patient1().Send("POST", create, body(terms)).Want(t, http.StatusOK)
		equal(t, "the same again", again.Body, r.Body)
		equal(t, "its detail", w.patient1().Get(at("detail", o.OrderNo)).Want(t, http.StatusOK).Body, r.Body)
		for _, other := range []fields{{"amount": 601}, {"platform": 3}, {"his_order_no": "HIS-1", "kind": 2, "amount": 7}} {
			refused := w.patient1().With("Accept-Language", "en").Send("POST", create, body(terms.and(other).and(noRegistration(i, other)))).Want(t, http.StatusBadRequest)
			contains(t, other.line(), refused.Body, `{"his_order_no":["This number stands for another order."]}`)
		}
		contains(t, "another patient", w.patient2().Send("POST", create, body(terms)).Want(t, http.StatusBadRequest).Body, `{"his_order_no":["`)
	}
	// A form as well, in every kind of body.
	form := "hospital=H001&kind=2&amount=1&his_order_no=HIS-form&platform=1"
	w.patient1().Send("POST", create, orderdtest.Form(form)).Want(t, http.StatusCreated)
	w.patient1().Send("POST", create, orderdtest.Multipart(form)).Want(t, http.StatusOK)

	for _, c := range []struct {
		change fields
		field  string
		why    string
	}{
		{fields{"hospital": "H009"}, "hospital", "H009"},
		{fields{"branch": "B09"}, "branch", "B09"},
		{fields{"hospital": nil}, "hospital", "required"},
		{fields{"kind": nil}, "kind", "required"},
		{fields{"kind": 4}, "kind", "4"},
		{fields{"kind": 0}, "kind", "0"},
		{fields{"amount": nil}, "amount", "required"},
		{fields{"amount": -1}, "amount", ""},
		{fields{"amount": 1.5}, "amount", ""},
		{fields{"amount": 1e15}, "amount", ""},
		{fields{"his_order_no": nil}, "his_order_no", "required"},
		{fields{"his_order_no": "HIS 9"}, "his_order_no", "spaces"},
		{fields{"his_order_no": strings.Repeat("9", 65)}, "his_order_no", "64"},
		{fields{"platform": nil}, "platform", "required"},
		{fields{"platform": 8}, "platform", "8"},
		{fields{"reg_type": nil}, "reg_type", "required"},
		{fields{"reg_type": 3}, "reg_type", "3"},
		{fields{"book_date": nil}, "book_date", "required"},
		{fields{"book_date": "2016-9-1"}, "book_date", "YYYY-MM-DD"},
		{fields{"book_date": "2016-02-30"}, "book_date", "YYYY-MM-DD"},
		{fields{"book_date": "1216-02-20"}, "book_date", "YYYY-MM-DD"},
		{fields{"kind": 2}, "reg_type", "Only a registration"},
	} {
		r := w.patient1().With("Accept-Language", "en").Send("POST", create, body(registration("HIS-9").and(c.change))).Want(t, http.StatusBadRequest)
		contains(t, "refused", r.Body, `"`+c.field+`":["`)
		contains(t, c.field, r.Body, c.why)
	}
	w.nobody().Send("POST", create, body(deposit("HIS-9"))).Want(t, http.StatusUnauthorized)
	w.admin().Send("POST", create, body(deposit("HIS-9"))).Want(t, http.StatusForbidden)
	equal(t, "orders", w.list(w.patient1(), "").Count, 4)
}

// noRegistration takes away what only a registration has.
func noRegistration(i int, other fields) fields {
	if i == 0 && other["kind"] != nil {
		return fields{"reg_type": nil, "book_date": nil, "department": nil, "doctor": nil}
	}
	return fields{}
}

type orderList struct {
	Count   int
	Results []order
}

func (w world) list(c orderdtest.Client, query string) orderList {
	w.t.Helper()
	var l orderList
	c.Get("/hospital/order/list/?page_size=100&"+query).Want(w.t, http.StatusOK).Into(w.t, &l)
	return l
}

// charged is the charge of a reply.
func charged(t *testing.T, r orderdtest.Reply) (id string, amount int) {
	t.Helper()
	var made struct {
		Charge struct {
			ID      string
			Amount  int
			OrderNo string `json:"order_no"`
		}
	}
	r.Want(t, http.StatusOK).Into(t, &made)
	if !strings.HasPrefix(made.Charge.ID, "ch_") {
		t.Fatalf("no charge: %s", r.Body)
	}
	return made.Charge.ID, made.Charge.Amount
}

func (w world) balance(username string) string {
	w.t.Helper()
	var user struct{ Balance string }
	w.admin().Get("/admin/users/"+username+"/").Want(w.t, http.StatusOK).Into(w.t, &user)
	return user.Balance
}

// TestPay pays orders in every way, and cancels others.
func TestPay(t *testing.T) { everywhere(t, testPay) }

func testPay(t *testing.T, w world) {
	before := w.balance("patient1")
	wallet := w.create(registration("HIS-1")).OrderNo
	paid := w.pay(wallet, 1).Want(t, http.StatusOK)
	equal(t, "paid by wallet", w.show(wallet).StatusDisplay, "已支付")
	equal(t, "paid", w.show(wallet).Paid, 600)
	if after := w.balance("patient1"); after == before {
		t.Errorf("the wallet has %s still", after)
	}
	if strings.Contains(paid.Body, "ch_") {
		t.Errorf("the wallet's payment has a charge: %s", paid.Body)
	}
	contains(t, "paid twice", w.pay(wallet, 1).Want(t, http.StatusBadRequest).Body, `"status":-1`)
	rich := w.create(deposit("HIS-rich").and(fields{"amount": 99_999_999})).OrderNo
	contains(t, "too poor", w.pay(rich, 1).Want(t, http.StatusBadRequest).Body, `"status":-9`)
	equal(t, "too poor to pay", w.show(rich).Status, 0)

	for mode := 2; mode <= 5; mode++ {
		number := w.create(outpatient("HIS-mode-" + string(rune('0'+mode)))).OrderNo
		id, amount := charged(t, w.pay(number, mode))
		equal(t, "the charge's amount", amount, 600)
		equal(t, "before it is paid", w.show(number).Status, 0)
		w.nobody().Send("POST", "/sandbox/pay/"+id+"/").Want(t, http.StatusOK)
		w.Eventually("paid", func() bool { return w.show(number).Status == 1 })
		equal(t, "paid", w.show(number).Paid, 600)
		contains(t, "paid twice", w.pay(number, mode).Want(t, http.StatusBadRequest).Body, `"status":-1`)
		contains(t, "cancelled after it", w.patient1().Send("PUT", at("cancel", number)).Want(t, http.StatusBadRequest).Body, `"status":-2`)
		rows := w.trades(secret, "2000-01-01 00:00:00", "2099-12-31 23:59:59")
		equal(t, "the row's way to pay", rows[len(rows)-1].shows("orderNo", "tradeMode", "payTotalFee"), number+" "+string(rune('0'+mode))+" 600")
	}

	unpaid := w.create(outpatient("HIS-6")).OrderNo
	for _, mode := range []string{`{"trade_mode":0}`, `{"trade_mode":6}`, `{"trade_mode":"alipay"}`, `{}`} {
		r := w.patient1().Send("PATCH", at("pay", unpaid), orderdtest.JSON(mode)).Want(t, http.StatusBadRequest)
		contains(t, mode, r.Body, `{"trade_mode":["`)
	}
	w.patient2().Send("PATCH", at("pay", unpaid), orderdtest.JSON(`{"trade_mode":1}`)).Want(t, http.StatusNotFound)
	w.patient2().Send("PUT", at("cancel", unpaid)).Want(t, http.StatusNotFound)
	w.patient2().Get(at("detail", unpaid)).Want(t, http.StatusNotFound)
	w.nobody().Get(at("detail", unpaid)).Want(t, http.StatusUnauthorized)
	for _, none := range []string{"9999999999999999999", "x", "12257268238541425696240003"} {
		w.patient1().Get(at("detail", none)).Want(t, http.StatusNotFound)
		w.patient1().Send("PUT", at("cancel", none)).Want(t, http.StatusNotFound)
		w.pay(none, 1).Want(t, http.StatusNotFound)
		w.pay(none, 4).Want(t, http.StatusNotFound)
	}
	var o order
	w.patient1().Send("PUT", at("cancel", unpaid)).Want(t, http.StatusOK).Into(t, &o)
	equal(t, "cancelled", o.StatusDisplay, "取消")
	equal(t, "its number", o.Status, 6)
	contains(t, "cancelled twice", w.patient1().Send("PUT", at("cancel", unpaid)).Want(t, http.StatusBadRequest).Body, `"status":-2`)
	contains(t, "paid after it", w.pay(unpaid, 1).Want(t, http.StatusBadRequest).Body, `"status":-1`)

	for query, want := range map[string]int{"": 7, "status=0": 1, "status=1": 5, "status=6": 1, "status=3": 0, "kind=1": 1, "kind=2": 5, "kind=3": 1,
		"kind=2&status=1": 4, "kind=1&status=6": 0,
		"status=0&status=": 7, "status=&status=0": 1} { // the last counts
		l := w.list(w.patient1(), query)
		equal(t, "?"+query, l.Count, want)
		equal(t, "?"+query+": rows", len(l.Results), want)
	}
	equal(t, "the newest first", w.list(w.patient1(), "").Results[0].OrderNo, unpaid)
	equal(t, "another's", w.list(w.patient2(), "").Count, 0)
	for _, query := range []string{"status=5", "status=x", "kind=4", "kind=0"} {
		name, _, _ := strings.Cut(query, "=")
		contains(t, query, w.patient1().Get("/hospital/order/list/?"+query).Want(t, http.StatusBadRequest).Body, `{"`+name+`":["`)
	}
}

// TestRefundOfCharge refunds an order that a charge of the platform paid.
func TestRefundOfCharge(t *testing.T) { everywhere(t, testRefundOfCharge) }

func testRefundOfCharge(t *testing.T, w world) {
	number := w.create(outpatient("HIS-1")).OrderNo
	id, _ := charged(t, w.pay(number, 4))
	w.nobody().Send("POST", "/sandbox/pay/"+id+"/").Want(t, http.StatusOK)
	part := refundOf(number, "R-1", "2").with("refundAmout", "100").with("partialOrAllrefund", "2")
	made := w.want("0", "refundGeneral", part).Result
	if !regexp.MustCompile(`^re_[0-9A-Za-z]{24}$`).MatchString(made.AgtRefundOrderNo) {
		t.Fatalf("the platform's number is %q", made.AgtRefundOrderNo)
	}
	o := w.show(number)
	equal(t, "while it is on its way", o.StatusDisplay, "部分退费")
	equal(t, "on its way", o.Refunded, 100)
	equal(t, "the refund", o.Refunds[0].Status, "pending")
	equal(t, "the refund's numbers", o.Refunds[0].RefundOrderNo+" "+o.Refunds[0].HisRefundOrderNo+" "+o.Refunds[0].AgtRefundOrderNo,
		made.RefundOrderNo+" R-1 "+made.AgtRefundOrderNo)
	contains(t, "the message", w.told(h001, number, "refund").Text, "您的订单 "+number+" 的退费 1.00 元已受理，将原路退回，原因：患者退号。")
	var platform struct{ Status, ID string }
	w.nobody().Send("POST", "/sandbox/refund/"+made.AgtRefundOrderNo+"/succeed/").Want(t, http.StatusOK).Into(t, &platform)
	equal(t, "the platform's refund", platform.Status+" "+platform.ID, "succeeded "+made.AgtRefundOrderNo)
	w.Eventually("succeeded", func() bool { return w.show(number).Refunds[0].Status == "succeeded" })

	// What failed is the patient's still, and the hospital's query has no row of it.
	rest := refundOf(number, "R-2", "2").with("refundAmout", "500")
	second := w.want("0", "refundGeneral", rest).Result
	equal(t, "status", w.show(number).StatusDisplay, "已退费")
	w.nobody().Send("POST", "/sandbox/refund/"+second.AgtRefundOrderNo+"/fail/").Want(t, http.StatusOK)
	w.Eventually("failed", func() bool { return w.show(number).Refunds[1].Status == "failed" })
	o = w.show(number)
	equal(t, "after the failure", o.StatusDisplay, "部分退费")
	equal(t, "refunded after the failure", o.Refunded, 100)
	var events []string
	w.Eventually("the rows", func() bool { return len(w.trades(secret, "2000-01-01 00:00:00", "2099-12-31 23:59:59")) == 2 })
	for _, r := range w.want("0", "eventsReplay", of("secret", secret)).Result.Rows {
		events = append(events, r.shows("eventType", "hisRefundOrderNo", "refundTotalFee"))
	}
	equal(t, "events", strings.Join(events, ", "), "RefundOrdered R-1 100, RefundSucceeded R-1 100, RefundOrdered R-2 500, RefundFailed R-2 500")
	third := w.want("0", "refundGeneral", refundOf(number, "R-3", "2").with("refundAmout", "500")).Result
	if third.AgtRefundOrderNo == second.AgtRefundOrderNo || third.RefundOrderNo == second.RefundOrderNo {
		t.Errorf("another refund has the numbers of the failed one: %+v", third)
	}
	w.nobody().Send("POST", "/sandbox/refund/"+third.AgtRefundOrderNo+"/succeed/").Want(t, http.StatusOK)
	w.Eventually("all refunded", func() bool { return w.show(number).Refunds[2].Status == "succeeded" })
	equal(t, "at last", w.show(number).StatusDisplay, "已退费")
}

// TestTheSameRefundAgain tells what has become of it, and its first numbers, also when an administrator had it retried.
func TestTheSameRefundAgain(t *testing.T) { everywhere(t, testTheSameRefundAgain) }

func testTheSameRefundAgain(t *testing.T, w world) {
	number := w.create(outpatient("HIS-1")).OrderNo
	id, _ := charged(t, w.pay(number, 4))
	w.nobody().Send("POST", "/sandbox/pay/"+id+"/").Want(t, http.StatusOK)
	p := refundOf(number, "R-1", "2")
	first := w.want("0", "refundGeneral", p).Result
	again := func(outcome string) {
		t.Helper()
		a := w.want("3", "refundGeneral", p)
		equal(t, "again", a.Desc, "hisRefundOrderNo：R-1 已受理过该笔退费，"+outcome)
		equal(t, "the numbers", a.Result.RefundOrderNo+" "+a.Result.AgtRefundOrderNo, first.RefundOrderNo+" "+first.AgtRefundOrderNo)
	}
	settles := func(id, how, status string) {
		t.Helper()
		w.nobody().Send("POST", "/sandbox/refund/"+id+"/"+how+"/").Want(t, http.StatusOK)
		w.Eventually(how, func() bool { return w.show(number).Refunds[0].Status == status })
	}
	again("退费处理中")
	settles(first.AgtRefundOrderNo, "fail", "failed")
	again("退费失败，待人工处理")
	w.admin().Send("POST", "/admin/parked/"+number+"R1/retry/").Want(t, http.StatusOK)
	var second string
	w.Eventually("the retry", func() bool {
		second = w.show(number).Refunds[0].AgtRefundOrderNo
		return second != "" && second != first.AgtRefundOrderNo
	})
	again("退费处理中")
	settles(second, "fail", "failed")
	w.admin().Send("POST", "/admin/parked/"+number+"R2/give-up/", orderdtest.JSON(`{"why":"paid in cash"}`)).Want(t, http.StatusOK)
	again("退费未成功，已由人工处理")

	paid := w.take(outpatient("HIS-2").paidBy(1, "2016-08-27 02:00:00"))[0]
	w.want("0", "refundGeneral", refundOf(paid, "R-2", "2"))
	w.back(paid)
	equal(t, "what succeeded", w.want("3", "refundGeneral", refundOf(paid, "R-2", "2")).Desc, "hisRefundOrderNo：R-2 已受理过该笔退费，退费成功")
}

// TestFree pays an order of nothing, and stops it.
func TestFree(t *testing.T) { everywhere(t, testFree) }

func testFree(t *testing.T, w world) {
	number := w.create(registration("HIS-1").and(fields{"amount": 0})).OrderNo
	w.pay(number, 4).Want(t, http.StatusOK)
	equal(t, "paid", w.show(number).StatusDisplay, "已支付")
	w.want("2", "refundGeneral", refundOf(number, "R-1", "1").with("refundAmout", "0"))
	w.want("2", "refundGeneral", refundOf(number, "R-1", "1").with("refundAmout", "1"))
	w.want("0", "stopReg", of("secret", secret, "orderList", number))
	equal(t, "stopped", w.show(number).StatusDisplay, "停诊")
	equal(t, "refunds", len(w.show(number).Refunds), 0)
	rows := w.trades(secret, "2000-01-01 00:00:00", "2099-12-31 23:59:59")
	equal(t, "rows", len(rows), 1)
	equal(t, "the row", rows[0].shows("orderNo", "payTotalFee", "tradeType"), number+" 0 1")
}

// TestIdempotencyKey sends the same request under one key.
// TestNumbersAreBoundedInBytes: what no stream could be named by is refused as the field that it is.
func TestNumbersAreBoundedInBytes(t *testing.T) { everywhere(t, testNumbersAreBoundedInBytes) }

func testNumbersAreBoundedInBytes(t *testing.T, w world) {
	fits, long := strings.Repeat("编", 64), strings.Repeat("😀", 64)
	w.create(outpatient(fits))
	for _, field := range []string{"his_order_no", "hospital", "branch"} {
		r := w.patient1().Send("POST", create, body(outpatient("HIS-1").and(fields{field: long})))
		contains(t, field, r.Want(t, http.StatusBadRequest).Body, `"`+field+`":["`)
	}
	code := strings.Repeat("H", 32)
	w.admin().Send("POST", "/admin/hospitals/", body(fields{"code": code, "name": "x"})).Want(t, http.StatusCreated)
	w.admin().Send("POST", "/admin/hospitals/", body(fields{"code": long, "name": "x"})).Want(t, http.StatusBadRequest)
	w.create(outpatient(fits).and(fields{"hospital": code, "branch": nil}))

	cards := "/admin/hospitals/" + code + "/cards/"
	bind := func(number string) orderdtest.Reply {
		return w.admin().With("Accept-Language", "en").Send("POST", cards, body(fields{"card_type": 3, "card_no": number, "patient": "patient1"}))
	}
	bind(fits).Want(t, http.StatusCreated)
	equal(t, "a card", bind(long).Want(t, http.StatusBadRequest).Body, `{"card_no":["Ensure this field has no more than 200 bytes in UTF-8."]}`)
	w.admin().Send("DELETE", cards+"3/"+long+"/").Want(t, http.StatusNotFound)

	lines := []string{long, "HIS-2", fits + "2"}
	for i, number := range lines {
		lines[i] = outpatient(number).paidBy(1, "2016-08-27 02:00:00").and(fields{"agt_order_no": "1"}).line()
	}
	done := w.imports(strings.Join(lines, "\n"))
	equal(t, "taken", done.Taken, 1)
	equal(t, "refused", len(done.Refused), 2)
	contains(t, "the line", done.Refused[0].Why, `{"his_order_no":["Ensure this field has no more than 200 bytes in UTF-8."]}`)

	number := w.number(outpatient("HIS-2").paidBy(1, "2016-08-27 02:00:00"))
	contains(t, "a refund", w.want("2", "refundGeneral", refundOf(number, long, "2")).Desc, "hisRefundOrderNo：")
	w.want("0", "refundGeneral", refundOf(number, fits, "2"))
}

func TestIdempotencyKey(t *testing.T) { everywhere(t, testIdempotencyKey) }

func testIdempotencyKey(t *testing.T, w world) {
	p := w.patient1().With("Idempotency-Key", "k-1")
	first := p.Send("POST", create, body(outpatient("HIS-1"))).Want(t, http.StatusCreated)
	equal(t, "the same reply", p.Send("POST", create, body(outpatient("HIS-1"))).Want(t, http.StatusCreated).Body, first.Body)
	p.Send("POST", create, body(outpatient("HIS-2"))).Want(t, http.StatusConflict)
	equal(t, "orders", w.list(w.patient1(), "").Count, 1)

	// A key stands for its request even if the order was there, or was refused as another.
	p = w.patient1().With("Idempotency-Key", "k-2")
	for range 2 {
		equal(t, "the order that is there", p.Send("POST", create, body(outpatient("HIS-1"))).Want(t, http.StatusOK).Body, first.Body)
		p.Send("POST", create, body(outpatient("HIS-3"))).Want(t, http.StatusConflict)
	}
	p = w.patient1().With("Idempotency-Key", "k-3")
	p.Send("POST", create, body(outpatient("HIS-1").and(fields{"amount": 7}))).Want(t, http.StatusBadRequest)
	p.Send("POST", create, body(outpatient("HIS-3"))).Want(t, http.StatusConflict)
	equal(t, "orders after all", w.list(w.patient1(), "").Count, 1)
}
