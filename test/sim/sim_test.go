package sim

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
)

// perWorld is how many commands one world lives through; a new one begins empty.
const perWorld = 1000

// TestMoney is the model test. At every step, by order: paid − refunded ≥ 0, refunds ≤ paid, no illegal move;
// no wallet below zero; what was put into wallets is in them, in orders, or on the way; the platform has given
// back just what orders say. In the end all money is kept by a paid order or with whom it came from.
func TestMoney(t *testing.T) {
	total := defaultCommands
	if text := os.Getenv("SIM_COMMANDS"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const halves = 2 // one for each core
	setDefault(t, "rapid.steps", perWorld)
	setDefault(t, "rapid.checks", total/perWorld/halves*41/40+1) // rapid stops a few early
	var played, events, orders atomic.Int64
	var mu sync.Mutex
	kinds := map[string]int{}
	t.Run("worlds", func(t *testing.T) {
		for half := range halves {
			t.Run(strconv.Itoa(half), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(t *rapid.T) {
					w, command := newWorld(t), commands(rapid.Uint64().Draw(t, "taste"))
					t.Repeat(map[string]func(*rapid.T){"": func(*rapid.T) {}, "command": func(t *rapid.T) {
						w.play(command.Draw(t, "command"))
						played.Add(1)
					}})
					w.settle()
					events.Add(int64(w.model.events))
					orders.Add(int64(len(w.numbers)))
					mu.Lock()
					defer mu.Unlock()
					for kind, n := range w.model.kinds {
						kinds[kind] += n
					}
				})
			})
		}
	})
	t.Logf("%d commands, %d orders, %d events: %v", played.Load(), orders.Load(), events.Load(), kinds)
}

// setDefault sets a flag of rapid that the command line did not set.
func setDefault(t *testing.T, name string, value int) {
	if f := flag.Lookup(name); f.Value.String() == f.DefValue {
		if err := f.Value.Set(strconv.Itoa(value)); err != nil {
			t.Fatal(err)
		}
	}
}

// step is one command: what, to which order, and how.
type step struct {
	Do    string
	Order int
	How   int
}

// weights say how often each command comes.
var weights = map[string]int{
	"create": 4, "pay": 12, "charge paid": 10, "notice": 14, "perform": 24, "ask": 6, "answer": 6, "finish": 4, "evaluate": 3, "cancel": 1, "destroy": 1,
	"refund": 2, "refund ends": 6, "retry": 4, "give up": 1, "top up": 2, "time passes": 8, "clock jumps": 1, "again": 3, "stranger": 2,
}

// commands draws them. Rapid likes small numbers, so that each world has a few commands that come often; which
// ones is its taste.
func commands(taste uint64) *rapid.Generator[step] {
	var names []string
	for name := range weights {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		all = append(all, slices.Repeat([]string{name}, weights[name])...)
	}
	return rapid.Map(rapid.Uint32(), func(n uint32) step {
		z := (taste + uint64(n)) * 0x9E3779B97F4A7C15 // splitmix64
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		d := dice(z >> 2)
		return step{all[d.roll(len(all))], d.roll(16), int(d)}
	})
}

var channels = []payment.Channel{payment.WX, payment.Alipay, payment.Balance}

var waits = []time.Duration{10 * time.Second, 10 * time.Second, time.Minute, 6 * time.Minute, 6 * time.Minute, 2 * time.Hour, 26 * time.Hour, 50 * time.Hour, 8 * 24 * time.Hour}

// dice take a command's How apart.
type dice int

func (d *dice) roll(sides int) int {
	n := int(*d) % sides
	*d /= dice(sides)
	return n
}

