package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// picture is all that the parties of an order can see of it, for comparing before and after.
func picture(t *testing.T, s *orderdtest.Server, number string) string {
	t.Helper()
	var b strings.Builder
	for _, token := range []string{patient1, doctor1} {
		fmt.Fprintln(&b, s.As(token).Get(path("detail", number)).Body)
	}
	for _, list := range []string{"patient/list/", "patient/list/qa/", "filter/?status=0"} {
		fmt.Fprintln(&b, s.As(patient1).Get("/qaorder/order/"+list).Body)
	}
	fmt.Fprintln(&b, s.As(doctor1).Get("/qaorder/user/doctor1/").Body, balance(t, s, "patient1"), balance(t, s, "patient2"))
	return b.String()
}

// TestBadBodiesChangeNothing sends to every call that changes an order what it cannot take.
func TestBadBodiesChangeNothing(t *testing.T) {
	long := strings.Repeat("长", 10001)
	bodies := []struct {
		name   string
		body   orderdtest.Body
		status int
	}{
		{"nothing", orderdtest.Body{}, 400},
		{"an empty object", jsonBody(`{}`), 400},
		{"no JSON", jsonBody(`{"a":`), 400},
		{"a number", jsonBody(`1`), 400},
		{"a text", jsonBody(`"x"`), 400},
		{"null", jsonBody(`null`), 400},
		{"a list", jsonBody(`[]`), 400},
		{"two values", jsonBody(`{} {}`), 400},
		{"NaN", jsonBody(`{"scores":NaN}`), 400},
		{"bad UTF-8", jsonBody("{\"doctor\":\"\xff\xfe\"}"), 400},
		{"bad UTF-8 in a form", form("doctor=%ff%fe&content=%ff&channel=%ff&condition_description=%ff"), 400},
		{"a lone surrogate", jsonBody(`{"doctor":"\ud800"}`), 400},
		{"NUL", jsonBody(`{"doctor":"a\u0000b","order_type":"on\u0000line","channel":"balance\u0000","order":"\u0000","condition_description":"\u0000x","question":"\u0000","diagnosis_result":"\u0000x","scores":5,"content":"\u0000x"}`), 400},
		{"a raw NUL", jsonBody("{\"doctor\":\"a\x00b\"}"), 400},
		{"deep lists", jsonBody(`{"doctor":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`), 400},
		{"deep objects", jsonBody(strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000)), 400},
		{"objects for all", jsonBody(`{"doctor":{},"order_type":{},"channel":{},"order":{},"condition_description":{},"question":{},"diagnosis_result":{},"scores":{},"content":{}}`), 400},
		{"lists for all", jsonBody(`{"doctor":[],"order_type":[],"channel":[],"order":[],"condition_description":[],"question":[],"diagnosis_result":[],"scores":[],"content":[]}`), 400},
		{"booleans for all", jsonBody(`{"doctor":true,"order_type":true,"channel":true,"order":true,"condition_description":true,"question":true,"diagnosis_result":true,"scores":true,"content":true}`), 400},
		{"huge numbers for all", jsonBody(`{"doctor":1e999,"order_type":1e999,"channel":1e999,"order":1e999,"condition_description":1e999,"question":1e999,"diagnosis_result":1e999,"scores":1e999,"content":1e999}`), 400},
		{"half a star", jsonBody(`{"scores":4.5,"content":"x","channel":1,"doctor":1,"order_type":2,"order":3,"question":1.5}`), 400},
		{"too long texts", jsonBody(`{"scores":5,"content":"` + long + `","condition_description":"` + long + `","diagnosis_result":"` + long + `","question":1,"order":"x","doctor":"` + long + `"}`), 400},
		{"another type", orderdtest.Body{Type: "application/xml", Data: "<a/>"}, 415},
		{"no type", orderdtest.Body{Type: "nonsense", Data: "a=b"}, 415},
		{"a multipart form without an end", orderdtest.Body{Type: "multipart/form-data; boundary=x", Data: "--x\r\nContent-Disposition: form-data; name=\"channel\"\r\n\r\nbal"}, 400},
		{"10 MB", jsonBody(`{"doctor":"` + strings.Repeat("a", 10<<20) + `"}`), 413},
		{"10 MB in chunks", orderdtest.Body{Type: "application/json", Data: `{"doctor":"` + strings.Repeat("a", 10<<20) + `"}`, Chunked: true}, 413},
		{"one byte too much", form(strings.Repeat("a", 1<<20+1)), 413},
	}
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		o := placed(t, server, unpaid)
		for _, call := range []struct{ token, method, path string }{
			{patient1, "POST", "/qaorder/order/create/"},
			{patient1, "PATCH", path("pay", o.OrderNumber)},
			{patient1, "POST", "/qaorder/question/create/"},
			{doctor1, "POST", "/qaorder/answer/create/"},
			{patient1, "PUT", path("evaluate", o.OrderNumber)},
		} {
			before := picture(t, server, o.OrderNumber)
			for _, b := range bodies {
				var r orderdtest.Reply
				if b.body.Type == "" {
					r = server.As(call.token).Send(call.method, call.path)
				} else {
					r = server.As(call.token).Send(call.method, call.path, b.body)
				}
				if r.Status != b.status || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s with %s: %d %.200s %v, want %d", r.Request, b.name, r.Status, r.Body, r.Err, b.status)
				}
			}
			if after := picture(t, server, o.OrderNumber); after != before {
				t.Errorf("%s %s: bad bodies have changed\n%s\nto\n%s", call.method, call.path, before, after)
			}
		}
		if strings.Contains(server.Log(), "panic") {
			t.Error("a request panicked")
		}
	})
}

