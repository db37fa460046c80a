package open_test

import (
	"net/http"
	"strings"
	"testing"
)

// asked is a call, with the result code that it must have and a part of the description.
type asked struct {
	name string
	code string
	desc string
	of   params
}

// codes makes the calls one after the other and compares the whole replies with one golden file.
func (w world) codes(g *golden, method string, calls ...asked) {
	w.t.Helper()
	texts := make([]string, len(calls))
	for i, c := range calls {
		r := w.post(utf8, arg0(method, c.of)).Want(w.t, http.StatusOK)
		a := w.read(r)
		if a.Code != c.code || !strings.Contains(a.Desc, c.desc) {
			w.t.Errorf("%s, %s: %s %q, want %s %q", method, c.name, a.Code, a.Desc, c.code, c.desc)
		}
		if a.Code != "0" && a.Desc == "" {
			w.t.Errorf("%s, %s: %s says nothing", method, c.name, a.Code)
		}
		texts[i] = "== " + c.name + "\n" + shown(w.t, c.of.text(), r)
	}
	g.check("codes/"+method, texts...)
}

// missing are the calls without each of some parameters, and with it empty.
func missing(p params, names ...string) []asked {
	var calls []asked
	for _, name := range names {
		calls = append(calls, asked{"no " + name, "2", name + "：缺少必输参数", p.without(name)},
			asked{"empty " + name, "2", name + "：缺少必输参数", p.with(name, " ")})
	}
	return calls
}

// bad are the calls with bad values of one parameter.
func bad(p params, name string, values ...string) []asked {
	calls := make([]asked, len(values))
	for i, value := range values {
		calls[i] = asked{"bad " + name + " " + value, "2", name + "：", p.with(name, value)}
	}
	return calls
}

// badSecrets are the calls with secrets that are wrong, some by little.
func badSecrets(p params) []asked {
	var calls []asked
	for _, s := range []string{"wrong", "xxxxxx", "xxxxxxxx", "xxxxxxX", "ｘxxxxxx", strings.Repeat("x", 201)} {
		calls = append(calls, asked{"secret " + s, "-1", "secret：接口密钥错误", p.with("secret", s)})
	}
	return append(calls, missing(p, "secret")...)
}

// TestRefundGeneralCodes has every result code of refundGeneral.
func TestRefundGeneralCodes(t *testing.T) { everywhere(t, testRefundGeneralCodes) }