func (w *world) play(c step) {
	w.base = w.base.Add(time.Second)
	d := dice(c.How)
	on := d.roll(2)
	if c.Do == "create" || len(w.numbers) == 0 {
		w.create(on, &d)
		return
	}
	number := w.which(c, on)
	switch c.Do {
	case "pay", "ask", "answer", "finish", "evaluate", "cancel", "destroy", "refund", "stranger":
		w.user(on, number, c.Do, &d)
	case "charge paid":
		w.chargePaid(number, &d)
	case "notice":
		w.notice(on, &d)
	case "perform":
		w.performed(on, number, &d)
	case "refund ends":
		if n := len(w.platform.open); n > 0 {
			w.platform.settle(w.platform.open[d.roll(n)], d.roll(3) > 0)
		}
	case "retry", "give up":
		w.person(on, number, c.Do, &d)
	case "top up":
		w.topUp(on, patients[d.roll(len(patients))], domain.Fen(1+d.roll(3000)))
	case "time passes":
		w.base = w.base.Add(waits[d.roll(len(waits))])
	case "clock jumps":
		w.servers[on].off = []time.Duration{0, 365 * 24 * time.Hour, -365 * 24 * time.Hour, 3 * time.Second, -time.Hour}[d.roll(5)]
	case "again":
		if w.again != nil {
			if err := w.again(); err != nil {
				w.t.Fatal(err)
			}
		}
	default:
		w.t.Fatalf("nobody knows how to %s", c.Do)
	}
}

// which order a command goes to: mostly one of the newest that it can change, at times any.
func (w *world) which(c step, on int) string {
	newest := w.numbers[max(0, len(w.numbers)-8):]
	if c.Order >= 12 {
		return w.numbers[c.How%len(w.numbers)]
	}
	for i := range newest {
		number := newest[(c.Order+i)%len(newest)]
		if w.useful(number, c.Do, w.now(on)) {
			return number
		}
	}
	return newest[0]
}

func (w *world) useful(number, do string, at time.Time) bool {
	o := w.model.orders[number]
	switch do {
	case "charge paid":
		return slices.ContainsFunc(w.platform.papers, func(p *paper) bool { return p.order == number && p.paid == 0 })
	case "retry", "give up":
		for _, r := range o.refunds {
			if r.waits() {
				return true
			}
		}
		return false
	case "perform":
		got, err := w.servers[0].orders.Load(w.ctx, number)
		return err == nil && slices.ContainsFunc(process.QA(got.State, periods), func(t process.Todo) bool { return !t.Due.After(at.Add(periods.Grace)) })
	default:
		return expected(o, do, at) >= 0
	}
}

func (w *world) create(on int, d *dice) {
	patient := d.roll(len(patients))
	w.pk++
	number := qa.Number(w.base, w.pk, int64(patient))
	place := qa.Place{Number: number, PK: w.pk, Patient: patients[patient], PatientPK: int64(patient), Doctor: doctor, Type: qa.Types[d.roll(2)],
		Amount: []domain.Fen{1500, 1500, 700, 1, 0, 2900}[d.roll(6)], At: w.now(on)}
	if err := w.order(on, number, place); err != nil {
		w.t.Fatal(err)
	}
	w.numbers = append(w.numbers, number)
}

// expected is the status that a user's command leads to, -1 if it is to be refused.
func expected(o *orderModel, do string, at time.Time) int {
	from := map[string][]int{"pay": {0}, "ask": {1}, "answer": {2}, "finish": {3}, "evaluate": {4}, "cancel": {0}, "destroy": {0, 4, 5, 6}, "refund": {1, 2}}
	to := map[string]int{"ask": 2, "answer": 3, "finish": 4, "evaluate": 5, "cancel": 6, "refund": 6}
	switch {
	case do == "answer" && o.doctorHid || do != "answer" && o.patientHid:
		return -1
	case do == "ask" && o.monthly && o.status == 3 && at.Before(o.paidAt.Add(30*24*time.Hour)):
		return 2
	case !slices.Contains(from[do], o.status):
		return -1
	case do == "pay" && o.price == 0:
		return 1
	case do == "pay":
		return 0
	case do == "destroy" && o.status == 0:
		return 6
	case do == "destroy":
		return o.status
	default:
		return to[do]
	}
}

