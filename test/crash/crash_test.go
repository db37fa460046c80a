// Package crash kills the server by kill -9 under load, again and again, and holds it to what it told its
// clients: what was answered is kept, what was not is there in full or not at all, and the money adds up.
package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

const (
	kills      = 50
	patients   = 8
	price      = 1500      // fen, doctor1's for an online consultation
	funds      = 1_000_000 // fen, each patient's at first
	burstMin   = 40 * time.Millisecond
	burstRange = 200 * time.Millisecond
)

// The documents' statuses.
const (
	unpaid = iota
	paid
	asked
	answered
	finished
	evaluated
	cancelled
)

// move is a command that leads an order from one status to another.
type move struct {
	name     string
	from, to int
	chance   int // its weight among those from the same status
	send     func(p *patient, o *told) orderdtest.Reply
}

var moves = []move{
	{"pay", unpaid, paid, 8, func(p *patient, o *told) orderdtest.Reply {
		return p.client.Send("PATCH", path("pay", o), orderdtest.Form("channel=balance"))
	}},
	{"cancel", unpaid, cancelled, 1, func(p *patient, o *told) orderdtest.Reply { return p.client.Send("PUT", path("cancel", o)) }},
	{"ask", paid, asked, 6, func(p *patient, o *told) orderdtest.Reply {
		return p.client.Send("POST", "/qaorder/question/create/", orderdtest.Form("order="+o.Number+"&condition_description=x"))
	}},
	{"refund", paid, cancelled, 1, func(p *patient, o *told) orderdtest.Reply { return p.client.Send("PUT", path("refund", o)) }},
	{"answer", asked, answered, 6, func(p *patient, o *told) orderdtest.Reply {
		return p.doctor.Send("POST", "/qaorder/answer/create/", orderdtest.Form(fmt.Sprintf("question=%d&diagnosis_result=x", o.question(p))))
	}},
	{"refund", asked, cancelled, 1, func(p *patient, o *told) orderdtest.Reply { return p.client.Send("PUT", path("refund", o)) }},
	{"finish", answered, finished, 1, func(p *patient, o *told) orderdtest.Reply { return p.client.Send("PUT", path("finish", o)) }},
	{"evaluate", finished, evaluated, 1, func(p *patient, o *told) orderdtest.Reply {
		return p.client.Send("PUT", path("evaluate", o), orderdtest.Form("scores=5&content=x"))
	}},
}

func path(call string, o *told) string { return "/qaorder/order/" + call + "/" + o.Number + "/" }

// told is an order in the status that its client was told.
type told struct {
	Number string `json:"order_number"`
	Status int    `json:"status"`
	doubt  *move  // sent and not answered
	moves  []string
}

// question asks for the pk of the order's question; 0 is nobody's.
func (o *told) question(p *patient) int64 {
	var shown struct {
		Question struct {
			PK int64 `json:"pk"`
		} `json:"question"`
	}
	_ = json.Unmarshal([]byte(p.client.Get(path("detail", o)).Body), &shown) // without a reply it stays 0
	return shown.Question.PK
}

// patient is one client, with all it was told. It sends one command after another.
type patient struct {
	t              *testing.T
	name           string
	client, doctor orderdtest.Client
	random         *rand.Rand
	orders         map[string]*told
	active         *told
	lostCreates    int  // sent and not answered since the last look
	owed           bool // a refund that was not answered may come later, from the reactor
}

// load sends commands until the server has gone or stop is closed.
func (p *patient) load(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if p.active == nil {
			r := p.client.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor1&order_type=online"))
			if r.Err != nil {
				p.lostCreates++
				return
			}
			var o told
			r.Into(p.t, &o)
			if r.Status != http.StatusCreated {
				p.t.Errorf("create: %d %s", r.Status, r.Body)
				return
			}
			p.orders[o.Number], p.active = &o, &o
		}
		if !p.advance() {
			return
		}
	}
}

