package e2e

import (
	"net/http"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// inBoth is a call in English and in Chinese.
func (c caller) inBoth(method, path string, bodies ...orderdtest.Body) []exchange {
	zh := caller{c.With("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8"), c.name + ", zh"}
	return []exchange{c.do(method, path, bodies...), zh.do(method, path, bodies...)}
}

func (c caller) withAuthorization(value, name string) caller {
	return caller{c.With("Authorization", value), name}
}

// TestGoldenErrors has a golden file for every error of the notes.
func TestGoldenErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		p, d := caller{server.As(patient1), "patient1"}, caller{server.As(doctor1), "doctor1"}
		boss, other := caller{server.As(admin), "admin"}, caller{server.As(patient2), "patient2"}
		nobody := caller{server.As(""), "nobody"}

		const fifteen = "12257268238541425696240003"

		g.check("errors/401-none", nobody.inBoth("GET", path("detail", fifteen))...)
		g.check("errors/401-other-scheme", nobody.withAuthorization("Bearer "+patient1, "Bearer").inBoth("POST", create)...)
		g.check("errors/401-empty", nobody.withAuthorization("Token", "Token alone").inBoth("POST", create)...)
		g.check("errors/401-spaces", nobody.withAuthorization("Token a b", "Token a b").inBoth("POST", create)...)
		g.check("errors/401-characters", nobody.withAuthorization("Token \xe4\xb8\xad", "Token 中").inBoth("POST", create)...)
		g.check("errors/401-unknown", nobody.withAuthorization("Token "+strings.Repeat("0", 40), "unknown").inBoth("POST", create)...)
		gone := register(t, server, "gone", "")
		server.As(admin).Send("PATCH", "/admin/users/gone/", jsonBody(`{"active":false}`)).Want(t, http.StatusOK)
		server.Eventually("every server knows that the user is gone", func() bool { // half a second later than the one that was told
			gone401 := true
			for range s.Servers {
				gone401 = server.As(gone).Get("/qaorder/order/patient/list/").Status == http.StatusUnauthorized && gone401
			}
			return gone401
		})
		g.check("errors/401-inactive", nobody.withAuthorization("Token "+gone, "inactive").inBoth("POST", create)...)
		g.check("errors/403-not-admin", p.inBoth("GET", "/admin/users/")...)
		g.check("errors/403-admin-no-user", boss.inBoth("POST", create)...)
		g.check("errors/403-doctor-pays", d.inBoth("PATCH", path("pay", fifteen), form("channel=balance"))...)
		g.check("errors/404-order", p.inBoth("GET", path("detail", strings.Repeat("1", 26)))...)
		g.check("errors/404-other-order", other.inBoth("GET", path("detail", fifteen))...)
		g.check("errors/404-route", p.inBoth("GET", "/nowhere/")...)
		g.check("errors/404-position", p.inBoth("GET", "/qaorder/order/nurse/list/")...)
		g.check("errors/404-page", p.inBoth("GET", "/qaorder/order/patient/list/?page=9")...)
		g.check("errors/404-newone", d.inBoth("GET", "/qaorder/order/doctor/newone/?username=patient2")...)
		g.check("errors/404-doctor", p.inBoth("GET", "/qaorder/user/nobody/")...)
		g.check("errors/404-patient", d.inBoth("GET", "/qaorder/patient/inquiry/record/999/")...)
		g.check("errors/405", p.inBoth("PUT", create)...)
		g.check("errors/413", p.inBoth("POST", create, form(strings.Repeat("a", 10<<20)))...)
		g.check("errors/415", p.inBoth("POST", create, orderdtest.Body{Type: "text/xml", Data: "<order/>"})...)
		g.check("errors/400-json", p.inBoth("POST", create, jsonBody(`{"doctor":}`))...)
		g.check("errors/400-multipart", p.inBoth("POST", create, orderdtest.Body{Type: "multipart/form-data", Data: "x"})...)
		g.check("errors/400-list", p.inBoth("POST", create, jsonBody(`[1]`))...)
		g.check("errors/400-missing", p.inBoth("POST", create)...)
		g.check("errors/400-blank", p.inBoth("POST", create, form("doctor=+&order_type="))...)
		g.check("errors/400-null", p.inBoth("POST", create, jsonBody(`{"doctor":null,"order_type":null}`))...)
		g.check("errors/400-choice", p.inBoth("POST", create, jsonBody(`{"order_type":"zzz"}`))...)
		g.check("errors/400-no-such-doctor", p.inBoth("POST", create, form("doctor=patient2&order_type=online"))...)
		g.check("errors/400-channel", p.inBoth("PATCH", path("pay", fifteen), form("channel=cash"))...)
		g.check("errors/400-scores", p.inBoth("PUT", path("evaluate", fifteen), jsonBody(`{"scores":"many","content":"x"}`))...)
		g.check("errors/400-scores-range", p.inBoth("PUT", path("evaluate", fifteen), jsonBody(`{"scores":6,"content":"x"}`))...)
		g.check("errors/400-status", p.inBoth("GET", "/qaorder/order/patient/list/?status=7")...)
		g.check("errors/400-status-missing", p.inBoth("GET", "/qaorder/order/filter/")...)
		g.check("errors/400-username-missing", p.inBoth("GET", "/qaorder/order/patient/newone/")...)
		g.check("errors/400-question", p.inBoth("POST", "/qaorder/question/create/", jsonBody(`{"order":"1"}`))...)
		g.check("errors/400-answer", d.inBoth("POST", "/qaorder/answer/create/", jsonBody(`{"question":99,"diagnosis_tag":[1,77],"drug":["x"]}`))...)
		g.check("errors/400-login", nobody.inBoth("POST", "/user/login/", form("username=patient1&password=wrong"))...)
		g.check("errors/400-username-taken", boss.inBoth("POST", "/admin/users/", form("username=patient1&password=x"))...)
		keyed := caller{p.With("Idempotency-Key", "once"), "patient1, key once"}
		keyed.do("POST", create, form("doctor=doctor1&order_type=online")).reply.Want(t, http.StatusCreated)
		g.check("errors/409", keyed.inBoth("POST", create, form("doctor=doctor1&order_type=monthly"))...)
	})
}

