package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

const create = "/qaorder/order/create/"

// keyed is a client with an Idempotency-Key.
func keyed(c orderdtest.Client, key string) orderdtest.Client { return c.With("Idempotency-Key", key) }

// same fails the test unless a reply is the first one again, byte for byte.
func same(t *testing.T, first, again orderdtest.Reply) {
	t.Helper()
	if again.Status != first.Status || again.Body != first.Body || again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
		t.Errorf("%s: %d %s\nwas at first %d %s", again.Request, again.Status, again.Body, first.Status, first.Body)
	}
}

// keyedCall is a change under a key, with what was answered at first.
type keyedCall struct {
	key, token, method, path string
	bodies                   []orderdtest.Body
	first                    orderdtest.Reply
}

func (k *keyedCall) send(s *orderdtest.Server) orderdtest.Reply {
	return keyed(s.As(k.token), k.key).Send(k.method, k.path, k.bodies...)
}

// TestKeysGiveTheFirstReply goes an order's whole way under keys, refusals included, and sends everything
// again: at once, after the order has moved on, after a restart, after the world has changed.
func TestKeysGiveTheFirstReply(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		var calls []*keyedCall
		run := func(status int, token, method, path string, bodies ...orderdtest.Body) orderdtest.Reply {
			t.Helper()
			k := &keyedCall{key: fmt.Sprintf("key-%d", len(calls)), token: token, method: method, path: path, bodies: bodies}
			k.first = k.send(server).Want(t, status)
			same(t, k.first, k.send(server))
			calls = append(calls, k)
			return k.first
		}
		o := orderOf(t, run(201, patient1, "POST", create, form("doctor=doctor1&order_type=online")))
		number := o.OrderNumber
		run(400, patient1, "PUT", path("finish", number))
		run(400, patient1, "PUT", path("evaluate", number), form("scores=1&content=x"))
		run(400, patient1, "PUT", path("refund", number))
		run(400, patient1, "POST", "/qaorder/question/create/", question(number))
		run(404, patient2, "PUT", path("cancel", number))
		run(403, doctor1, "PUT", path("cancel", number))
		run(404, patient1, "PUT", path("cancel", strings.Repeat("1", 26)))
		run(200, patient1, "PATCH", path("pay", number), form("channel=alipay"))
		run(200, patient1, "PATCH", path("pay", number), form("channel=wx"))
		run(200, patient1, "PATCH", path("pay", number), form("channel=balance"))
		run(400, patient1, "PATCH", path("pay", number), form("channel=balance"))
		run(400, patient1, "DELETE", path("destroy", number))
		run(400, patient1, "GET", path("cancel", number))
		run(201, patient1, "POST", "/qaorder/question/create/", question(number))
		pk := orderOf(t, server.As(patient1).Get(path("detail", number))).Question.PK
		run(201, doctor1, "POST", "/qaorder/answer/create/", answer(pk))
		run(400, doctor1, "POST", "/qaorder/answer/create/", answer(pk))
		run(200, patient1, "PUT", path("finish", number))
		run(200, patient1, "PUT", path("evaluate", number), form("scores=5&content=x"))
		run(204, patient1, "DELETE", path("destroy", number))
		run(404, patient1, "DELETE", path("destroy", number))
		given := orderOf(t, run(201, patient1, "POST", create, form("doctor=doctor2&order_type=online"))).OrderNumber
		run(200, patient1, "PATCH", path("pay", given), form("channel=balance"))
		run(200, patient1, "PUT", path("refund", given))
		run(201, doctor1, "POST", "/qaorder/tag/create/", form("name=t"))
		run(201, doctor1, "POST", "/qaorder/drug/create/", form("name=d"))
		run(200, admin, "POST", "/admin/users/patient2/topup/", form("amount=1.50"))
		run(200, admin, "PATCH", "/admin/users/patient2/", form("name=two"))
		run(201, admin, "POST", "/admin/users/", form("username=new&password=x&token="+strings.Repeat("a", 40)))
		poor := placeFrom(t, server.As(strings.Repeat("a", 40)), "doctor1", "online").OrderNumber
		run(400, strings.Repeat("a", 40), "PATCH", path("pay", poor), form("channel=balance"))

		again := func(when string) {
			t.Helper()
			money := balance(t, server, "patient1") + balance(t, server, "patient2")
			count := listOf(t, server.As(patient1).Get("/qaorder/order/patient/list/")).Count
			for _, k := range calls {
				if r := k.send(server); r.Status != k.first.Status || r.Body != k.first.Body {
					t.Errorf("%s: %s under %s: %d %s\nwas at first %d %s", when, r.Request, k.key, r.Status, r.Body, k.first.Status, k.first.Body)
				}
			}
			if now := balance(t, server, "patient1") + balance(t, server, "patient2"); now != money {
				t.Errorf("%s: money went from %s to %s", when, money, now)
			}
			if now := listOf(t, server.As(patient1).Get("/qaorder/order/patient/list/")).Count; now != count {
				t.Errorf("%s: %d orders became %d", when, count, now)
			}
		}
		again("later")
		server.Stop()
		server.Start()
		again("after a restart")
		server.As(admin).Send("POST", "/admin/users/new/topup/", form("amount=100")).Want(t, 200)
		for _, doctor := range []string{"doctor1", "doctor2"} {
			server.As(admin).Send("PATCH", "/admin/users/"+doctor+"/", jsonBody(`{"price_online":null,"price_monthly":null}`)).Want(t, 200)
		}
		again("after the doctors have gone")
	})
}

