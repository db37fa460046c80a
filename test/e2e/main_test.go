// Package e2e holds the tests of the whole server over HTTP. Those that take a set-up run on every one.
package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

// setup is one way to run the server.
type setup struct{ orderdtest.Setup }

// demo starts a server of the set-up with the documents' people and orders.
func (s setup) demo(t *testing.T, flags ...string) *orderdtest.Server {
	t.Helper()
	return s.Demo(t, flags...)
}

// everywhere runs a test on every set-up.
func everywhere(t *testing.T, test func(t *testing.T, s setup)) {
	orderdtest.Everywhere(t, func(t *testing.T, s orderdtest.Setup) { test(t, setup{s}) })
}

// form, jsonBody and multi are the three kinds of bodies.
var (
	form     = orderdtest.Form
	jsonBody = orderdtest.JSON
	multi    = orderdtest.Multipart
)

const (
	patient1, patient2 = orderdtest.Patient1, orderdtest.Patient2
	doctor1, doctor2   = orderdtest.Doctor1, orderdtest.Doctor2
	admin              = orderdtest.Admin
)

// order is what tests look at of an order.
type order struct {
	PK          int64  `json:"pk"`
	OrderNumber string `json:"order_number"`
	Status      int    `json:"status"`
	Amount      string `json:"amount"`
	Channel     string `json:"channel"`
	Question    *struct {
		PK int64 `json:"pk"`
	} `json:"question"`
	Answer *struct {
		PK int64 `json:"pk"`
	} `json:"answer"`
}

func orderOf(t testing.TB, r orderdtest.Reply) order {
	t.Helper()
	var o order
	r.Into(t, &o)
	return o
}

type list[T any] struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []T     `json:"results"`
}

func listOf(t testing.TB, r orderdtest.Reply) list[order] {
	t.Helper()
	var l list[order]
	r.Want(t, http.StatusOK).Into(t, &l)
	return l
}

// place makes an order of patient1 with doctor1.
func place(t testing.TB, s *orderdtest.Server) order {
	t.Helper()
	return placeFrom(t, s.As(patient1), "doctor1", "online")
}

func placeFrom(t testing.TB, c orderdtest.Client, doctor, kind string) order {
	t.Helper()
	return orderOf(t, c.Send("POST", "/qaorder/order/create/", form("doctor="+doctor+"&order_type="+kind)).Want(t, http.StatusCreated))
}

// statuses of orders, the documents' numbers.
const (
	unpaid = iota
	paid
	asked
	answered
	finished
	evaluated
	cancelled
)

// advance leads an order of patient1 with doctor1 from 待支付 to a status.
func advance(t testing.TB, s *orderdtest.Server, number string, to int) order {
	t.Helper()
	p, d := s.As(patient1), s.As(doctor1)
	o := orderOf(t, p.Get(path("detail", number)).Want(t, http.StatusOK))
	for o.Status < to {
		switch o.Status {
		case unpaid:
			p.Send("PATCH", path("pay", number), form("channel=balance")).Want(t, http.StatusOK)
		case paid:
			p.Send("POST", "/qaorder/question/create/", question(number)).Want(t, http.StatusCreated)
		case asked:
			d.Send("POST", "/qaorder/answer/create/", answer(o.Question.PK)).Want(t, http.StatusCreated)
		case answered:
			p.Send("PUT", path("finish", number)).Want(t, http.StatusOK)
		case finished:
			p.Send("PUT", path("evaluate", number), form("scores=5&content=ok")).Want(t, http.StatusOK)
		case evaluated:
			t.Fatalf("no way from 已评价 to %d", to)
		}
		o = orderOf(t, p.Get(path("detail", number)).Want(t, http.StatusOK))
	}
	return o
}

// placed makes an order of patient1 with doctor1 in a status.
func placed(t testing.TB, s *orderdtest.Server, status int) order {
	t.Helper()
	o := place(t, s)
	if status == cancelled {
		return orderOf(t, s.As(patient1).Send("PUT", path("cancel", o.OrderNumber)).Want(t, http.StatusOK))
	}
	return advance(t, s, o.OrderNumber, status)
}

func path(call, number string) string { return "/qaorder/order/" + call + "/" + number + "/" }

func question(number string) orderdtest.Body {
	return jsonBody(`{"order":"` + number + `","allergy_history":"无过敏史","smoke_history":"无吸烟史","condition_description":"咳嗽三天","file_list":["http://1.jpg","http://2.jpg"]}`)
}

func answer(pk int64) orderdtest.Body {
	return jsonBody(fmt.Sprintf(`{"question":%d,"diagnosis_tag":[3,2],"drug":[3,1],"diagnosis_result":"多喝水","extra_suggestion":"少熬夜"}`, pk))
}

// balance is what a user has in the wallet, in yuan.
func balance(t testing.TB, s *orderdtest.Server, username string) string {
	t.Helper()
	var user struct {
		Balance string `json:"balance"`
	}
	s.As(admin).Get("/admin/users/"+url.PathEscape(username)+"/").Want(t, http.StatusOK).Into(t, &user)
	return user.Balance
}

// register makes a user and gives the token; a price makes a doctor.
func register(t testing.TB, s *orderdtest.Server, username, fields string) string {
	t.Helper()
	var made struct {
		Token string `json:"token"`
	}
	body := form("username=" + url.QueryEscape(username) + "&password=secret-" + url.QueryEscape(username) + fields)
	s.As(admin).Send("POST", "/admin/users/", body).Want(t, http.StatusCreated).Into(t, &made)
	return made.Token
}

func topUp(t testing.TB, s *orderdtest.Server, username, yuan string) {
	t.Helper()
	s.As(admin).Send("POST", "/admin/users/"+username+"/topup/", form("amount="+yuan)).Want(t, http.StatusOK)
}

// atOnce sends n requests that start together and gives the replies.
func atOnce(n int, send func(i int) orderdtest.Reply) []orderdtest.Reply {
	replies := make([]orderdtest.Reply, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			replies[i] = send(i)
		})
	}
	close(start)
	wg.Wait()
	return replies
}

// tally counts replies by status and refusal, as "200" or "400/-4".
func tally(replies []orderdtest.Reply) map[string]int {
	counts := map[string]int{}
	for _, r := range replies {
		name := fmt.Sprint(r.Status)
		if n := r.Refusal(); n != 0 {
			name += fmt.Sprintf("/%d", n)
		}
		if r.Err != nil {
			name = r.Err.Error()
		}
		counts[name]++
	}
	return counts
}

// detail is what the text of an error stands under.
func detail(t testing.TB, r orderdtest.Reply) string {
	t.Helper()
	var body struct {
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		t.Fatalf("%s: %v: %.300s", r.Request, err, r.Body)
	}
	return body.Detail
}

func removeAll(t testing.TB, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func mustContain(t testing.TB, r orderdtest.Reply, text string) {
	t.Helper()
	if !strings.Contains(r.Body, text) {
		t.Errorf("%s: the reply %.500s has no %q", r.Request, r.Body, text)
	}
}