// user sends what a patient or doctor would, and holds the answer to the notes' "States".
func (w *world) user(on int, number, do string, d *dice) {
	o, at := w.model.orders[number], w.now(on)
	w.pk++
	commands := map[string]qa.Command{
		"pay":      qa.RequestPayment{By: o.patient, Attempt: fmt.Sprintf("a%d", w.pk), Channel: channels[d.roll(3)], ClientIP: "127.0.0.1", At: at},
		"ask":      qa.Ask{By: o.patient, Question: qa.Question{PK: w.pk, At: at}},
		"answer":   qa.GiveAnswer{By: doctor, Answer: qa.Answer{PK: w.pk, Question: o.question, At: at}},
		"finish":   qa.Finish{By: o.patient, At: at},
		"evaluate": qa.Evaluate{By: o.patient, Evaluation: qa.Evaluation{PK: w.pk, Scores: 1 + d.roll(5), At: at}},
		"cancel":   qa.Cancel{By: o.patient, At: at},
		"destroy":  qa.Destroy{By: o.patient, At: at},
		"refund":   qa.Refund{By: o.patient, At: at},
		"stranger": []qa.Command{qa.Cancel{By: "eve", At: at}, qa.Refund{By: "eve", At: at}, qa.Refund{By: doctor, At: at}, qa.Destroy{By: "eve", At: at}}[d.roll(4)],
	}
	was, want, events := *o, expected(o, do, at), w.model.events
	err := w.order(on, number, commands[do])
	var refusal *domain.Fault
	switch {
	case want < 0 && !errors.As(err, &refusal):
		w.t.Fatalf("%s at %s of %+v is not refused: %v", do, at, was, err)
	case want < 0 && w.model.events != events:
		w.t.Fatalf("%s was refused and changed the order", do)
	case want >= 0 && err != nil:
		w.t.Fatalf("%s is refused: %v", do, err)
	case want >= 0 && o.status != want:
		w.t.Fatalf("%s leads to status %d, not %d", do, o.status, want)
	}
	if do == "pay" && err == nil && d.roll(2) == 0 {
		w.platform.mood = well
		w.perform(on, number, true, nil) // as the API does
	}
}

// chargePaid has somebody pay one of an order's charges: the first, another one, an expired one, the wrong sum.
func (w *world) chargePaid(number string, d *dice) {
	var of []*paper
	for _, c := range w.platform.papers {
		if c.order == number {
			of = append(of, c)
		}
	}
	if len(of) == 0 {
		return
	}
	c := of[d.roll(len(of))]
	amount := c.charge.Amount
	if d.roll(8) == 0 {
		amount += domain.Fen(d.roll(5) - 2)
	}
	w.platform.pay(c, amount)
}

// notice delivers one that is on its way; it may come again.
func (w *world) notice(on int, d *dice) {
	p := w.platform
	if len(p.notices) == 0 {
		return
	}
	i := d.roll(len(p.notices))
	n := p.notices[i]
	if d.roll(3) > 0 {
		p.notices = slices.Delete(p.notices, i, i+1)
	}
	w.deliver(on, n)
}

// performed has a server carry out what is due while the platform is in some mood, and something happens at
// some step: it stops, or another server, the platform or a user is faster.
func (w *world) performed(on int, number string, d *dice) {
	p := w.platform
	p.mood, p.renews = []mood{well, well, well, settles, fails, refuses, lostBefore, lostAfter}[d.roll(8)], d.roll(8) == 0
	var b *interruption
	if what := d.roll(8); what > 1 {
		b = &interruption{at: d.roll(4), after: d.roll(2) == 0, dies: d.roll(2) == 0}
		b.then = map[int]func(){
			2: func() {},
			3: func() { w.perform(1-on, number, true, nil) },
			4: func() { w.perform(1-on, number, true, nil); w.user(1-on, number, "refund", d) },
			5: func() { w.user(1-on, number, "cancel", d) },
			6: func() { w.chargePaid(number, d); w.notice(1-on, d) },
			7: func() { w.user(1-on, number, "refund", d); w.perform(1-on, number, true, nil) },
		}[what]
	}
	w.perform(on, number, d.roll(2) == 0, b)
	p.mood, p.renews = well, false
}

// person retries a refund or gives it up.
func (w *world) person(on int, number, do string, d *dice) {
	o := w.model.orders[number]
	if len(o.refunds) == 0 {
		return
	}
	no := fmt.Sprintf("%sR%d", number, 1+d.roll(len(o.refunds)))
	r := o.refunds[no]
	var c qa.Command = payment.RetryRefund{No: no, By: "admin", At: w.now(on)}
	if do == "give up" {
		c = payment.GiveUpRefund{No: no, By: "admin", At: w.now(on)}
	}
	waited, refunds := r.waits() || do == "retry" && r.putOff(w.now(on)), len(o.refunds)
	if err := w.order(on, number, c); (err == nil) != waited {
		w.t.Fatalf("%s of %+v: %v", do, r, err)
	}
	if want := refunds + 1; do == "retry" && waited && r.status == "failed" && len(o.refunds) != want {
		w.t.Fatalf("a failed refund is retried: %d refunds, want %d", len(o.refunds), want)
	}
}

