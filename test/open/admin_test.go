package open_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestImport takes lines, takes them again, and has each reason why one is refused.
func TestImport(t *testing.T) { everywhere(t, testImport) }

func testImport(t *testing.T, w world) {
	good := registration("HIS-1").paidBy(4, "2016-08-27 01:00:00").and(fields{"agt_trace_no": "T-1"})
	lines := []string{
		good.line(),
		outpatient("HIS-2").paidBy(1, "2016-08-27 02:00:00").line(),
		"", "  \t ",
		good.line(), // 5
		`{"hospital":`,
		`[]`,
		"text",
		good.and(fields{"his_order_no": "HIS-9", "colour": "red"}).line(),
		outpatient("HIS-10").paidBy(1, "2016-08-27 02:00:00").and(fields{"patient": nil}).line(), // 10
		outpatient("HIS-11").paidBy(4, "2016-08-27 02:00:00").and(fields{"patient": nil}).line(),
		outpatient("HIS-12").paidBy(4, "2016-08-27").line(),
		outpatient("HIS-13").paidBy(4, "2016-02-30 00:00:00").line(),
		outpatient("HIS-14").paidBy(4, "1216-02-20 00:00:00").line(),
		outpatient("HIS-15").paidBy(4, "2016-08-27 02:00:00").and(fields{"pay_time": nil}).line(), // 15
		outpatient("HIS-16").paidBy(6, "2016-08-27 02:00:00").line(),
		outpatient("HIS-17").paidBy(4, "2016-08-27 02:00:00").and(fields{"agt_order_no": nil}).line(),
		outpatient("HIS-18").paidBy(4, "2016-08-27 02:00:00").and(fields{"agt_trace_no": "T 18"}).line(),
		outpatient("HIS-19").paidBy(4, "2016-08-27 02:00:00").and(fields{"patient": "nobody"}).line(),
		outpatient("HIS-20").paidBy(4, "2016-08-27 02:00:00").and(fields{"hospital": "H009"}).line(), // 20
		outpatient("HIS-21").paidBy(4, "2016-08-27 02:00:00").and(fields{"amount": -1}).line(),
		good.and(fields{"amount": 601}).line(),
		good.and(fields{"pay_time": "2016-08-27 01:00:01"}).line(),
		good.and(fields{"agt_trace_no": "T-2"}).line(),
		good.and(fields{"patient": "patient2"}).line(), // 25
	}
	// Lines are taken at the same time: those that are there twice are not to be in the first request.
	first := w.imports("\ufeff" + strings.Join(lines[:2], "\r\n"))
	equal(t, "taken at first", first.Taken, 2)
	done := w.imports(strings.Join(lines, "\n"))
	equal(t, "taken", done.Taken, 1) // line 11
	equal(t, "repeated", done.Repeated, 3)
	var refused []string
	for _, r := range done.Refused {
		refused = append(refused, fmt.Sprintf("%d: %s", r.Line, r.Why))
	}
	newGolden(t).check("import", strings.Join(refused, "\n")+"\n")
	equal(t, "refused", len(refused), 19)
	for i, r := range done.Refused {
		equal(t, "the line", r.Line, i+6+min(1, max(0, i-4))) // 6 to 10, 12 to 25
	}

	// A line that is there many times is taken once.
	many := w.imports(strings.Repeat(deposit("HIS-40").paidBy(3, "2016-08-28 01:00:00").line()+"\n", 50))
	equal(t, "one of fifty", fmt.Sprint(many.Taken, many.Repeated, len(many.Refused)), "1 49 0")

	rows := w.trades(secret, "2016-08-27 00:00:00", "2016-08-27 23:59:59")
	equal(t, "rows", len(rows), 3)
	equal(t, "the first", rows[0].shows("tradeTime", "orderMode", "tradeMode", "hisOrderNo", "agtOrderNo", "agtTraceNo", "payTotalFee", "tradeType"),
		"2016-08-27 01:00:00 1 4 HIS-1 agt-HIS-1 T-1 600 1")
	if number := rows[0].get("orderNo"); !strings.HasPrefix(number, "101120160827") {
		t.Errorf("the number %s has not the payment's day", number)
	}
	equal(t, "the patient's", w.list(w.patient1(), "status=1").Count, 3)
	equal(t, "an empty file", w.imports("").Taken, 0)
	long := outpatient("HIS-30").and(fields{"branch": strings.Repeat("x", 64<<10)}).paidBy(4, "2016-08-27 02:00:00").line()
	w.admin().Send("POST", "/admin/hospital-orders/import", orderdtest.Body{Type: "text/plain", Data: long}).Want(t, http.StatusRequestEntityTooLarge)
	for token, status := range map[string]int{"": http.StatusUnauthorized, orderdtest.Patient1: http.StatusForbidden} {
		w.As(token).Send("POST", "/admin/hospital-orders/import", orderdtest.Body{Type: "text/plain", Data: lines[0]}).Want(t, status)
	}
}