func testRefundGeneralCodes(t *testing.T, w world) {
	g := newGolden(t)
	w.second()
	n := w.take(
		registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"),
		outpatient("HIS-2").paidBy(4, "2016-08-27 02:00:00"),
		deposit("HIS-3").paidBy(5, "2016-08-27 03:00:00"),
		outpatient("HIS-4").and(fields{"hospital": "H002", "branch": nil}).paidBy(4, "2016-08-27 04:00:00"),
		deposit("HIS-5").paidBy(3, "2016-08-27 05:00:00").and(fields{"patient": nil}),
	)
	unpaid, cancelled := w.create(outpatient("HIS-6")).OrderNo, w.create(outpatient("HIS-7")).OrderNo
	w.patient1().Send("PUT", at("cancel", cancelled)).Want(t, http.StatusOK)
	full := refundOf(n[0], "R-1", "1")
	part := refundOf(n[1], "R-2", "2").with("refundAmout", "100").with("partialOrAllrefund", "2")
	insured := refundOf(n[2], "R-3", "3")
	alone := refundOf(n[4], "R-5", "3").without("partialOrAllrefund").without("pushMsg")

	calls := badSecrets(full)
	calls = append(calls, missing(full, "refundType", "orderNo", "hisRefundOrderNo", "refundAmout", "refundTime", "refundReason")...)
	calls = append(calls, bad(full, "refundType", "0", "4", "x", "01", "1.0", "-1")...)
	calls = append(calls, bad(full, "refundAmout", "0", "-1", "1.5", "6.00", "abc", "0x10", "+200", "0200", "２００", "99999999999999999999")...)
	calls = append(calls, bad(full, "refundTime", "2016-02-30 00:00:00", "2016-8-28 10:00:00", "2016-08-28", "2016-08-28T10:00:00", "2016-08-28 24:00:00", "20160828100000", "0001-01-01 00:00:00", "1999-12-31 23:59:59", "2100-01-01 00:00:00", "9999-12-31 23:59:59")...)
	calls = append(calls, bad(full, "hisRefundOrderNo", "R 1", "R\u30001", strings.Repeat("9", 65))...)
	calls = append(calls, bad(full, "refundReason", strings.Repeat("因", 201))...)
	calls = append(calls, bad(full, "partialOrAllrefund", "0", "3", "全部")...)
	calls = append(calls, bad(full, "pushMsg", "0", "3", "true")...)
	calls = append(calls,
		asked{"unknown order", "1", "9999999999999999999", full.with("orderNo", "9999999999999999999")},
		asked{"no order has such a number", "1", "xxxx", full.with("orderNo", "xxxx")},
		asked{"another hospital's order", "1", n[3], full.with("orderNo", n[3]).with("refundType", "2")},
		asked{"wrong refundType", "2", "refundType：2", full.with("refundType", "2")},
		asked{"over the rest", "2", "refundAmout：601", full.with("refundAmout", "601").with("partialOrAllrefund", "2")},
		asked{"all, and less than the rest", "2", "refundAmout：599", full.with("refundAmout", "599")},
		asked{"all is the default", "2", "refundAmout：599", full.with("refundAmout", "599").without("partialOrAllrefund")},
		asked{"part of an insurance payment", "2", "医保", insured.with("refundAmout", "1").with("partialOrAllrefund", "2")},
		asked{"all of an insurance payment, as a part", "2", "partialOrAllrefund：2", insured.with("partialOrAllrefund", "2")},
		asked{"unpaid", "2", "待支付", full.with("orderNo", unpaid).with("refundType", "2")},
		asked{"cancelled", "2", "取消", full.with("orderNo", cancelled).with("refundType", "2")},
		asked{"full", "0", "", full},
		asked{"full again", "3", "R-1", full},
		asked{"full again with its defaults left out", "3", "R-1", full.without("partialOrAllrefund").without("pushMsg")},
		asked{"the number with another amount", "2", "hisRefundOrderNo：R-1 已用于内容不同的另一笔退费：refundAmout 1，原为 600", full.with("refundAmout", "1").with("partialOrAllrefund", "2")},
		asked{"the number with another time", "2", "refundTime 2016-08-28 10:00:01，原为 2016-08-28 10:00:00", full.with("refundTime", "2016-08-28 10:00:01")},
		asked{"the number with another reason", "2", "refundReason 其他，原为 患者退号", full.with("refundReason", "其他")},
		asked{"the number with another pushMsg", "2", "pushMsg 2，原为 1", full.with("pushMsg", "2")},
		asked{"the number with another type", "2", "refundType 2，原为 1", full.with("refundType", "2")},
		asked{"the number with another order", "2", "R-1", part.with("hisRefundOrderNo", "R-1")},
		asked{"refunded", "2", "已退费", full.with("hisRefundOrderNo", "R-9")},
		asked{"part", "0", "", part},
		asked{"over what is left", "2", "refundAmout：501", part.with("hisRefundOrderNo", "R-8").with("refundAmout", "501")},
		asked{"all of what it was", "2", "refundAmout：600", part.with("hisRefundOrderNo", "R-8").with("refundAmout", "600").with("partialOrAllrefund", "1")},
		asked{"the rest, the refused number", "0", "", part.with("hisRefundOrderNo", "R-8").with("refundAmout", "500").with("partialOrAllrefund", "1")},
		asked{"part again, after the rest", "3", "R-2", part},
		asked{"all of an insurance payment", "0", "", insured},
		asked{"without the optional", "0", "", alone},
	)
	w.codes(g, "refundGeneral", calls...)

	// Another hospital's numbers are its own.
	other := refundOf(n[3], "R-1", "2").with("secret", secret2)
	mine, theirs := w.want("3", "refundGeneral", full).Result, w.want("0", "refundGeneral", other).Result
	if mine.RefundOrderNo == theirs.RefundOrderNo || theirs.RefundOrderNo == "" {
		t.Errorf("two refunds are %s and %s", mine.RefundOrderNo, theirs.RefundOrderNo)
	}
	equal(t, "the same again", w.want("3", "refundGeneral", other).Result.AgtRefundOrderNo, theirs.AgtRefundOrderNo)
	o := w.show(n[1])
	equal(t, "refunds", len(o.Refunds), 2)
	equal(t, "status", o.StatusDisplay, "已退费")
	equal(t, "refunded", o.Refunded, 600)
	equal(t, "a partial refund's type", o.Refunds[0].RefundOrderNo[:4], "2062")
	equal(t, "a full refund's type", o.Refunds[1].RefundOrderNo[:4], "2052")
}

