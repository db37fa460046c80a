package cluster

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
	"orderengine/test/redistest"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

// TestWhatOneServerDidIsKnownAtTheOther leads orders through their lives, each step at the server that did not do the
// last one, at once.
func TestWhatOneServerDidIsKnownAtTheOther(t *testing.T) {
	t.Parallel()
	e := newEstate(t, redistest.Start(t).URL(), nil, nil)
	token := e.register("patient", "")
	e.servers[0].As(adminToken).Send("POST", "/admin/users/patient/topup/", orderdtest.Form("amount=1000.00")).Want(t, http.StatusOK)
	here, there := e.servers[0], e.servers[1]
	for range 5 {
		var o order
		here.As(token).Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor&order_type=online")).Want(t, http.StatusCreated).Into(t, &o)
		there.As(token).Send("PATCH", path("pay", o.Number), orderdtest.Form("channel=balance")).Want(t, http.StatusOK)
		s := &subject{number: o.Number, token: token}
		f := &faulty{estate: e}
		for i, v := range []verb{ask, answer, finish, evaluate} {
			f.do(s, 0, i%2, v, time.Now())
		}
		if len(s.history) != 4 {
			t.Fatalf("%d steps, want 4", len(s.history))
		}
		for _, op := range s.history {
			if op.Output != (outcome{}) {
				t.Errorf("%s of order %s: %+v", op.Input, s.number, op.Output)
			}
		}
		here, there = there, here
	}
}

// TestWhoHearsARefusalReadsItsReason holds up the leader's commits: a command that is refused because of one that the
// views do not have yet is not followed by a read from before that one.
func TestWhoHearsARefusalReadsItsReason(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	leader, other := f.leader()
	if leader != f.servers[0] {
		t.Fatal("the server that was first does not lead")
	}
	s := f.place(seeded())[0]
	f.atTheEnd()
	f.links[1].Stall() // the leader's Redis
	body := orderdtest.JSON(`{"order":"` + s.number + `","condition_description":"咳嗽"}`)
	asked := make(chan orderdtest.Reply, 1)
	go func() { asked <- other.As(s.token).Send("POST", "/qaorder/question/create/", body) }()
	f.eventually(patience, "the question is in the log", func() bool {
		for e, err := range f.log.ReadStream(t.Context(), "qaorder-"+s.number, 0) {
			if err == nil && e.Type == "QuestionAsked" {
				return true
			}
		}
		return false
	})
	if r := other.As(s.token).Send("POST", "/qaorder/question/create/", body); r.Refusal() == 0 {
		t.Errorf("asked twice: %d %s", r.Status, r.Body)
	}
	var o order
	if r := other.As(s.token).Get(path("detail", s.number)); r.Status == http.StatusOK {
		if r.Into(t, &o); o.Status == paid {
			t.Errorf("the order is read in status %d after it was refused for being further", o.Status)
		}
	}
	f.links[1].Heal()
	(<-asked).Want(t, http.StatusCreated)
}