// TestImportOfMany streams a long file, and its rows.
func TestImportOfMany(t *testing.T) {
	t.Parallel()
	w := demo(t)
	const n = manyLines
	var b strings.Builder
	for i := range n {
		o := outpatient(fmt.Sprintf("HIS-%05d", i)).paidBy(2+i%4, fmt.Sprintf("2016-08-27 %02d:%02d:%02d", i/3600, i/60%60, i%60))
		b.WriteString(o.and(fields{"patient": nil, "amount": i + 1}).line() + "\n")
	}
	var done imported
	r := w.admin().Send("POST", "/admin/hospital-orders/import", orderdtest.Body{Type: "application/x-ndjson", Data: b.String(), Chunked: true})
	r.Want(t, http.StatusOK).Into(t, &done)
	equal(t, "taken", fmt.Sprintf("%+v", done), fmt.Sprintf("{Taken:%d Repeated:0 Refused:[] Untold:0}", n))
	whole := of("secret", secret, "tradeMode", "0", "startTime", "2016-08-27 00:00:00", "endTime", "2016-08-27 23:59:59")
	reply := w.post(utf8, arg0("ordersQuery", whole)).Want(t, http.StatusOK)
	equal(t, "a streamed reply's Content-Length", reply.Length, -1)
	rows := w.read(reply).Result.Rows
	equal(t, "rows", len(rows), n)
	numbers := map[string]bool{}
	for i, row := range rows {
		if row.shows("hisOrderNo", "payTotalFee") != fmt.Sprintf("HIS-%05d %d", i, i+1) {
			t.Fatalf("row %d is %s", i, row.shows("hisOrderNo", "payTotalFee", "tradeTime"))
		}
		numbers[row.get("orderNo")] = true
	}
	equal(t, "numbers", len(numbers), n)
	inJSON := w.post(utf8, strings.Replace(arg0("ordersQuery", whole), "<responseType>0", "<responseType>1", 1)).Want(t, http.StatusOK)
	var decoded struct {
		ResultCode string
		Result     struct{ Item []map[string]string }
	}
	if err := json.Unmarshal([]byte(inJSON.Body), &decoded); err != nil {
		t.Fatal(err)
	}
	equal(t, "rows in JSON", len(decoded.Result.Item), n)
	// The same lines again, a part of them.
	again := w.imports(b.String()[:strings.Index(b.String(), "HIS-00500")-len(`{"agt_order_no":"agt-`)])
	equal(t, "repeated", fmt.Sprintf("%d %d %d", again.Taken, again.Repeated, len(again.Refused)), "0 500 0")
}

type hospital struct {
	Code, Name          string
	Branches, Templates map[string]string
	ItemTag             string `json:"item_tag"`
	Secret              string
}

// TestAdminHospitals makes a hospital and changes it.
func TestAdminHospitals(t *testing.T) { everywhere(t, testAdminHospitals) }