// TestStopRegCodes has every result code of stopReg.
func TestStopRegCodes(t *testing.T) { everywhere(t, testStopRegCodes) }

func testStopRegCodes(t *testing.T, w world) {
	g := newGolden(t)
	w.second()
	n := w.take(
		registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"),
		registration("HIS-2").paidBy(4, "2016-08-27 02:00:00"),
		registration("HIS-3").paidBy(1, "2016-08-27 03:00:00"),
		outpatient("HIS-4").paidBy(4, "2016-08-27 04:00:00"),
		registration("HIS-5").and(fields{"hospital": "H002", "branch": nil}).paidBy(4, "2016-08-27 05:00:00"),
		registration("HIS-6").paidBy(1, "2016-08-27 06:00:00"),
	)
	unpaid := w.create(registration("HIS-7")).OrderNo
	w.want("0", "refundGeneral", refundOf(n[5], "R-6", "1"))
	w.want("0", "refundGeneral", refundOf(n[2], "R-3", "1").with("refundAmout", "200").with("partialOrAllrefund", "2"))
	list := func(numbers ...string) params { return of("secret", secret, "orderList", strings.Join(numbers, ",")) }
	first := list(n[0], n[1])
	calls := append(badSecrets(first), missing(first, "orderList")...)
	calls = append(calls,
		asked{"nothing but commas", "2", "orderList：缺少必输参数", list("", "", "")},
		asked{"an unknown order among others", "1", "9999999999999999999", list(n[0], "9999999999999999999", n[1])},
		asked{"what is no number", "1", "xxx", list(n[0], "xxx")},
		asked{"an outpatient order", "2", n[3] + " 不是挂号订单", list(n[0], n[3])},
		asked{"another hospital's order", "2", n[4], list(n[0], n[4])},
		asked{"unpaid", "2", "待支付", list(n[0], unpaid)},
		asked{"refunded", "2", "已退费", list(n[0], n[5])},
	)
	w.codes(g, "stopReg", calls...)
	for _, number := range n[:2] {
		equal(t, number+" after refused lists", w.show(number).StatusDisplay, "已支付")
	}
	g.check("codes/stopReg-done", func() []string {
		var texts []string
		for _, c := range []asked{
			{"one, twice in the list", "0", "", list(n[0], n[0])},
			{"one again", "3", "", list(n[0])},
			{"some done before", "0", "", list(n[0], " "+n[1]+" ", n[2])},
			{"all done before", "3", "", list(n[2], n[1], n[0])},
		} {
			r := w.post(utf8, arg0("stopReg", c.of))
			equal(t, c.name, w.read(r).Code, c.code)
			texts = append(texts, "== "+c.name+"\n"+shown(t, c.of.text(), r))
		}
		return texts
	}()...)
	for i, number := range n[:3] {
		o := w.show(number)
		last := o.Refunds[len(o.Refunds)-1]
		equal(t, number+"'s status", o.StatusDisplay, "停诊")
		equal(t, number+"'s refunded", o.Refunded, 600)
		equal(t, number+"'s refund's type", last.RefundOrderNo[:4], "1041")
		equal(t, number+"'s last refund", last.Amount, []int{600, 600, 400}[i])
	}
	for _, number := range n[:3] {
		contains(t, "the message", w.told(h001, number, "stop").Text, "已停诊，订单 "+number)
	}
	equal(t, "another's order", len(w.trades(secret2, "2016-08-27 05:00:00", "2016-08-27 05:00:00")), 1)
}

// TestOrdersQueryCodes has every result code of ordersQuery, and what its parameters choose.
func TestOrdersQueryCodes(t *testing.T) { everywhere(t, testOrdersQueryCodes) }