// TestGoldenRefusals has a golden file for every numbered refusal.
func TestGoldenRefusals(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		p, d := caller{server.As(patient1), "patient1"}, caller{server.As(doctor1), "doctor1"}
		done, open := placed(t, server, answered), place(t, server)

		g.check("refusals/1-pay", p.inBoth("PATCH", path("pay", done.OrderNumber), form("channel=alipay"))...)
		g.check("refusals/2-cancel", p.inBoth("PUT", path("cancel", done.OrderNumber))...)
		g.check("refusals/3-ask", p.inBoth("POST", "/qaorder/question/create/", question(open.OrderNumber))...)
		g.check("refusals/4-finish", p.inBoth("PUT", path("finish", open.OrderNumber))...)
		g.check("refusals/5-evaluate", p.inBoth("PUT", path("evaluate", open.OrderNumber), form("scores=5&content=x"))...)
		g.check("refusals/6-destroy", p.inBoth("DELETE", path("destroy", done.OrderNumber))...)
		g.check("refusals/7-refund", p.inBoth("PUT", path("refund", done.OrderNumber))...)
		g.check("refusals/8-answer", d.inBoth("POST", "/qaorder/answer/create/", answer(done.Question.PK))...)
		poor := caller{server.As(register(t, server, "poor", "")), "poor"}
		topUp(t, server, "poor", "14.99")
		dear := placeFrom(t, poor.Client, "doctor1", "online")
		g.check("refusals/9-pay", poor.inBoth("PATCH", path("pay", dear.OrderNumber), form("channel=balance"))...)
	})
}