func testAdminHospitals(t *testing.T, w world) {
	admin := w.admin().With("Accept-Language", "en")
	const all, one = "/admin/hospitals/", "/admin/hospitals/H003/"
	var h hospital
	r := admin.Send("POST", all, body(fields{"code": "H003", "name": "第三医院", "branches": map[string]string{"B1": "东院"}})).Want(t, http.StatusCreated)
	r.Into(t, &h)
	if !regexp.MustCompile(`^[!-~]{16,128}$`).MatchString(h.Secret) {
		t.Fatalf("the secret is %q", h.Secret)
	}
	equal(t, "item_tag", h.ItemTag, "item")
	equal(t, "the branch", h.Branches["B1"], "东院")
	equal(t, "templates", len(h.Templates), 0)
	var shownAgain hospital
	admin.Get(one).Want(t, http.StatusOK).Into(t, &shownAgain)
	equal(t, "the secret, shown again", shownAgain.Secret, "")

	// The secret works.
	order3 := registration("HIS-1").and(fields{"hospital": "H003", "branch": "B1"}).paidBy(4, "2016-08-27 01:00:00")
	equal(t, "taken", w.imports(order3.line()).Taken, 1)
	query := of("secret", h.Secret, "tradeMode", "0", "startTime", "2016-08-27 00:00:00", "endTime", "2016-08-27 23:59:59")
	rows := w.want("0", "ordersQuery", query).Result.Rows
	equal(t, "the row", rows[0].XMLName.Local+" "+rows[0].get("hisOrderNo"), "item HIS-1")
	equal(t, "the other hospital's", w.call("ordersQuery", query.with("secret", secret)).Code, "1")

	// The tag of rows.
	patch := func(f fields) hospital {
		t.Helper()
		var changed hospital
		admin.Send("PATCH", one, body(f)).Want(t, http.StatusOK).Into(t, &changed)
		return changed
	}
	equal(t, "item_tag", patch(fields{"item_tag": "orderRecord"}).ItemTag, "orderRecord")
	equal(t, "the row's tag", w.want("0", "ordersQuery", query).Result.Rows[0].XMLName.Local, "orderRecord")
	visits := of("secret", h.Secret, "hospitalCode", "H003", "regType", "0", "tradeMode", "0", "startDate", "2016-09-01", "endDate", "2016-09-01")
	equal(t, "a visit's tag", w.want("0", "regOrdersQuery", visits).Result.Rows[0].shows("branchName"), "东院")
	inJSON := w.post(utf8, strings.Replace(arg0("ordersQuery", query), "<responseType>0", "<responseType>1", 1))
	contains(t, "in JSON", inJSON.Body, `"result":{"orderRecord":[{`)
	equal(t, "a new branch name", patch(fields{"branches": map[string]string{"B1": "西院"}}).Branches["B1"], "西院")
	equal(t, "the branch's new name", w.want("0", "regOrdersQuery", visits).Result.Rows[0].get("branchName"), "西院")

	// Templates: one that is refused, one that is used, none.
	for template, why := range map[string]string{
		`{patName}，{payAmout}元`: `payAmout`, // is of another event
		`{PatName}您好`:           `PatName`,
		`{}您好`:                  `no parameter`,
	} {
		r := admin.Send("PATCH", one, body(fields{"templates": map[string]string{"16": template}})).Want(t, http.StatusBadRequest)
		contains(t, template, r.Body, `{"templates":`)
		contains(t, template, r.Body, why)
	}
	contains(t, "an unknown event", admin.Send("PATCH", one, body(fields{"templates": map[string]string{"17": "x"}})).Want(t, http.StatusBadRequest).Body, "17")
	number := rows[0].get("orderNo")
	push := func(current string) params {
		of16 := of("patName", "张三", "patCardNo", card1, "serialNum", "12", "currentNum", current, "deptName", "内科", "doctorName", "{patName}",
			"hisOrderNo", "1", "hospitalName", "第三医院", "visitLocation", "1203室")
		return params{{"secret", h.Secret}, {"voucherType", "2"}, {"voucherCode", number}, {"eventCode", "16"}, {"eventParams", of16.text()}}
	}
	w.want("2", "msgPush", push("1"))
	patch(fields{"templates": map[string]string{"16": "{patName}: {doctorName} {currentNum}"}})
	w.want("0", "msgPush", push("1"))
	equal(t, "the message", w.told("H003", number, "16").Text, "张三: {patName} 1")
	equal(t, "without it again", len(patch(fields{"templates": map[string]string{"16": ""}}).Templates), 0)
	w.want("2", "msgPush", push("2"))

	// A new secret voids the one before; nobody else may have it.
	renewed := patch(fields{"secret": ""}).Secret
	if renewed == h.Secret || renewed == "" {
		t.Fatalf("the new secret is %q", renewed)
	}
	w.want("-1", "ordersQuery", query)
	w.want("0", "ordersQuery", query.with("secret", renewed))
	const chosen = "a-secret-that-somebody-chose"
	equal(t, "a chosen one", patch(fields{"secret": chosen}).Secret, chosen)
	w.want("-1", "ordersQuery", query.with("secret", renewed))
	w.want("0", "ordersQuery", query.with("secret", chosen))
	for _, bad := range []string{"short", "with a space in it", strings.Repeat("x", 129), "密钥密钥密钥密钥密钥密钥密钥密钥"} {
		contains(t, bad, admin.Send("PATCH", one, body(fields{"secret": bad})).Want(t, http.StatusBadRequest).Body, `{"secret":["`)
	}
	contains(t, "another's", admin.Send("PATCH", "/admin/hospitals/H001/", body(fields{"secret": chosen})).Want(t, http.StatusBadRequest).Body, `{"secret":["`)
	w.want("0", "ordersQuery", query.with("secret", chosen))

	for _, c := range []struct {
		f     fields
		field string
	}{
		{fields{"code": "H003", "name": "x"}, "code"},
		{fields{"code": "H 4", "name": "x"}, "code"},
		{fields{"code": "", "name": "x"}, "code"},
		{fields{"name": "x"}, "code"},
		{fields{"code": "H004"}, "name"},
		{fields{"code": "H004", "name": " "}, "name"},
		{fields{"code": "H004", "name": "x", "item_tag": "1item"}, "item_tag"},
		{fields{"code": "H004", "name": "x", "item_tag": "a b"}, "item_tag"},
		{fields{"code": "H004", "name": "x", "branches": map[string]string{"B 1": "x"}}, "branches"},
		{fields{"code": "H004", "name": "x", "branches": map[string]string{"B1": ""}}, "branches"},
		{fields{"code": "H004", "name": "x", "templates": map[string]string{"16": "{x}"}}, "templates"},
		{fields{"code": "H004", "name": "x", "secret": "short"}, "secret"},
		{fields{"code": "H004", "name": "x", "secret": chosen}, "secret"},
		{fields{"code": "H004", "name": "x", "secret": renewed}, "secret"}, // a secret is one hospital's, for ever
	} {
		r := admin.Send("POST", all, body(c.f))
		if r.Status != http.StatusBadRequest || !strings.HasPrefix(r.Body, `{"`+c.field+`":`) {
			t.Errorf("%s: %d %s", c.f.line(), r.Status, r.Body)
		}
	}
	admin.Get("/admin/hospitals/H004/").Want(t, http.StatusNotFound) // nothing was made of those
	admin.Send("PATCH", "/admin/hospitals/H004/", body(fields{"name": "x"})).Want(t, http.StatusNotFound)
	var listed struct {
		Count   int
		Results []hospital
	}
	list := admin.Get(all).Want(t, http.StatusOK)
	list.Into(t, &listed)
	equal(t, "hospitals", listed.Count, 2)
	equal(t, "by code", listed.Results[0].Code+" "+listed.Results[1].Code, "H001 H003")
	w.patient1().Get(all).Want(t, http.StatusForbidden)
	w.nobody().Get(one).Want(t, http.StatusUnauthorized)
	for _, secret := range []string{h.Secret, renewed, chosen} {
		if strings.Contains(w.Log()+list.Body, secret) {
			t.Error("a secret is told")
		}
	}
}