// TestFilesOfAQuestion names files in both ways, which have the same limits.
func TestFilesOfAQuestion(t *testing.T) {
	long := strings.Repeat("长", 1001)
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		ask := func(number, files string) orderdtest.Reply {
			return server.As(patient1).Send("POST", "/qaorder/question/create/", jsonBody(`{"order":"`+number+`","condition_description":"x",`+files+`}`))
		}
		o := placed(t, server, paid)
		for files, want := range map[string]string{
			`"file_list":["` + strings.Repeat(`a","`, 50) + `a"]`: `{"file_list":["Ensure this field has no more than 50 elements."]}`,
			`"desc_files":"` + strings.Repeat("a,", 50) + `a"`:    `{"desc_files":["Ensure this field has no more than 50 elements."]}`,
			`"file_list":["a","` + long + `"]`:                    `{"file_list":{"1":["Ensure this field has no more than 1000 characters."]}}`,
			`"desc_files":"a,` + long + `"`:                       `{"desc_files":{"1":["Ensure this field has no more than 1000 characters."]}}`,
			`"file_list":null,"desc_files":"` + long + `"`:        `{"desc_files":{"0":["Ensure this field has no more than 1000 characters."]}}`,
			`"file_list":["a",""],"desc_files":"b"`:               `{"file_list":{"1":["This field may not be blank."]}}`,
			`"file_list":"a"`:                                     `{"file_list":["Expected a list of items but got type \"str\"."]}`,
			`"desc_files":["a"]`:                                  `{"desc_files":["Not a valid string."]}`,
		} {
			if r := ask(o.OrderNumber, files); r.Status != 400 || r.Body != want {
				t.Errorf("%.60s: %d %s, want %s", files, r.Status, r.Body, want)
			}
		}
		for files, want := range map[string]string{
			`"desc_files":"` + strings.Repeat(" ,", 50_000) + `"`:           `"file_list":[],"desc_files":""`,
			`"desc_files":" http://1.jpg,,http://2.jpg ,"`:                  `"file_list":["http://1.jpg","http://2.jpg"],"desc_files":"http://1.jpg,http://2.jpg"`,
			`"file_list":null,"desc_files":"a"`:                             `"file_list":["a"],"desc_files":"a"`,
			`"file_list":[],"desc_files":"a"`:                               `"file_list":["a"],"desc_files":"a"`,
			`"file_list":["b"],"desc_files":"a"`:                            `"file_list":["b"],"desc_files":"b"`,
			`"desc_files":null`:                                             `"file_list":[],"desc_files":""`,
			`"file_list":["` + strings.Repeat(`a","`, 49) + long[3:] + `"]`: `"desc_files":"` + strings.Repeat("a,", 49) + "长",
			`"desc_files":"` + strings.Repeat("a,", 49) + long[3:] + `"`:    `"desc_files":"` + strings.Repeat("a,", 49) + "长",
		} {
			mustContain(t, ask(placed(t, server, paid).OrderNumber, files).Want(t, 201), want)
		}
	})
}