// advance sends one command for the active order and says whether it was answered.
func (p *patient) advance() bool {
	o := p.active
	m := p.choose(o.Status)
	if m == nil {
		p.active = nil
		return true
	}
	o.doubt = m
	r := m.send(p, o)
	if r.Err != nil || r.Refusal() == 0 && r.Status == http.StatusBadRequest { // the question's pk was not to be had
		return false
	}
	if r.Status >= 300 {
		p.t.Errorf("%s of order %s in status %d: %d %s", m.name, o.Number, o.Status, r.Status, r.Body)
		return false
	}
	o.Status, o.doubt, o.moves = m.to, nil, append(o.moves, m.name)
	return true
}

func (p *patient) choose(status int) *move {
	var possible []*move
	for i := range moves {
		for range moves[i].chance {
			if moves[i].from == status {
				possible = append(possible, &moves[i])
			}
		}
	}
	if len(possible) == 0 {
		return nil
	}
	return possible[p.random.IntN(len(possible))]
}

// recent is how many of the newest orders hold all that was touched since the last look.
const recent = 100

// look compares what the server has with what the client was told, then sends again what was not answered.
// The newest orders are enough, except in a look at everything.
func (p *patient) look(everything bool) {
	p.t.Helper()
	shown, all := p.list(everything)
	for number, o := range p.orders {
		got, ok := shown[number]
		switch {
		case !ok && !all && o.doubt == nil && o != p.active:
			continue // it is an old one
		case !ok:
			p.t.Errorf("%s: order %s in status %d is lost", p.name, number, o.Status)
		case got.Status == o.Status || o.doubt != nil && got.Status == o.doubt.to:
			o.Status = got.Status
		default:
			p.t.Errorf("%s: order %s is in status %d, its client was told %d (not answered: %v)", p.name, number, got.Status, o.Status, o.doubt)
		}
	}
	for number, got := range shown {
		if p.orders[number] != nil {
			continue
		}
		if p.lostCreates--; p.lostCreates < 0 || got.Status != unpaid {
			p.t.Errorf("%s: nobody asked for order %s in status %d", p.name, number, got.Status)
		}
		p.orders[number] = &told{Number: number, Status: got.Status}
	}
	p.lostCreates = 0
	for _, o := range p.orders {
		p.settle(o)
	}
	p.count()
}

// settle repeats a command that was not answered: it is done now, or refused since it was done.
func (p *patient) settle(o *told) {
	m := o.doubt
	if m == nil {
		return
	}
	o.doubt = nil
	p.owed = p.owed || m.name == "refund"
	was := o.Status
	r := m.send(p, o)
	o.moves = append(o.moves, fmt.Sprintf("%s (killed, found in status %d, then %d %s)", m.name, was, r.Status, r.Body))
	if done := was == m.to; done != (r.Status >= 300) {
		p.t.Errorf("%s: %s of order %s, found in status %d, again: %d %s %v", p.name, m.name, o.Number, was, r.Status, r.Body, r.Err)
	}
	var now told
	p.client.Get(path("detail", o)).Want(p.t, http.StatusOK).Into(p.t, &now)
	if o.Status = now.Status; o.Status != m.to {
		p.t.Errorf("%s: order %s is in status %d after %s was repeated", p.name, o.Number, o.Status, m.name)
	}
}

// list is the patient's list, its newest orders or all of it; it agrees with the details.
func (p *patient) list(everything bool) (shown map[string]*told, all bool) {
	shown = map[string]*told{}
	for page := 1; ; page++ {
		var l struct {
			Count   int
			Next    *string
			Results []json.RawMessage
		}
		p.client.Get(fmt.Sprintf("/qaorder/order/patient/list/?page_size=%d&page=%d", recent, page)).Want(p.t, http.StatusOK).Into(p.t, &l)
		for i, text := range l.Results {
			var o told
			if err := json.Unmarshal(text, &o); err != nil {
				p.t.Fatal(err)
			}
			shown[o.Number] = &o
			if page == 1 && i < 5 || p.random.IntN(50) == 0 {
				if detail := p.client.Get(path("detail", &o)); detail.Body != string(text) {
					p.t.Errorf("%s: the list has %s, the detail is %s", p.name, text, detail.Body)
				}
			}
		}
		if l.Next == nil {
			if len(shown) != l.Count {
				p.t.Errorf("%s: the list has %d orders and counts %d", p.name, len(shown), l.Count)
			}
			return shown, true
		}
		if !everything {
			return shown, false
		}
	}
}

