package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestChecksComeInDjangosOrder has requests with several things wrong: the first check wins.
func TestChecksComeInDjangosOrder(t *testing.T) {
	const fifteen = "12257268238541425696240003"
	broken, empty, foreign := jsonBody(`{`), jsonBody(`{}`), orderdtest.Body{Type: "text/xml", Data: "<a/>"}
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for _, c := range []struct {
			name, token, method, path string
			body                      orderdtest.Body
			status                    int
			detail                    string
		}{
			{"401 before 405", "", "PUT", create, broken, 401, "Authentication credentials were not provided."},
			{"401 before 400", "", "POST", create, broken, 401, "Authentication credentials were not provided."},
			{"401 before 415", "", "POST", create, foreign, 401, "Authentication credentials were not provided."},
			{"401 of a wrong token before 405", "x", "DELETE", create, broken, 401, "Invalid token."},
			{"403 before 405", patient1, "DELETE", "/admin/users/", broken, 403, "You do not have permission to perform this action."},
			{"405 before 400", patient1, "PUT", create, broken, 405, `Method "PUT" not allowed.`},
			{"405 before 415", patient1, "PATCH", create, foreign, 405, `Method "PATCH" not allowed.`},
			{"405 of GET", patient1, "GET", create, orderdtest.Body{}, 405, `Method "GET" not allowed.`},
			{"405 of HEAD has no body", patient1, "HEAD", create, orderdtest.Body{}, 405, ""},
			{"405 of another method", patient1, "PROPFIND", create, orderdtest.Body{}, 405, `Method "PROPFIND" not allowed.`},
			{"405 of a made-up method", patient1, "BREW", create, broken, 405, `Method "BREW" not allowed.`},
			{"405 of a made-up method without the slash", patient1, "BREW", "/qaorder/order/create", broken, 405, `Method "BREW" not allowed.`},
			{"401 before 405 of a made-up method", "", "BREW", create, broken, 401, "Authentication credentials were not provided."},
			{"404 of a made-up method of no route", patient1, "BREW", "/nowhere/", orderdtest.Body{}, 404, "Not found."},
			{"415", patient1, "POST", create, foreign, 415, `Unsupported media type "text/xml" in request.`},
			{"404 of a route needs no token", "", "GET", "/nowhere/", orderdtest.Body{}, 404, "Not found."},
			{"404 of the root", "", "GET", "/", orderdtest.Body{}, 404, "Not found."},
			{"404 of an empty segment", patient1, "GET", "/qaorder//order/create/", orderdtest.Body{}, 404, "Not found."},
			{"401 before 404 of an order", "", "GET", "/qaorder/order/detail/1/", orderdtest.Body{}, 401, "Authentication credentials were not provided."},
			{"400 of the body before 404 of the order", patient1, "PATCH", path("pay", "1"), broken, 400, ""},
			{"404 of no order before 400 of a field", patient1, "PUT", path("evaluate", "1"), empty, 404, "Not found."},
			{"404 of an order before 400 of a field", patient2, "PUT", path("evaluate", fifteen), empty, 404, "Not found."},
			{"403 of an order before 400 of a field", doctor1, "PUT", path("evaluate", fifteen), empty, 403, "You do not have permission to perform this action."},
			{"400 of a field before the order's state", patient1, "PUT", path("evaluate", fifteen), empty, 400, ""},
			{"404 of no order before 400 of its channel", patient1, "PATCH", path("pay", "1"), empty, 404, "Not found."},
			{"404 of an order before 400 of its channel", patient2, "PATCH", path("pay", fifteen), empty, 404, "Not found."},
		} {
			t.Run(c.name, func(t *testing.T) {
				var bodies []orderdtest.Body
				if c.body.Type != "" {
					bodies = append(bodies, c.body)
				}
				r := server.As(c.token).Send(c.method, c.path, bodies...).Want(t, c.status)
				if c.detail != "" && detail(t, r) != c.detail {
					t.Errorf("%s: %s, want %s", r.Request, r.Body, c.detail)
				}
			})
		}
	})
}