// TestTheLongestAnswer names as many of the longest tags and drugs as it may, and is kept, as is its reply for its key.
func TestTheLongestAnswer(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	doctor, long := server.As(doctor1), strings.Repeat("痛", 500)
	var tags, drugs []string
	made := func(what, fields string) string {
		var e struct{ PK int64 }
		doctor.Send("POST", "/qaorder/"+what+"/create/", jsonBody(fields)).Want(t, http.StatusCreated).Into(t, &e)
		return strconv.FormatInt(e.PK, 10)
	}
	for range 50 {
		tags = append(tags, made("tag", `{"name":"`+long[:300]+`","description":"`+long+`"}`))
		drugs = append(drugs, made("drug", `{"name":"`+long[:300]+`","standard":"`+long[:600]+`","total_dosage":"`+long[:600]+
			`","each_dosage":"`+long[:600]+`","day_times":"`+long[:600]+`"}`))
	}
	doctor.Send("POST", "/qaorder/tag/create/", jsonBody(`{"name":"x","description":"`+long+`痛"}`)).Want(t, http.StatusBadRequest)
	o := placed(t, server, asked)
	text := strings.Repeat("痛", 10000)
	keyed(doctor, "longest").Send("POST", "/qaorder/answer/create/", jsonBody(fmt.Sprintf(
		`{"question":%d,"diagnosis_tag":[%s],"drug":[%s],"diagnosis_result":"%s","extra_suggestion":"%[4]s"}`,
		o.Question.PK, strings.Join(tags, ","), strings.Join(drugs, ","), text))).Want(t, http.StatusCreated)
	keyed(server.As(patient1), "finish").Send("PUT", path("finish", o.OrderNumber)).Want(t, http.StatusOK)
}

// TestBadPaths asks for what no path names.
func TestBadPaths(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for _, number := range []string{
			"1", "abc", strings.Repeat("9", 26), strings.Repeat("9", 27), "-1", "%00", "%ff", "..", "%2e%2e", "%2F", "*", "12257268238541425696240003%00",
			"122572682385414256962400%EF%BC%93", strings.Repeat("a", 4000), "qaorder-12257268238541425696240003", "%20", "12257268238541425696240003%20",
		} {
			for _, call := range []struct{ method, path, body string }{
				{"GET", "detail", ""}, {"DELETE", "destroy", ""}, {"PUT", "cancel", ""}, {"PUT", "finish", ""}, {"PUT", "refund", ""},
				{"PATCH", "pay", "channel=balance"}, {"PUT", "evaluate", "scores=5&content=x"},
			} {
				r := server.As(patient1).Send(call.method, path(call.path, number), form(call.body))
				if r.Status != 404 && r.Status != 301 {
					t.Errorf("%s: %d %s %v", r.Request, r.Status, r.Body, r.Err)
				}
				keyed := server.As(patient1).With("Idempotency-Key", "k-"+call.path+number[:1])
				if r := keyed.Send(call.method, path(call.path, number), form(call.body)); r.Status >= 500 {
					t.Errorf("%s with a key: %d %s %v", r.Request, r.Status, r.Body, r.Err)
				}
			}
		}
		for _, get := range []string{
			"/qaorder/patient/inquiry/record/abc/", "/qaorder/patient/inquiry/record/0/", "/qaorder/patient/inquiry/record/-3/",
			"/qaorder/patient/inquiry/record/99999999999999999999/", "/qaorder/user/%00/", "/qaorder/user/%ff/", "/qaorder/user/" + strings.Repeat("a", 3000) + "/",
			"/qaorder/order/Patient/list/", "/qaorder/order/patient%00/list/",
		} {
			server.As(patient1).Get(get).Want(t, 404)
		}
		for get, status := range map[string]int{
			"/qaorder/order/patient/list/?status=%00": 400, "/qaorder/order/patient/list/?status=-1": 400, "/qaorder/order/patient/list/?status=1.0": 200,
			"/qaorder/order/patient/list/?status=": 200, "/qaorder/order/patient/list/?status=%ff": 400, "/qaorder/order/patient/newone/?username=%00": 400,
			"/qaorder/order/patient/newone/?username=%ff": 404, "/qaorder/order/patient/newone/?username=../x": 404,
			"/qaorder/order/patient/newone/?username=" + strings.Repeat("a", 151): 400, "/qaorder/order/patient/list/?%zz": 200, "/qaorder/order/patient/list/?a;b": 200,
		} {
			server.As(patient1).Get(get).Want(t, status)
		}
	})
}