func testOrdersQueryCodes(t *testing.T, w world) {
	g := newGolden(t)
	w.second()
	w.take(
		registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"),
		outpatient("HIS-2").paidBy(4, "2016-08-27 02:00:00"),
		deposit("HIS-3").paidBy(5, "2016-08-31 23:59:59"),
		outpatient("HIS-4").paidBy(4, "2016-09-01 00:00:00"),
		outpatient("HIS-5").and(fields{"hospital": "H002", "branch": nil}).paidBy(4, "2016-08-27 02:00:00"),
	)
	w.create(outpatient("HIS-unpaid"))
	all := of("secret", secret, "orderMode", "0", "regMode", "0", "tradeMode", "0", "startTime", "2016-08-27 01:00:00", "endTime", "2016-09-01 00:00:00")
	calls := badSecrets(all)
	calls = append(calls, missing(all, "tradeMode", "startTime", "endTime")...)
	calls = append(calls, bad(all, "orderMode", "4", "-1", "x")...)
	calls = append(calls, bad(all, "regMode", "8", "-1", "x")...)
	calls = append(calls, bad(all, "tradeMode", "6", "-1", "x")...)
	calls = append(calls, bad(all, "startTime", "2016-08-27", "2016-08-27 00:00:60", "2016-08-27 0:00:00")...)
	calls = append(calls, bad(all, "endTime", "2016-13-01 00:00:00", "now")...)
	calls = append(calls,
		asked{"reversed ends", "2", "endTime：2016-08-27 00:59:59，早于 startTime 2016-08-27 01:00:00", all.with("endTime", "2016-08-27 00:59:59")},
		asked{"no row", "1", "未查询到记录", all.with("endTime", "2016-08-27 01:00:00").with("orderMode", "3")},
		asked{"all", "0", "", all},
	)
	w.codes(g, "ordersQuery", calls...)

	for _, c := range []struct {
		name string
		p    params
		want string
	}{
		{"both ends", all, "HIS-1 HIS-2 HIS-3 HIS-4"},
		{"one second", all.with("endTime", "2016-08-27 01:00:00"), "HIS-1"},
		{"a second later", all.with("startTime", "2016-08-27 01:00:01").with("endTime", "2016-08-31 23:59:59"), "HIS-2 HIS-3"},
		{"all times", all.with("startTime", "0001-01-01 00:00:00").with("endTime", "9999-12-31 23:59:59"), "HIS-1 HIS-2 HIS-3 HIS-4"},
		{"a kind", all.with("orderMode", "2"), "HIS-2 HIS-4"},
		{"no kind is all", all.without("orderMode"), "HIS-1 HIS-2 HIS-3 HIS-4"},
		{"a platform", all.with("regMode", "6"), "HIS-3"},
		{"no platform is all", all.without("regMode"), "HIS-1 HIS-2 HIS-3 HIS-4"},
		{"a way to pay", all.with("tradeMode", "4"), "HIS-2 HIS-4"},
		{"another hospital", all.with("secret", secret2), "HIS-5"},
	} {
		for _, method := range []string{"ordersQuery", "orderQuery"} {
			var got []string
			for _, r := range w.want("0", method, c.p).Result.Rows {
				equal(t, "the row", r.XMLName.Local, "item")
				equal(t, "its kind of trade", r.get("tradeType"), "1")
				got = append(got, r.get("hisOrderNo"))
			}
			equal(t, method+", "+c.name, strings.Join(got, " "), c.want)
		}
	}
}

// TestRegOrdersQueryCodes has every result code of regOrdersQuery, and what its parameters choose.
func TestRegOrdersQueryCodes(t *testing.T) { everywhere(t, testRegOrdersQueryCodes) }

