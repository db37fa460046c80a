package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestGoldenLifecycle goes the whole way of an order, the lists at each step, as golden files.
func TestGoldenLifecycle(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		boss := caller{server.As(admin), "admin"}
		g.check("admin/create-doctor", boss.do("POST", "/admin/users/", jsonBody(
			`{"username":"doctor3","password":"secret","name":"李医生","avatar":"http://3.jpg","invitation_code":"33","price_online":"15.00","price_monthly":"70"}`)))
		g.check("admin/create-patient", boss.do("POST", "/admin/users/", jsonBody(`{"username":"patient3","password":"secret"}`)))
		g.check("admin/top-up", boss.do("POST", "/admin/users/patient3/topup/", form("amount=1000.00&note=gift")))
		g.check("admin/change", boss.do("PATCH", "/admin/users/patient3/", jsonBody(`{"name":"王先生"}`)))
		g.check("admin/show", boss.get("/admin/users/patient3/"))
		g.check("admin/list", boss.get("/admin/users/"))
		patient := caller{server.As(login(t, server, "patient3")), "patient3"}
		doctor := caller{server.As(login(t, server, "doctor3")), "doctor3"}

		created := patient.do("POST", "/qaorder/order/create/", form("order_type=online&doctor=doctor3"))
		number := orderOf(t, created.reply).OrderNumber
		step := func(name string, x exchange) {
			t.Helper()
			g.check("lifecycle/"+name, x, patient.get(path("detail", number)))
			g.check("lifecycle/"+name+"-lists", lists(patient, doctor, orderOf(t, patient.Get(path("detail", number))))...)
		}
		step("1-create", created)
		step("2-pay", patient.do("PATCH", path("pay", number), form("channel=balance")))
		asking := patient.do("POST", "/qaorder/question/create/", question(number))
		step("3-ask", asking)
		var q struct{ PK int64 }
		asking.reply.Into(t, &q)
		step("4-answer", doctor.do("POST", "/qaorder/answer/create/", answer(q.PK)))
		step("5-finish", patient.do("PUT", path("finish", number)))
		step("6-evaluate", patient.do("PUT", path("evaluate", number), jsonBody(`{"scores":5,"content":"好评"}`)))
		g.check("lifecycle/7-destroy", patient.do("DELETE", path("destroy", number)), patient.do("DELETE", path("destroy", number)),
			patient.get(path("detail", number)), doctor.get(path("detail", number)), patient.get("/qaorder/order/patient/list/"))
		g.check("admin/show-after", boss.get("/admin/users/patient3/"))
	})
}

// lists is every list that an order can stand in, cut down to one exchange after another.
func lists(patient, doctor caller, o order) (all []exchange) {
	status := strconv.Itoa(o.Status)
	for _, get := range []struct {
		by   caller
		path string
	}{
		{patient, "/qaorder/order/patient/list/"},
		{doctor, "/qaorder/order/doctor/list/"},
		{patient, "/qaorder/order/patient/list/?status=" + status},
		{patient, "/qaorder/order/patient/list/?status=" + strconv.Itoa((o.Status+1)%7)},
		{patient, "/qaorder/order/doctor/list/"},
		{patient, "/qaorder/order/patient/list/qa/"},
		{doctor, "/qaorder/order/doctor/list/qa/"},
		{patient, "/qaorder/order/patient/newone/?username=doctor3"},
		{doctor, "/qaorder/order/doctor/newone/?username=patient3"},
		{patient, "/qaorder/order/filter/?status=" + status},
		{doctor, "/qaorder/order/filter/?status=" + status},
		{patient, "/qaorder/user/doctor3/"},
		{doctor, "/qaorder/patient/inquiry/record/7/"},
		{doctor, "/qaorder/patient/inquiry/record/8/"},
	} {
		all = append(all, get.by.get(get.path))
	}
	return all
}

func login(t *testing.T, s *orderdtest.Server, username string) string {
	t.Helper()
	var made struct{ Token string }
	s.As("").Send("POST", "/user/login/", jsonBody(`{"username":"`+username+`","password":"secret"}`)).Want(t, http.StatusOK).Into(t, &made)
	return made.Token
}