func TestKeysStandForOneRequest(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := keyed(server.As(patient1), "k1")
		first := p.Send("POST", create, form("doctor=doctor1&order_type=online")).Want(t, 201)
		for name, b := range map[string]orderdtest.Body{
			"another type":       form("doctor=doctor1&order_type=monthly"),
			"another doctor":     form("doctor=doctor2&order_type=online"),
			"one field more":     form("doctor=doctor1&order_type=online&x=1"),
			"an unknown doctor":  form("doctor=nobody&order_type=online"),
			"a field is missing": form("doctor=doctor1"),
			"nothing":            {},
		} {
			if r := p.Send("POST", create, b); r.Status != http.StatusConflict {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		}
		o := orderOf(t, first)
		p.Send("PUT", path("cancel", o.OrderNumber)).Want(t, 409)
		p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance")).Want(t, 409)
		if got := orderOf(t, server.As(patient1).Get(path("detail", o.OrderNumber))); got.Status != unpaid {
			t.Errorf("a 409 has changed the order: %+v", got)
		}
		same(t, first, p.Send("POST", create, form("doctor=doctor1&order_type=online")))

		other := keyed(server.As(patient2), "k1").Send("POST", create, form("doctor=doctor1&order_type=online")).Want(t, 201)
		if orderOf(t, other).OrderNumber == o.OrderNumber {
			t.Error("another user's key gives this one's order")
		}
		if r := keyed(server.As(patient1), "k2").Send("POST", create, form("doctor=doctor1&order_type=online")).Want(t, 201); r.Body == first.Body {
			t.Error("another key gives the same order")
		}
	})
}

// TestKeysLookAtTheDataAlone has spacing, the order of keys, escapes and the multipart boundary differ.
func TestKeysLookAtTheDataAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for name, bodies := range map[string][]orderdtest.Body{
			"json": {jsonBody(`{"doctor":"doctor1","order_type":"online"}`), jsonBody("{ \"order_type\" : \"online\",\n\t\"doctor\":\"doctor1\" }"),
				jsonBody(`{"doctor":"d\u006fctor1","order_type":"online"}`)},
			"form":      {form("doctor=doctor1&order_type=online"), form("order_type=online&doctor=%64octor1")},
			"multipart": {multi("doctor=doctor1&order_type=online"), multi("order_type=online&doctor=doctor1")},
		} {
			p := keyed(server.As(patient1), name)
			first := p.Send("POST", create, bodies[0]).Want(t, 201)
			for _, b := range bodies[1:] {
				same(t, first, p.Send("POST", create, b))
			}
			zh := p.With("Accept-Language", "zh").Send("POST", create, bodies[0])
			same(t, first, zh)
			same(t, first, p.Send("POST", strings.TrimSuffix(create, "/"), bodies[0]))
		}
	})
}