func testRegOrdersQueryCodes(t *testing.T, w world) {
	g := newGolden(t)
	w.second()
	w.take(
		registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"),
		registration("HIS-2").and(fields{"reg_type": 1, "branch": nil, "book_date": "2016-09-02"}).paidBy(4, "2016-08-27 02:00:00"),
		registration("HIS-3").and(fields{"book_date": "2016-10-01"}).paidBy(3, "2016-08-27 03:00:00"),
		outpatient("HIS-4").paidBy(4, "2016-08-27 04:00:00"),
	)
	all := of("secret", secret, "hospitalCode", h001, "branchCode", "", "regType", "0", "tradeMode", "0", "startDate", "2016-09-01", "endDate", "2016-10-01")
	calls := badSecrets(all)
	calls = append(calls, missing(all, "hospitalCode", "regType", "tradeMode", "startDate", "endDate")...)
	calls = append(calls, bad(all, "hospitalCode", "H002", "h001", "H0011")...)
	calls = append(calls, bad(all, "regType", "3", "-1", "x")...)
	calls = append(calls, bad(all, "tradeMode", "6", "x")...)
	calls = append(calls, bad(all, "startDate", "2016-9-1", "2016-09-01 00:00:00", "2016-02-30")...)
	calls = append(calls, bad(all, "endDate", "20161001")...)
	calls = append(calls,
		asked{"reversed ends", "2", "endDate：2016-08-31，早于 startDate 2016-09-01", all.with("endDate", "2016-08-31")},
		asked{"no row", "1", "未查询到记录", all.with("startDate", "2016-09-03").with("endDate", "2016-09-30")},
		asked{"an unknown branch", "1", "未查询到记录", all.with("branchCode", "B02")},
		asked{"all", "0", "", all},
	)
	w.codes(g, "regOrdersQuery", calls...)

	for _, c := range []struct {
		name string
		p    params
		want string
	}{
		{"both ends", all, "HIS-1 HIS-2 HIS-3"},
		{"one day", all.with("startDate", "2016-09-02").with("endDate", "2016-09-02"), "HIS-2"},
		{"a branch", all.with("branchCode", "B01"), "HIS-1 HIS-3"},
		{"no branch is all", all.without("branchCode"), "HIS-1 HIS-2 HIS-3"},
		{"on the day", all.with("regType", "1"), "HIS-2"},
		{"booked", all.with("regType", "2"), "HIS-1 HIS-3"},
		{"a way to pay", all.with("tradeMode", "3"), "HIS-3"},
	} {
		var got []string
		for _, r := range w.want("0", "regOrdersQuery", c.p).Result.Rows {
			got = append(got, r.get("hisOrderNo"))
		}
		equal(t, c.name, strings.Join(got, " "), c.want)
	}
	rows := w.want("0", "regOrdersQuery", all).Result.Rows
	equal(t, "with a branch", rows[0].shows("branchCode", "branchName", "bookDate", "regType"), "B01 阳光医院总院 2016-09-01 2")
	equal(t, "without", rows[1].shows("branchCode", "branchName", "bookDate", "regType"), "  2016-09-02 1")
}

// TestMsgPushCodes has every result code of msgPush.
func TestMsgPushCodes(t *testing.T) { everywhere(t, testMsgPushCodes) }

func testMsgPushCodes(t *testing.T, w world) {
	g := newGolden(t)
	w.second()
	n := w.take(
		registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"),
		outpatient("HIS-2").paidBy(4, "2016-08-27 02:00:00"),
		registration("HIS-3").and(fields{"hospital": "H002", "branch": nil}).paidBy(4, "2016-08-27 03:00:00"),
		registration("HIS-4").paidBy(4, "2016-08-27 04:00:00").and(fields{"patient": nil}),
	)
	waiting := of("patName", "张三", "patCardNo", card1, "serialNum", "12", "currentNum", "3", "deptName", "内科", "doctorName", "刘医生",
		"hisOrderNo", "12432435556", "hospitalName", "阳光医院", "visitLocation", "门诊楼1203室")
	unpaid := of("patName", "张三", "patCardNo", card1, "patCardType", "3", "payType", "检查费-B超", "payAmout", "236", "hospitalName", "阳光医院")
	push := func(kind, code, event string, of params) params {
		return params{{"secret", secret}, {"voucherType", kind}, {"voucherCode", code}, {"eventCode", event}, {"eventParams", of.text()}}
	}
	by := push("1", card1, "16", waiting)
	calls := badSecrets(by)
	calls = append(calls, missing(by, "voucherType", "voucherCode", "eventCode", "eventParams")...)
	calls = append(calls, bad(by, "voucherType", "0", "3", "x")...)
	calls = append(calls, bad(by, "voucherCode", "123 456")...)
	calls = append(calls, bad(by, "eventCode", "17", "016", "refund", "stop")...)
	calls = append(calls, bad(by, "eventParams", "text")...)
	for _, one := range []struct {
		event string
		of    params
	}{{"16", waiting}, {"26", unpaid}} {
		for _, p := range one.of {
			calls = append(calls, asked{one.event + " without " + p.name, "2", p.name + "：缺少必输参数", push("1", card1, one.event, one.of.without(p.name))})
		}
	}
	for _, value := range []string{"很多", "-1", "3.5", "1234567"} {
		calls = append(calls, asked{"currentNum " + value, "2", "currentNum：", push("1", card1, "16", waiting.with("currentNum", value))})
	}
	for _, value := range []string{"236元", "-1", "1.234", "1e3", ".5", "00236", "00.50"} {
		calls = append(calls, asked{"payAmout " + value, "2", "payAmout：", push("1", card1, "26", unpaid.with("payAmout", value))})
	}
	for _, value := range []string{"0", "10", "诊疗卡"} {
		calls = append(calls, asked{"patCardType " + value, "2", "patCardType：", push("1", card1, "26", unpaid.with("patCardType", value))})
	}
	calls = append(calls,
		asked{"no template", "2", "未配置该事件的消息模板", push("2", n[2], "16", waiting).with("secret", secret2)},
		asked{"unknown card", "1", "987654321", push("1", "987654321", "16", waiting)},
		asked{"unknown order", "1", "9999999999999999999", push("2", "9999999999999999999", "16", waiting)},
		asked{"a card's number as an order's", "1", card1, push("2", card1, "16", waiting)},
		asked{"an outpatient order", "1", n[1], push("2", n[1], "16", waiting)},
		asked{"another hospital's order", "1", n[2], push("2", n[2], "16", waiting)},
		asked{"an order of nobody", "1", n[3], push("2", n[3], "16", waiting)},
		asked{"by card", "0", "", by},
		asked{"by card again", "3", "", by},
		asked{"by order", "0", "", push("2", n[0], "16", waiting)},
		asked{"one further in the queue", "0", "", push("1", card1, "16", waiting.with("currentNum", "002"))},
		asked{"to be paid", "0", "", push("1", card1, "26", unpaid)},
		asked{"to be paid again", "3", "", push("1", card1, "26", unpaid)},
		asked{"to be paid, in yuan and fen", "0", "", push("1", card1, "26", unpaid.with("payAmout", "236.50"))},
	)
	w.codes(g, "msgPush", calls...)

	equal(t, "messages", w.messages("hospital=H001").Count, 5)
	m := w.told(h001, n[0], "16")
	equal(t, "the text", m.Text, "张三您好，您在阳光医院内科刘医生的就诊号是12，前方还有3人，请到门诊楼1203室候诊。")
	equal(t, "whose", m.Patient, "patient1")
	texts := ""
	for _, m := range w.messages("hospital=H001").Results {
		texts += m.Text + "\n"
	}
	contains(t, "the messages", texts, "张三您好，您在阳光医院有一笔检查费-B超待缴费，金额236元。\n")
	contains(t, "the messages", texts, "金额236.50元。\n")
}