func TestTheSchemeIsInAnyCase(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for header, status := range map[string]int{
			"Token " + patient1: 200, "token " + patient1: 200, "TOKEN " + patient1: 200, "tOkEn   " + patient1: 200,
			"Token\t" + patient1: 200, "Token" + patient1: 401, "Basic " + patient1: 401, patient1: 401,
			"Token " + strings.ToUpper(patient1): 401, "Token " + patient1[:39]: 401, "Token " + patient1 + "0": 401,
		} {
			server.As("").With("Authorization", header).Get("/qaorder/order/patient/list/").Want(t, status)
		}
	})
}

func TestMissingSlashes(t *testing.T) {
	const fourteen = "12257268228937975696240003"
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := server.As(patient1)
		for _, c := range []struct{ path, to string }{
			{"/qaorder/order/patient/list?status=1&page=2", "/qaorder/order/patient/list/?status=1&page=2"},
			{"/qaorder/order/patient/list?", "/qaorder/order/patient/list/"},
			{"/qaorder/order/detail/" + fourteen, path("detail", fourteen)},
			{"/qaorder/user/%E5%BC%A0?a=%20b", "/qaorder/user/%E5%BC%A0/?a=%20b"},
			{"/user/login", "/user/login/"},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				r := p.Send(method, c.path).Want(t, http.StatusMovedPermanently)
				if got := r.Header.Get("Location"); got != c.to {
					t.Errorf("%s: Location %s, want %s", r.Request, got, c.to)
				}
			}
		}
		o := orderOf(t, p.Send("POST", "/qaorder/order/create", form("doctor=doctor1&order_type=online")).Want(t, 201))
		p.Send("PATCH", "/qaorder/order/pay/"+o.OrderNumber, form("channel=balance")).Want(t, 200)
		p.Send("PUT", "/qaorder/order/refund/"+o.OrderNumber).Want(t, 200)
		p.Send("DELETE", "/qaorder/order/destroy/"+o.OrderNumber).Want(t, 204)
		p.Send("OPTIONS", "/qaorder/order/create").Want(t, 200)
		server.As("").Send("POST", "/qaorder/order/create").Want(t, 401)
		p.Get("/livez").Want(t, 200)
		p.Get("/livez/").Want(t, 404)
	})
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for range 12 { // so that the list is longer than net/http's buffers
			place(t, server)
		}
		for _, target := range []string{
			"/qaorder/order/patient/list/", "/qaorder/order/patient/list/?page_size=1", "/qaorder/order/detail/12257268228937975696240003/",
			"/qaorder/order/detail/1/", "/qaorder/order/filter/", "/qaorder/user/doctor1/", "/qaorder/tag/list/", "/livez", "/readyz",
		} {
			get, head := server.As(patient1).Get(target), server.As(patient1).Send("HEAD", target)
			if head.Err != nil || head.Body != "" || head.Status != get.Status {
				t.Errorf("%s: %d %q %v, GET gives %d", head.Request, head.Status, head.Body, head.Err, get.Status)
			}
			if get.Length != int64(len(get.Body)) || head.Length != get.Length {
				t.Errorf("%s: Content-Length of %d bytes is %d by GET, %d by HEAD", target, len(get.Body), get.Length, head.Length)
			}
			for _, name := range header {
				if fmt.Sprint(get.Header[name]) != fmt.Sprint(head.Header[name]) {
					t.Errorf("%s: %s %q, by GET %q", head.Request, name, head.Header[name], get.Header[name])
				}
			}
		}
		server.As("").Send("HEAD", "/qaorder/order/patient/list/").Want(t, 401)
	})
}

func TestOptionsNeedsTheToken(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for path, name := range map[string]string{
			"/qaorder/order/create/": "Order Create", "/qaorder/order/detail/1/": "Order Detail", "/qaorder/user/x/": "Doctor Evaluations",
		} {
			server.As("").Send("OPTIONS", path).Want(t, 401)
			mustContain(t, server.As(patient1).Send("OPTIONS", path).Want(t, 200), `{"name":"`+name+`",`)
		}
		server.As(patient1).Send("OPTIONS", "/admin/users/").Want(t, 403)
		server.As("").Send("OPTIONS", "/user/login/").Want(t, 200)
		server.As("").Send("OPTIONS", "/nowhere/").Want(t, 404)
	})
}