// TestARefusedHospitalChangesNothing names a secret that another has, and takes none for what is refused.
func TestARefusedHospitalChangesNothing(t *testing.T) {
	everywhere(t, testARefusedHospitalChangesNothing)
}

func testARefusedHospitalChangesNothing(t *testing.T, w world) {
	const all, one, two, free = "/admin/hospitals/", "/admin/hospitals/H001/", "/admin/hospitals/H002/", "a-secret-that-is-free"
	const taken = `{"secret":["The secret is taken: it is, or once was, another hospital's."]}`
	admin := w.admin().With("Accept-Language", "en")
	w.second()
	admin.Send("PATCH", two, body(fields{"secret": "another-secret-of-hospital-two"})).Want(t, http.StatusOK)
	before := admin.Get(one).Want(t, http.StatusOK).Body
	for _, secret := range []string{secret2, "another-secret-of-hospital-two"} {
		change := fields{"name": "x", "item_tag": "x", "branches": fields{}, "webhook_url": "http://127.0.0.1:9/", "webhook_secret": secret, "secret": secret}
		equal(t, "another's", admin.Send("PATCH", one, body(change)).Want(t, http.StatusBadRequest).Body, taken)
		equal(t, "a new one with another's", admin.Send("POST", all, body(change.and(fields{"code": "H003"}))).Want(t, http.StatusBadRequest).Body, taken)
	}
	equal(t, "after what was refused", admin.Get(one).Body, before)
	admin.Get("/admin/hospitals/H003/").Want(t, http.StatusNotFound)

	for path, change := range map[string]fields{one: {"name": " "}, two: {"item_tag": "1x"}, "/admin/hospitals/H003/": {"name": "x"}} {
		if r := admin.Send("PATCH", path, body(change.and(fields{"secret": free}))); r.Status < 400 || strings.Contains(r.Body, "secret") {
			t.Errorf("%s: %d %s", r.Request, r.Status, r.Body)
		}
	}
	contains(t, "a code that is taken", admin.Send("POST", all, body(fields{"code": "H001", "name": "x", "secret": free})).Want(t, http.StatusBadRequest).Body, `{"code":["`)
	admin.Send("POST", all, body(fields{"code": "H003", "name": "x", "secret": free})).Want(t, http.StatusCreated)
}