// TestEventsReplayCodes has every result code of eventsReplay, and reads on from where it stopped.
func TestEventsReplayCodes(t *testing.T) { everywhere(t, testEventsReplayCodes) }

func testEventsReplayCodes(t *testing.T, w world) {
	g := newGolden(t)
	w.second()
	p := of("secret", secret)
	n := w.take(
		registration("HIS-1").paidBy(1, "2016-08-27 01:00:00"),
		registration("HIS-2").paidBy(1, "2016-08-27 02:00:00"),
	)
	equal(t, "before there is any", w.want("1", "eventsReplay", p).Desc, "未查询到记录")
	w.want("0", "refundGeneral", refundOf(n[0], "R-1", "1"))
	w.back(n[0])
	w.want("0", "stopReg", of("secret", secret, "orderList", n[1]))
	w.back(n[1])
	calls := badSecrets(p)
	calls = append(calls, bad(p, "position", "x", "-1", "1-", "99999999999999999999999")...)
	calls = append(calls, bad(p, "limit", "0", "1001", "x")...)
	calls = append(calls,
		asked{"after the log's end", "2", "position：4000000000，须为前一次应答中的 position，或 0", p.with("position", "4000000000")},
		asked{"another hospital", "1", "未查询到记录", p.with("secret", secret2)},
		asked{"all", "0", "", p},
	)
	w.codes(g, "eventsReplay", calls...)

	var got []string
	position := "0"
	for {
		a := w.call("eventsReplay", p.with("position", position).with("limit", "1"))
		if a.Code == "1" { // after the last
			break
		}
		equal(t, "the code", a.Code, "0")
		equal(t, "rows", len(a.Result.Rows), 1)
		got = append(got, a.Result.Rows[0].shows("eventType", "hisOrderNo", "hisRefundOrderNo"))
		position = a.Result.Rows[0].get("position")
		if len(got) > 10 {
			t.Fatal("it never ends")
		}
	}
	equal(t, "one by one", strings.Join(got, ", "), "RefundOrdered HIS-1 R-1, RefundSucceeded HIS-1 R-1, RegistrationStopped HIS-2 , RefundOrdered HIS-2 , RefundSucceeded HIS-2 ")
}