func TestPages(t *testing.T) {
	const list = "/qaorder/order/patient/list/"
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := server.As(register(t, server, "reader", ""))
		var numbers []string // newest first
		for range 23 {
			numbers = append([]string{placeFrom(t, p, "doctor1", "online").OrderNumber}, numbers...)
		}
		base := orderdtest.Origin + list
		for _, c := range []struct {
			query          string
			first, n       int
			next, previous string
		}{
			{"", 0, 10, "?page=2", ""},
			{"?page=1", 0, 10, "?page=2", ""},
			{"?page=2", 10, 10, "?page=3", "?"},
			{"?page=3", 20, 3, "", "?page=2"},
			{"?page=last", 20, 3, "", "?page=2"},
			{"?page=last&page_size=23", 0, 23, "", ""},
			{"?page_size=5", 0, 5, "?page=2&page_size=5", ""},
			{"?page_size=5&page=2&status=0", 5, 5, "?page=3&page_size=5&status=0", "?page_size=5&status=0"},
			{"?status=0&page=3&zzz=1&page_size=5", 10, 5, "?page=4&page_size=5&status=0&zzz=1", "?page=2&page_size=5&status=0&zzz=1"},
			{"?status=1&status=", 0, 10, "?page=2&status=1&status=", ""}, // a QueryDict gives the last
			{"?status=1&status=0", 0, 10, "?page=2&status=1&status=0", ""},
			{"?page_size=0", 0, 10, "?page=2&page_size=0", ""},
			{"?page_size=-1", 0, 10, "?page=2&page_size=-1", ""},
			{"?page_size=abc", 0, 10, "?page=2&page_size=abc", ""},
			{"?page_size=101", 0, 23, "", ""},
			{"?page_size=99999999999999999999", 0, 23, "", ""},
			{"?page=%202", 10, 10, "?page=3", "?"},
			{"?page=1&page=2", 10, 10, "?page=3", "?"},
			{"?q=%E5%BC%A0+b", 0, 10, "?page=2&q=%E5%BC%A0+b", ""},
		} {
			got := listOf(t, p.Get(list+c.query))
			if got.Count != 23 || len(got.Results) != c.n || got.Results[0].OrderNumber != numbers[c.first] {
				t.Errorf("%s: %d of %d from %s; want %d from %s", c.query, len(got.Results), got.Count, got.Results[0].OrderNumber, c.n, numbers[c.first])
			}
			for i, o := range got.Results {
				if o.OrderNumber != numbers[c.first+i] {
					t.Errorf("%s: order %d is %s", c.query, i, o.OrderNumber)
				}
			}
			if linkText(got.Next) != link(base, c.next) || linkText(got.Previous) != link(base, c.previous) {
				t.Errorf("%s: next %s, previous %s", c.query, linkText(got.Next), linkText(got.Previous))
			}
		}
		for query, n := range map[string]int{"?status=1": 0, "?status=&status=1": 0, "?status=0&status=1": 0} {
			if got := listOf(t, p.Get(list+query)).Count; got != n {
				t.Errorf("%s: %d orders, want %d", query, got, n)
			}
		}
		for _, query := range []string{"?page=0", "?page=-1", "?page=4", "?page=abc", "?page=", "?page=1.5", "?page=99999999999999999999", "?page=3&page_size=100", "?page=LAST"} {
			if r := p.Get(list+query).Want(t, 404); detail(t, r) != "Invalid page." {
				t.Errorf("%s: %s", query, r.Body)
			}
		}
		proxied := p.With("X-Forwarded-Proto", "https").With("Host", "orders.example:8443")
		if got := linkText(listOf(t, proxied.Get(list+"?page=2")).Previous); got != "https://orders.example:8443"+list {
			t.Errorf("behind a proxy previous is %s", got)
		}
		if got := listOf(t, server.As(patient2).Get("/qaorder/order/doctor/list/?page=last")); got.Count != 0 || len(got.Results) != 0 {
			t.Errorf("the last page of nothing: %+v", got)
		}
	})
}

func linkText(l *string) string {
	if l == nil {
		return ""
	}
	return *l
}

