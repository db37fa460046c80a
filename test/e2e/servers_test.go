package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestTwoServersDecideAsOne sends the same moves to two servers at once: what one has decided holds for the other, and
// money moves once. What their views show is looked at when both have caught up.
func TestTwoServersDecideAsOne(t *testing.T) {
	t.Parallel()
	server := orderdtest.TwoServers.Demo(t)
	p := server.As(patient1)
	before := balance(t, server, "patient1")
	o := place(t, server)
	paidBy := tally(atOnce(8, func(int) orderdtest.Reply {
		return p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance"))
	}))
	if paidBy["200"] == 0 || paidBy["200"]+paidBy["400/-1"] != 8 { // who finds the payment begun carries it out too
		t.Errorf("paid %v", paidBy)
	}
	refundedBy := tally(atOnce(8, func(int) orderdtest.Reply { return p.Send("PUT", path("refund", o.OrderNumber)) }))
	if refundedBy["200"] != 1 || refundedBy["400/-7"] != 7 {
		t.Errorf("refunded %v", refundedBy)
	}
	keyed := p.With("Idempotency-Key", "once").Anywhere()
	made := map[string]bool{}
	for _, r := range atOnce(8, func(int) orderdtest.Reply {
		return keyed.Send("POST", create, form("doctor=doctor1&order_type=online"))
	}) {
		made[r.Want(t, http.StatusCreated).Body] = true
	}
	if len(made) != 1 {
		t.Errorf("one key made %d orders", len(made))
	}
	for range 2 { // each server
		server.Eventually("cancelled", func() bool {
			r := p.Get(path("detail", o.OrderNumber))
			return r.Status == http.StatusOK && orderOf(t, r).Status == cancelled
		})
		server.Eventually("the money is back", func() bool { return balance(t, server, "patient1") == before })
	}
}

// TestTwoServersReadEachOthersTexts: the first text makes the patient's data key, at a server that has just told the
// other of nothing.
func TestTwoServersReadEachOthersTexts(t *testing.T) {
	t.Parallel()
	server := orderdtest.TwoServers.Demo(t)
	d := server.As(doctor1)
	for i := range 4 {
		name := fmt.Sprintf("patient-%d", i)
		p := server.As(register(t, server, name, "")).Anywhere()
		topUp(t, server, name, "15.00")
		o := placeFrom(t, p, "doctor1", "online")
		p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance")).Want(t, http.StatusOK)
		p.Get(path("detail", o.OrderNumber)).Want(t, http.StatusOK)
		var q struct{ PK int64 } // asked at the server that did not make the order, finished at the one that did
		p.Send("POST", "/qaorder/question/create/", question(o.OrderNumber)).Want(t, http.StatusCreated).Into(t, &q)
		d.Send("POST", "/qaorder/answer/create/", answer(q.PK)).Want(t, http.StatusCreated)
		done := p.Send("PUT", path("finish", o.OrderNumber)).Want(t, http.StatusOK)
		mustContain(t, done, `"condition_description":"咳嗽三天"`)
		mustContain(t, done, `"diagnosis_result":"多喝水"`)
		p.Get(path("detail", o.OrderNumber)).Want(t, http.StatusOK) // the next one begins at the other server
	}
}