// TestNothingIsPushedToAnErasedPatient: the hospital is told so, what was pushed before is not shown any more, and money
// goes back all the same, without a message.
func TestNothingIsPushedToAnErasedPatient(t *testing.T) {
	t.Parallel()
	w := demo(t)
	of26 := of("patName", "secret-name", "patCardNo", card1, "patCardType", "3", "payType", "西药", "payAmout", "8", "hospitalName", "阳光医院")
	push := params{{"secret", secret}, {"voucherType", "1"}, {"voucherCode", card1}, {"eventCode", "26"}, {"eventParams", of26.text()}}
	w.want("0", "msgPush", push)
	equal(t, "the name", w.told(h001, card1, "26").Params["patName"], "secret-name")
	w.admin().Send("PUT", "/admin/users/patient1/privacy/", body(fields{"standing": "erased", "why": "w"})).Want(t, http.StatusOK)

	refused := w.want("2", "msgPush", push.with("eventParams", of26.with("payAmout", "9").text()))
	contains(t, "the refusal", refused.Desc, "该患者的数据已删除或已限制处理，不能推送消息")
	shown := w.admin().Get("/admin/messages/?hospital="+h001).Want(t, http.StatusOK).Body
	contains(t, "the message", shown, `"params":null,"text":null`)
	contains(t, "the message", shown, `"erased":true`)
	if strings.Contains(shown, "secret-name") {
		t.Errorf("told: %s", shown)
	}
}

// TestCards binds cards, calls their patients, and takes them away.
func TestCards(t *testing.T) { everywhere(t, testCards) }

func testCards(t *testing.T, w world) {
	const cards = "/admin/hospitals/H001/cards/"
	of26 := of("patName", "李四", "patCardNo", "777", "patCardType", "3", "payType", "西药", "payAmout", "8", "hospitalName", "阳光医院")
	push := params{{"secret", secret}, {"voucherType", "1"}, {"voucherCode", "777"}, {"eventCode", "26"}, {"eventParams", of26.text()}}
	w.want("1", "msgPush", push)
	bind := func(kind int, patient string) orderdtest.Reply {
		return w.admin().Send("POST", cards, body(fields{"card_type": kind, "card_no": "777", "patient": patient}))
	}
	bind(1, "patient2").Want(t, http.StatusCreated) // 市民卡
	w.want("1", "msgPush", push)                    // which is no 诊疗卡
	equal(t, "bound", bind(3, "patient2").Want(t, http.StatusCreated).Body, `{"card_type":3,"card_no":"777","patient":"patient2"}`)
	w.want("0", "msgPush", push)
	m := w.told(h001, "777", "26")
	equal(t, "whose", m.Patient, "patient2")
	equal(t, "the text", m.Text, "李四您好，您在阳光医院有一笔西药待缴费，金额8元。")
	equal(t, "the parameter", m.Params["payAmout"], "8")

	for _, c := range []struct {
		f     fields
		field string
	}{
		{fields{"card_type": 0, "card_no": "1", "patient": "patient1"}, "card_type"},
		{fields{"card_type": 10, "card_no": "1", "patient": "patient1"}, "card_type"},
		{fields{"card_type": 3, "card_no": "1 2", "patient": "patient1"}, "card_no"},
		{fields{"card_type": 3, "card_no": "1\u30002", "patient": "patient1"}, "card_no"},
		{fields{"card_type": 3, "patient": "patient1"}, "card_no"},
		{fields{"card_type": 3, "card_no": "1", "patient": "nobody"}, "patient"},
		{fields{"card_type": 3, "card_no": "1"}, "patient"},
		{fields{"card_type": 3, "card_no": "777", "patient": "patient1"}, "card_no"}, // patient2's
	} {
		contains(t, c.f.line(), w.admin().Send("POST", cards, body(c.f)).Want(t, http.StatusBadRequest).Body, `{"`+c.field+`":["`)
	}
	var listed struct {
		Count   int
		Results []struct {
			CardType int    `json:"card_type"`
			CardNo   string `json:"card_no"`
			Patient  string
		}
	}
	w.admin().Get(cards).Want(t, http.StatusOK).Into(t, &listed)
	equal(t, "cards", listed.Count, 3)
	w.admin().Send("DELETE", cards+"3/777/").Want(t, http.StatusNoContent)
	w.want("1", "msgPush", push.with("eventParams", of26.with("payAmout", "9").text()))
	w.admin().Get(cards).Want(t, http.StatusOK).Into(t, &listed)
	equal(t, "cards left", listed.Count, 2)
	for number, path := range map[string]string{"C/1": "C%2F1/", "C/2": "C/2", "C/3/": "C%2F3%2F/", "/4": "/4/"} {
		w.admin().Send("POST", cards, body(fields{"card_type": 3, "card_no": number, "patient": "patient1"})).Want(t, http.StatusCreated)
		w.admin().Send("DELETE", cards+"3/"+path).Want(t, http.StatusNoContent)
	}
	w.admin().Send("DELETE", cards+"x/777/").Want(t, http.StatusNotFound)
	w.admin().Send("DELETE", cards+"3/776/").Want(t, http.StatusNotFound)
	w.admin().Get("/admin/hospitals/H009/cards/").Want(t, http.StatusNotFound)
	w.patient1().Get(cards).Want(t, http.StatusForbidden)
}