// count compares the wallet with the orders.
func (p *patient) count() {
	p.t.Helper()
	if got, want := p.balance(), p.due(); got == want {
		p.owed = false
	} else if !p.owed || got > want {
		p.t.Errorf("%s: the wallet holds %d fen, want %d: %s", p.name, got, want, p.history())
	}
}

// due is what the wallet must hold, in fen: the first money less the orders that are paid.
func (p *patient) due() int {
	fen := funds
	for _, o := range p.orders {
		if o.Status != unpaid && o.Status != cancelled {
			fen -= price
		}
	}
	return fen
}

// history is what happened to the money's orders, for messages.
func (p *patient) history() string {
	var b strings.Builder
	for _, o := range p.orders {
		fmt.Fprintf(&b, "\n  %s in status %d by %v", o.Number, o.Status, o.moves)
	}
	return b.String()
}

// balance is what the wallet holds, in fen.
func (p *patient) balance() int {
	var user struct{ Balance string }
	p.client.With("Authorization", "Token "+orderdtest.Admin).Get("/admin/users/"+p.name+"/").Want(p.t, http.StatusOK).Into(p.t, &user)
	fen, err := strconv.Atoi(strings.Replace(user.Balance, ".", "", 1))
	if err != nil {
		p.t.Errorf("%s: the wallet holds %q", p.name, user.Balance)
	}
	return fen
}

func newPatients(t *testing.T, server *orderdtest.Server, seed uint64) []*patient {
	t.Helper()
	boss := server.As(orderdtest.Admin)
	all := make([]*patient, patients)
	for i := range all {
		name := fmt.Sprintf("p%d", i)
		var made struct{ Token string }
		boss.Send("POST", "/admin/users/", orderdtest.Form("username="+name+"&password=x")).Want(t, http.StatusCreated).Into(t, &made)
		boss.Send("POST", "/admin/users/"+name+"/topup/", orderdtest.Form("amount=10000.00")).Want(t, http.StatusOK)
		all[i] = &patient{t: t, name: name, client: server.As(made.Token), doctor: server.As(orderdtest.Doctor1),
			random: rand.New(rand.NewPCG(seed, uint64(i))), orders: map[string]*told{}}
	}
	return all
}

// TestKillUnderLoad kills the server 50 times in the middle of everything.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1<<32))
	server := orderdtest.DemoProcess(t)
	all := newPatients(t, server, seed)
	rounds := kills
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		burst(server, all, burstMin+time.Duration(random.Int64N(int64(burstRange))))
		server.Start()
		each(all, func(p *patient) { p.look(round%10 == 9 || round == rounds-1) })
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	orders := 0
	for _, p := range all {
		server.Eventually(p.name+"'s money is right", func() bool { return p.balance() == p.due() })
		p.statuses()
		orders += len(p.orders)
	}
	t.Logf("%d kills, %d orders", rounds, orders)
	if orders < rounds {
		t.Error("there was hardly any load")
	}
}

// burst loads the server for a while and kills it.
func burst(server *orderdtest.Server, all []*patient, d time.Duration) {
	stop := make(chan struct{})
	var work sync.WaitGroup
	for _, p := range all {
		work.Go(func() { p.load(stop) })
	}
	time.Sleep(d) // of load
	server.Kill()
	close(stop)
	work.Wait()
}

func each(all []*patient, do func(*patient)) {
	var work sync.WaitGroup
	for _, p := range all {
		work.Go(func() { do(p) })
	}
	work.Wait()
}

// statuses compares the lists by status with the orders.
func (p *patient) statuses() {
	want := map[int]int{}
	for _, o := range p.orders {
		want[o.Status]++
	}
	for status := unpaid; status <= cancelled; status++ {
		var l struct{ Count int }
		p.client.Get(fmt.Sprintf("/qaorder/order/patient/list/?status=%d", status)).Want(p.t, http.StatusOK).Into(p.t, &l)
		if l.Count != want[status] {
			p.t.Errorf("%s: %d orders listed in status %d, want %d", p.name, l.Count, status, want[status])
		}
	}
}