// settle lets everything come to its end: clocks that are right, a platform that is well, a person who retries.
func (w *world) settle() {
	for i := range w.servers {
		w.servers[i].off = 0
	}
	w.platform.mood, w.platform.renews = settles, false
	var open string // what was, the last time
	for round := range 40 {
		for _, n := range w.platform.notices {
			w.deliver(round%2, n)
		}
		w.platform.notices = nil
		for len(w.platform.open) > 0 {
			w.platform.settle(w.platform.open[0], true)
		}
		w.base = w.base.Add(30 * 24 * time.Hour)
		busy := len(w.platform.notices) > 0
		for _, number := range w.numbers {
			w.perform(round%2, number, false, nil)
			o, err := w.servers[round%2].orders.Load(w.ctx, number)
			if err != nil {
				w.t.Fatal(err)
			}
			if todos := process.QA(o.State, periods); len(todos) > 0 {
				busy, open = true, fmt.Sprintf("%+v of %+v", todos, o.State)
			}
			if w.retried(number) {
				busy = true
			}
		}
		if !busy {
			w.check()
			return
		}
	}
	w.t.Fatalf("it never ends: %s", open)
}

// retried has the person retry what waits.
func (w *world) retried(number string) (any bool) {
	for no, r := range w.model.orders[number].refunds {
		if r.waits() {
			any = true
			if err := w.order(0, number, payment.RetryRefund{No: no, By: "admin", At: w.now(0)}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return any
}

// check adds everything up at the end.
func (w *world) check() {
	var held domain.Fen // of the platform's money, by orders
	for _, number := range w.numbers {
		o := w.model.orders[number]
		for _, r := range o.refunds {
			if r.status == "pending" && !r.closed || r.status == "failed" && !r.closed {
				w.t.Fatalf("order %s: refund %+v is still open", number, r)
			}
		}
		for ref, receipt := range o.receipts {
			back := o.back(ref)
			kept := ref == o.paidBy && o.status != 6
			if !kept && back != receipt.Amount && !givenUp(o, ref) || kept && back != 0 {
				w.t.Fatalf("order %s in status %d: of %+v %d fen went back", number, o.status, receipt, back)
			}
			if receipt.Channel != "balance" {
				held += receipt.Amount
			}
		}
		for _, r := range o.refunds {
			if r.Channel != "balance" && r.status == "succeeded" {
				held -= r.Amount
			}
		}
		w.same(number, o)
	}
	if held != w.platform.held {
		w.t.Fatalf("orders hold %d fen of the platform's, the platform says %d", held, w.platform.held)
	}
	if w.model.onTheWay != 0 {
		w.t.Fatalf("%d fen are between wallets and orders", w.model.onTheWay)
	}
	for _, who := range patients {
		for _, s := range w.servers {
			if has, err := s.wallets.Load(w.ctx, who); err != nil || has.State.Balance != w.model.wallets[who] {
				w.t.Fatalf("%s's wallet holds %d, the model says %d (%v)", who, has.State.Balance, w.model.wallets[who], err)
			}
		}
	}
}

// givenUp: a person has taken it into their hands.
func givenUp(o *orderModel, ref string) bool {
	for _, r := range o.refunds {
		if r.Ref == ref && r.closed {
			return true
		}
	}
	return false
}

// same compares the order's state with the model's.
func (w *world) same(number string, m *orderModel) {
	for _, s := range w.servers {
		got, err := s.orders.Load(w.ctx, number)
		if err != nil {
			w.t.Fatal(err)
		}
		o := got.State
		var received, gone domain.Fen
		for _, r := range o.Receipts {
			received += r.Amount
		}
		for _, r := range o.Refunds {
			if string(r.Status) != m.refunds[r.No].status || r.WaitsForPerson() != m.refunds[r.No].waits() {
				w.t.Fatalf("refund %+v, the model has %+v", r, m.refunds[r.No])
			}
			if r.Status == payment.Succeeded {
				gone += r.Amount
			}
		}
		if int(o.Status) != m.status || received != m.received || gone != m.gone || len(o.Receipts) != len(m.receipts) || len(o.Refunds) != len(m.refunds) {
			w.t.Fatalf("order %s: %+v, the model has %+v", number, o, m)
		}
	}
}