// TestBrokenRequests writes what no client library would.
func TestBrokenRequests(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	for text, want := range map[string]string{
		"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n":          "400",
		"GET / HTTP/1.1\r\n\r\n":                        "400", // no Host
		"NONSENSE\r\n\r\n":                              "400",
		"GET /livez HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n": "400",
		"GET /livez HTTP/1.0\r\n\r\n":                   "200",
		"POST /user/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef":                               "400",
		"POST /user/login/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n":         "400",
		"POST /user/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}": "400",
	} {
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if _, code, _ := strings.Cut(line, " "); err != nil || !strings.HasPrefix(code, want) {
			t.Errorf("%q: %q %v, want %s", text, line, err, want)
		}
		conn.Close()
	}
}

// TestOtherPeoplesOrders has everybody who is no party try every call on an order.
func TestOtherPeoplesOrders(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for status := unpaid; status <= cancelled; status++ {
			o := placed(t, server, status)
			before := picture(t, server, o.OrderNumber)
			for _, stranger := range []string{patient2, doctor2} {
				c := server.As(stranger)
				c.Get(path("detail", o.OrderNumber)).Want(t, 404)
				c.Send("DELETE", path("destroy", o.OrderNumber)).Want(t, 404)
				c.Get(path("destroy", o.OrderNumber)).Want(t, 404)
				c.Send("PUT", path("cancel", o.OrderNumber)).Want(t, 404)
				c.Get(path("finish", o.OrderNumber)).Want(t, 404)
				c.Send("PUT", path("refund", o.OrderNumber)).Want(t, 404)
				c.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance")).Want(t, 404)
				c.Send("PUT", path("evaluate", o.OrderNumber), form("scores=1&content=x")).Want(t, 404)
				mustContain(t, c.Send("POST", "/qaorder/question/create/", question(o.OrderNumber)).Want(t, 400), "does not exist")
				if o.Question != nil {
					mustContain(t, c.Send("POST", "/qaorder/answer/create/", answer(o.Question.PK)).Want(t, 400), "does not exist")
				}
			}
			d := server.As(doctor1)
			d.Send("PUT", path("cancel", o.OrderNumber)).Want(t, 403)
			d.Send("PUT", path("finish", o.OrderNumber)).Want(t, 403)
			d.Send("PUT", path("refund", o.OrderNumber)).Want(t, 403)
			d.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance")).Want(t, 403)
			d.Send("PUT", path("evaluate", o.OrderNumber), form("scores=1&content=x")).Want(t, 403)
			d.Send("POST", "/qaorder/question/create/", question(o.OrderNumber)).Want(t, 403)
			if o.Question != nil {
				server.As(patient1).Send("POST", "/qaorder/answer/create/", answer(o.Question.PK)).Want(t, 403)
			}
			if after := picture(t, server, o.OrderNumber); after != before {
				t.Errorf("in status %d strangers have changed\n%s\nto\n%s", status, before, after)
			}
		}
	})
}