func TestBadKeys(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		for _, key := range []string{strings.Repeat("k", 256), "a b", "键"} {
			r := keyed(server.As(patient1), key).Send("POST", create, form("doctor=doctor1&order_type=online")).Want(t, 400)
			mustContain(t, r, "Idempotency-Key must be 1 to 255 visible ASCII characters.")
		}
		for _, key := range []string{strings.Repeat("k", 255), "!~", "../../x", "*"} {
			keyed(server.As(patient1), key).Send("POST", create, form("doctor=doctor1&order_type=online")).Want(t, 201)
		}
	})
}

// TestOneKeyAtOnce has 64 clients send one request under one key: one order, one reply.
func TestOneKeyAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := keyed(server.As(register(t, server, "hasty", "")), "once")
		topUp(t, server, "hasty", "100.00")
		replies := atOnce(racers, func(int) orderdtest.Reply { return p.Send("POST", create, form("doctor=doctor1&order_type=online")) })
		for _, r := range replies {
			same(t, replies[0].Want(t, 201), r)
		}
		if got := listOf(t, p.Get("/qaorder/order/patient/list/")); got.Count != 1 {
			t.Errorf("%d orders", got.Count)
		}
		number := orderOf(t, replies[0]).OrderNumber
		pay := keyed(p, "pay")
		replies = atOnce(racers, func(int) orderdtest.Reply { return pay.Send("PATCH", path("pay", number), form("channel=balance")) })
		for _, r := range replies {
			same(t, replies[0].Want(t, 200), r)
		}
		if got := balance(t, server, "hasty"); got != "85.00" {
			t.Errorf("100.00 - 15.00 is %s", got)
		}
		replies = atOnce(racers, func(i int) orderdtest.Reply {
			return keyed(p, "two bodies"[:3]).Send("POST", create, form("doctor=doctor1&order_type="+[]string{"online", "monthly"}[i%2]))
		})
		if got := tally(replies); got["201"] != racers/2 || got["409"] != racers/2 {
			t.Errorf("one key, two bodies: %v", got)
		}
		user := form("username=made&password=x")
		replies = atOnce(8, func(int) orderdtest.Reply { return keyed(server.As(admin), "user").Send("POST", "/admin/users/", user) })
		var made struct{ Token string }
		for _, r := range replies {
			same(t, replies[0].Want(t, 201), r)
		}
		replies[0].Into(t, &made)
		if made.Token != "" { // then it is the user's
			server.As(made.Token).Get("/qaorder/order/patient/list/").Want(t, 200)
		}
		server.As("").Send("POST", "/user/login/", form("username=made&password=x")).Want(t, 200).Into(t, &made)
		server.As(made.Token).Get("/qaorder/order/patient/list/").Want(t, 200)
	})
}

// TestKeyedRegistrationTellsNoToken: a keyed reply is kept in the log, which gives nobody a token.
func TestKeyedRegistrationTellsNoToken(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	made := s.As(admin).With("Idempotency-Key", "registration").Send(http.MethodPost, "/admin/users/", form("username=keyed&password=pw")).Want(t, http.StatusCreated)
	if strings.Contains(string(made.Body), `"token"`) {
		t.Errorf("the reply tells the token: %s", made.Body)
	}
	var login struct{ Token string }
	s.As("").Send(http.MethodPost, "/user/login/", form("username=keyed&password=pw")).Want(t, http.StatusOK).Into(t, &login)
	s.As(login.Token).Get("/wallet/statement/").Want(t, http.StatusOK)
}