// TestMessages reads what patients were told.
func TestMessages(t *testing.T) { everywhere(t, testMessages) }

func testMessages(t *testing.T, w world) {
	n := w.take(registration("HIS-1").paidBy(4, "2016-08-27 01:00:00"), outpatient("HIS-2").paidBy(4, "2016-08-27 02:00:00"),
		outpatient("HIS-3").paidBy(4, "2016-08-27 03:00:00"))
	w.want("0", "refundGeneral", refundOf(n[1], "R-2", "2"))
	w.want("0", "refundGeneral", refundOf(n[2], "R-3", "2").with("pushMsg", "2"))
	w.want("0", "stopReg", of("secret", secret, "orderList", n[0]))
	stopped, refunded := w.told(h001, n[0], "stop"), w.told(h001, n[1], "refund")
	equal(t, "the stop", stopped.Text, "阳光医院：您预约的 2016-09-01 内科 刘医生 已停诊，订单 "+n[0]+" 的费用 6.00 元将原路退回。")
	equal(t, "the refund", refunded.Text, "阳光医院：您的订单 "+n[1]+" 的退费 6.00 元已受理，将原路退回，原因：患者退号。")
	for _, m := range []message{stopped, refunded} {
		equal(t, "its patient", m.Patient, "patient1")
		equal(t, "its hospital", m.Hospital, h001)
		if m.SendTime == nil || m.Why != "" {
			t.Errorf("the message is %+v", m)
		}
	}
	for query, want := range map[string]int{"": 2, "hospital=H001": 2, "hospital=H002": 0, "status=sent": 2, "status=parked": 0, "status=queued": 0, "hospital=H001&status=sent": 2} {
		equal(t, "?"+query, w.messages(query).Count, want)
	}
	contains(t, "an unknown status", w.admin().Get("/admin/messages/?status=lost").Want(t, http.StatusBadRequest).Body, `{"status":["`)
	w.patient1().Get("/admin/messages/").Want(t, http.StatusForbidden)
	contains(t, "one that is sent", w.admin().Send("POST", "/admin/messages/"+stopped.ID+"/retry/").Want(t, http.StatusBadRequest).Body, "sent, not parked")
	w.admin().Send("POST", "/admin/messages/2d0a3b1e-7c54-4a6f-9d3a-5a0b7f6e9c44/retry/").Want(t, http.StatusNotFound)
	w.admin().Send("POST", "/admin/messages/x/retry/").Want(t, http.StatusNotFound)
	// A refund that nobody is to be told of, and a patient who has been told, are not told later either.
	w.Stop()
	w.Start()
	equal(t, "messages after a restart", w.messages("").Count, 2)
	w.want("3", "refundGeneral", refundOf(n[1], "R-2", "2"))
}