// TestEveryMoveInEveryStatus holds the notes' states: what a status does not allow is refused with the
// call's own number, twice, and changes nothing.
func TestEveryMoveInEveryStatus(t *testing.T) {
	moves := []struct {
		refusal int
		allowed []int // statuses
		send    func(s *orderdtest.Server, o order) orderdtest.Reply
	}{
		{-1, []int{unpaid}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("PATCH", path("pay", o.OrderNumber), form("channel=balance"))
		}},
		{-2, []int{unpaid}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("PUT", path("cancel", o.OrderNumber))
		}},
		{-3, []int{paid}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("POST", "/qaorder/question/create/", question(o.OrderNumber))
		}},
		{-4, []int{answered}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("PUT", path("finish", o.OrderNumber))
		}},
		{-5, []int{finished}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("PUT", path("evaluate", o.OrderNumber), form("scores=3&content=x"))
		}},
		{-6, []int{unpaid, finished, evaluated, cancelled}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("DELETE", path("destroy", o.OrderNumber))
		}},
		{-7, []int{paid, asked}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(patient1).Send("PUT", path("refund", o.OrderNumber))
		}},
		{-8, []int{asked}, func(s *orderdtest.Server, o order) orderdtest.Reply {
			return s.As(doctor1).Send("POST", "/qaorder/answer/create/", answer(o.Question.PK))
		}},
	}
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		topUp(t, server, "patient1", "10000.00")
		for status := unpaid; status <= cancelled; status++ {
			for _, m := range moves {
				o := placed(t, server, status)
				if m.refusal == -8 && o.Question == nil {
					continue // there is nothing to answer
				}
				before := picture(t, server, o.OrderNumber)
				allowed := false
				for _, a := range m.allowed {
					allowed = allowed || a == status
				}
				r := m.send(server, o)
				if allowed {
					if r.Status >= 300 {
						t.Errorf("%s in status %d: %d %s", r.Request, status, r.Status, r.Body)
					}
					continue
				}
				again := m.send(server, o)
				if r.Refusal() != m.refusal || again.Body != r.Body {
					t.Errorf("%s in status %d: %d %s, then %s; want the refusal %d", r.Request, status, r.Status, r.Body, again.Body, m.refusal)
				}
				if after := picture(t, server, o.OrderNumber); after != before {
					t.Errorf("%s in status %d has changed\n%s\nto\n%s", r.Request, status, before, after)
				}
			}
		}
	})
}

// TestDoubleSubmits sends each command twice: the second is refused, or gives the first's outcome.
func TestDoubleSubmits(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := server.As(patient1)
		o := place(t, server)
		pay := func(channel string) orderdtest.Reply {
			return p.Send("PATCH", path("pay", o.OrderNumber), form("channel="+channel))
		}
		for _, channel := range []string{"alipay", "wx"} {
			if first, second := pay(channel).Want(t, 200), pay(channel).Want(t, 200); first.Body != second.Body || !strings.Contains(first.Body, `"ch_`) {
				t.Errorf("%s: another charge: %s, %s", channel, first.Body, second.Body)
			}
		}
		pay("balance").Want(t, 200)
		if r := pay("balance"); r.Refusal() != -1 {
			t.Errorf("paid again: %s", r.Body)
		}
		if got := balance(t, server, "patient1"); got != "985.00" {
			t.Errorf("1000.00 - 15.00 is %s", got)
		}
		p.Send("PUT", path("refund", o.OrderNumber)).Want(t, http.StatusOK)
		if r := p.Send("PUT", path("refund", o.OrderNumber)); r.Refusal() != -7 {
			t.Errorf("refunded again: %s", r.Body)
		}
		if got := balance(t, server, "patient1"); got != "1000.00" {
			t.Errorf("after the refund there are %s", got)
		}
		if first, second := place(t, server), place(t, server); first.OrderNumber == second.OrderNumber {
			t.Error("two orders have one number")
		}
	})
}