// link is base with a query; "?" alone is no query, "" no link.
func link(base, query string) string {
	switch query {
	case "":
		return ""
	case "?":
		return base
	}
	return base + query
}

func TestLanguages(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for header, lang := range map[string]string{
			"": "en", "en": "en", "zh": "zh-hans", "zh-CN": "zh-hans", "zh-TW,en;q=0.5": "zh-hans", "ZH-hans": "zh-hans",
			"en;q=0.5,zh;q=0.9": "zh-hans", "en,zh": "en", "zh;q=0": "en", "fr": "en", "fr,zh;q=0.1": "zh-hans", ";;;": "en", "*": "en",
		} {
			r := server.As("").With("Accept-Language", header).Get("/nowhere/")
			want := map[string]string{"en": "Not found.", "zh-hans": "未找到。"}[lang]
			if r.Header.Get("Content-Language") != lang || detail(t, r) != want || r.Header.Get("Vary") != "Accept-Language" {
				t.Errorf("%q: %s %v", header, r.Body, r.Header)
			}
		}
	})
}

// TestBodiesOfAllKinds sends the same data as JSON, form and multipart by POST, PUT and PATCH.
func TestBodiesOfAllKinds(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := server.As(patient1)
		for kind, body := range map[string]func(form, json string) orderdtest.Body{
			"json": func(_, j string) orderdtest.Body { return jsonBody(j) },
			"json charset": func(_, j string) orderdtest.Body {
				return orderdtest.Body{Type: "application/json; charset=utf-8", Data: j}
			},
			"form":      func(f, _ string) orderdtest.Body { return form(f) },
			"multipart": func(f, _ string) orderdtest.Body { return multi(f) },
			"chunked": func(f, _ string) orderdtest.Body {
				b := form(f)
				b.Chunked = true
				return b
			},
		} {
			t.Run(kind, func(t *testing.T) {
				o := orderOf(t, p.Send("POST", "/qaorder/order/create/", body("doctor=doctor1&order_type=online", `{"doctor":"doctor1","order_type":"online"}`)).Want(t, 201))
				p.Send("PATCH", path("pay", o.OrderNumber), body("channel=balance", `{"channel":"balance"}`)).Want(t, 200)
				advance(t, server, o.OrderNumber, finished)
				r := p.Send("PUT", path("evaluate", o.OrderNumber), body("scores=4.0&content=+很好+", `{"scores":4.0,"content":" 很好 "}`)).Want(t, 200)
				mustContain(t, r, `"scores":4,"scores_display":"四星","content":"很好"`)
			})
		}
	})
}

// TestOrderNumbers checks the form of the numbers: 26 digits that rise, the patient's pk at the end.
func TestOrderNumbers(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		last := order{PK: 26}
		for i := range 12 {
			token, end := patient1, "0003"
			if i%2 == 1 {
				token, end = patient2, "0006"
			}
			o := placeFrom(t, server.As(token), "doctor2", "online")
			if !numberForm.MatchString(o.OrderNumber) || !strings.HasSuffix(o.OrderNumber, end) || o.OrderNumber <= last.OrderNumber || o.PK != last.PK+1 {
				t.Errorf("order %d %s after %d %s", o.PK, o.OrderNumber, last.PK, last.OrderNumber)
			}
			last = o
		}
	})
}

// TestNamesInPaths asks for users whose names must be escaped, in every way that a client may escape them.
func TestNamesInPaths(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for name, paths := range map[string][]string{
			"a@b.c":  {"a@b.c", "a%40b.c"},
			"张医生":    {"%E5%BC%A0%E5%8C%BB%E7%94%9F"},
			"x+y":    {"x+y", "x%2By"},
			"_-.ok1": {"_-.ok1", "%5F-%2Eok1"},
		} {
			token := register(t, server, name, "&price_online=1.00")
			for _, escaped := range paths {
				server.As(token).Get("/qaorder/user/"+escaped+"/").Want(t, 200)
				mustContain(t, server.As(admin).Get("/admin/users/"+escaped+"/").Want(t, 200), `"username":"`+name+`"`)
			}
		}
	})
}