// TestGoldenEndpoints has a golden file for each endpoint that the lifecycle does not call, and for each
// way to call one.
func TestGoldenEndpoints(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		nobody, p, d := caller{server.As(""), "nobody"}, caller{server.As(patient1), "patient1"}, caller{server.As(doctor1), "doctor1"}
		const fourteen, fifteen, sixteen, thirteen = "12257268228937975696240003", "12257268238541425696240003", "12257268246663755696240003", "12257268217187655696240003"

		g.check("endpoints/login", nobody.do("POST", "/user/login/", form("username=patient1&password=demo")))
		g.check("endpoints/livez", nobody.get("/livez"))
		g.check("endpoints/readyz", nobody.get("/readyz"))
		g.check("endpoints/create", p.do("POST", "/qaorder/order/create/", form("order_type=monthly&doctor=doctor2")))
		g.check("endpoints/detail", p.get(path("detail", fourteen)))
		g.check("endpoints/pay-alipay", p.do("PATCH", path("pay", fifteen), form("channel=alipay")))
		g.check("endpoints/pay-alipay-again", p.do("PATCH", path("pay", fifteen), form("channel=alipay")))
		g.check("endpoints/pay-wx", p.do("PATCH", path("pay", fifteen), form("channel=wx")))
		g.check("endpoints/pay-balance", p.do("PATCH", path("pay", fifteen), form("channel=balance")))
		free := caller{server.As(patient2), "patient2"}
		g.check("endpoints/pay-nothing", free.do("PATCH", path("pay", "12257268323647365696240006"), form("channel=alipay")))
		g.check("endpoints/refund", p.do("PUT", path("refund", fifteen)), p.get(path("detail", fifteen)))
		g.check("endpoints/cancel", p.do("PUT", path("cancel", thirteen)))
		g.check("endpoints/cancel-by-get", p.get(path("cancel", sixteen)))
		g.check("endpoints/destroy-by-get", p.get(path("destroy", sixteen)))
		g.check("endpoints/destroy-unpaid", p.do("DELETE", path("destroy", "12257268251845025696240003")),
			caller{server.As(doctor2), "doctor2"}.get(path("detail", "12257268251845025696240003")))
		g.check("endpoints/list-qa", d.get("/qaorder/order/doctor/list/qa/"))
		g.check("endpoints/finish-by-get", p.get(path("finish", fourteen)))
		g.check("endpoints/list", p.get("/qaorder/order/patient/list/"), p.get("/qaorder/order/patient/list/?status=0&page_size=1"))
		g.check("endpoints/filter", p.get("/qaorder/order/filter/?status=6"))
		g.check("endpoints/newone", p.get("/qaorder/order/patient/newone/?username=doctor2"))
		g.check("endpoints/record", d.get("/qaorder/patient/inquiry/record/3/"))
		g.check("endpoints/tag-create", d.do("POST", "/qaorder/tag/create/", form("name=感冒&description=流感")))
		g.check("endpoints/tag-list", d.get("/qaorder/tag/list/"))
		g.check("endpoints/drug-create", d.do("POST", "/qaorder/drug/create/",
			jsonBody(`{"name":"阿司匹林","standard":"100mg","total_dosage":"30片","each_dosage":"1片","day_times":"1次/天"}`)))
		g.check("endpoints/drug-list", d.get("/qaorder/drug/list/"))
		g.check("endpoints/question-desc-files", askWithFiles(t, server, p))
		g.check("endpoints/options", p.do("OPTIONS", "/qaorder/order/create/"))
		for i := range 5 {
			o := placed(t, server, finished)
			p.Send("PUT", path("evaluate", o.OrderNumber), form(fmt.Sprintf("scores=%d&content=评价", i+1))).Want(t, http.StatusOK)
		}
		g.check("endpoints/evaluations", p.get("/qaorder/user/doctor1/"), p.get("/qaorder/user/doctor1/?page=2"), p.get("/qaorder/user/doctor1/?page=last&page_size=2"))
	})
}

func askWithFiles(t *testing.T, server *orderdtest.Server, p caller) exchange {
	t.Helper()
	o := placed(t, server, paid)
	return p.do("POST", "/qaorder/question/create/", form("order="+o.OrderNumber+"&condition_description=发热&desc_files=http://a.jpg,http://b.jpg"))
}

// TestGoldenMoney has the calls beside the document that show and move money.
func TestGoldenMoney(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		nobody, p, boss := caller{server.As(""), "nobody"}, caller{server.As(patient1), "patient1"}, caller{server.As(admin), "admin"}
		const fifteen, thirteen = "12257268238541425696240003", "12257268217187655696240003"

		charged := p.do("PATCH", path("pay", fifteen), form("channel=alipay"))
		var reply struct{ Charge struct{ ID string } }
		charged.reply.Into(t, &reply)
		g.check("money/charge", charged)
		g.check("money/sandbox-pay", nobody.do("POST", "/sandbox/pay/"+reply.Charge.ID+"/"), p.get(path("detail", fifteen)))
		g.check("money/sandbox-pay-unknown", nobody.inBoth("POST", "/sandbox/pay/ch_000000000000000000000000/")...)
		p.Send("PATCH", path("pay", thirteen), form("channel=balance")).Want(t, http.StatusOK)
		p.Send("PUT", path("refund", thirteen)).Want(t, http.StatusOK)
		g.check("money/statement", p.get("/wallet/statement/"), p.get("/wallet/statement/?page_size=1&page=2"))
		g.check("money/parked", boss.get("/admin/parked/"))
		g.check("money/parked-unknown", boss.inBoth("POST", "/admin/parked/"+fifteen+"R1/retry/")...)
		g.check("money/parked-give-up", boss.inBoth("POST", "/admin/parked/"+fifteen+"R1/give-up/")...)
		g.check("money/notice-forged", nobody.inBoth("POST", "/qaorder/pay/notify/", jsonBody(`{"id":"evt_1","type":"charge.succeeded"}`))...)
	})
}
