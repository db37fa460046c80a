package sim

import (
	"encoding/json"
	"slices"
	"time"

	"orderengine/domain"
	"orderengine/eventstore"
)

// model is what a child would write down: it shares no code with the deciders, reads the stored events' plain
// JSON, and knows the notes' "States" by heart.
type model struct {
	w       *world
	orders  map[string]*orderModel
	wallets map[string]domain.Fen
	debits  map[string]domain.Fen // by attempt
	credits map[string]domain.Fen // by refund
	events  int
	kinds   map[string]int // of events

	topped    domain.Fen // all that was ever put into wallets
	inWallets domain.Fen
	onTheWay  domain.Fen // debited and not with the order yet, less what was credited and is not told to the order yet
	inOrders  domain.Fen // of wallets' money
}

type orderModel struct {
	status                int
	patient               string
	price                 domain.Fen
	monthly               bool
	patientHid, doctorHid bool
	question              int64
	paidAt                time.Time
	paidBy                string
	receipts              map[string]fact
	refunds               map[string]*refundModel
	received, going, gone domain.Fen // going: of refunds that have not failed
}

type refundModel struct {
	fact
	status         string
	parked, closed bool
	tried          time.Time // last
}

// putOff says that a clock ahead of its time has put the refund off.
func (r *refundModel) putOff(now time.Time) bool {
	from := r.tried
	if from.IsZero() {
		from = r.At
	}
	return r.status == "pending" && !r.closed && from.After(now)
}

// fact holds the fields of all events.
type fact struct {
	Patient string     `json:"patient"`
	Type    string     `json:"type"`
	Channel string     `json:"channel"`
	Ref     string     `json:"ref"`
	No      string     `json:"no"`
	Attempt string     `json:"attempt"`
	Order   string     `json:"order"`
	Refund  string     `json:"refund"`
	From    string     `json:"from"`
	PK      int64      `json:"pk"`
	Amount  domain.Fen `json:"amount"`
	At      time.Time  `json:"at"`
}

// moves are the statuses that an event leads from, and to.
var moves = map[string]struct {
	from []int
	to   int
}{
	"OrderPaid": {[]int{0}, 1}, "QuestionAsked": {[]int{1, 3}, 2}, "QuestionAnswered": {[]int{2}, 3}, "OrderFinished": {[]int{3}, 4},
	"OrderEvaluated": {[]int{4}, 5}, "OrderCancelled": {[]int{0, 1, 2}, 6},
}

func newModel(w *world) *model {
	return &model{w: w, orders: map[string]*orderModel{}, wallets: map[string]domain.Fen{}, debits: map[string]domain.Fen{}, credits: map[string]domain.Fen{}, kinds: map[string]int{}}
}

// took writes down a stored event.
func (m *model) took(e eventstore.Recorded) {
	m.events++
	m.kinds[e.Type]++
	var f fact
	if err := json.Unmarshal(e.Data, &f); err != nil {
		m.w.t.Fatalf("%s: %v", e.Type, err)
	}
	if id := e.Stream[len(eventstore.Category(e.Stream))+1:]; eventstore.Category(e.Stream) == "wallet" {
		m.wallet(id, e.Type, f)
	} else {
		m.order(id, e.Type, f)
	}
	if m.topped != m.inWallets+m.onTheWay+m.inOrders {
		m.w.t.Fatalf("after %s %s: %d fen were put in, %d are in wallets, %d on the way, %d in orders", e.Stream, e.Type, m.topped, m.inWallets, m.onTheWay, m.inOrders)
	}
}

func (m *model) wallet(who, event string, f fact) {
	switch event {
	case "WalletToppedUp":
		m.topped += f.Amount
		m.move(who, f.Amount)
	case "WalletDebited":
		m.once(m.debits, f.Attempt, f.Amount)
		m.move(who, -f.Amount)
		m.onTheWay += f.Amount
	case "DebitRefused":
		m.once(m.debits, f.Attempt, 0)
	case "WalletCredited":
		m.once(m.credits, f.Refund, f.Amount)
		m.move(who, f.Amount)
		m.onTheWay -= f.Amount
		if r := m.orders[f.Order].refunds[f.Refund]; r == nil || r.status != "pending" || r.Amount != f.Amount || r.Channel != "balance" || m.orders[f.Order].patient != who {
			m.w.t.Fatalf("%s is credited %+v for refund %+v", who, f, r)
		}
	}
}

func (m *model) move(who string, amount domain.Fen) {
	m.wallets[who] += amount
	m.inWallets += amount
	if m.wallets[who] < 0 {
		m.w.t.Fatalf("%s's wallet holds %d fen", who, m.wallets[who])
	}
}

func (m *model) once(done map[string]domain.Fen, what string, amount domain.Fen) {
	if before, twice := done[what]; twice {
		m.w.t.Fatalf("%s is done twice: %d fen and %d", what, before, amount)
	}
	done[what] = amount
}

func (m *model) order(number, event string, f fact) {
	o := m.orders[number]
	if event == "OrderPlaced" {
		if o != nil {
			m.w.t.Fatalf("order %s is placed twice", number)
		}
		m.orders[number] = &orderModel{patient: f.Patient, price: f.Amount, monthly: f.Type == "monthly", receipts: map[string]fact{}, refunds: map[string]*refundModel{}}
		return
	}
	if move, ok := moves[event]; ok {
		m.moved(number, o, event, move.from, move.to)
	}
	switch event {
	case "OrderPaid":
		o.paidBy, o.paidAt = f.Ref, f.At
		if f.Amount != o.price {
			m.w.t.Fatalf("order %s of %d fen is paid with %d", number, o.price, f.Amount)
		}
		m.received(number, o, f)
	case "SurplusReceived":
		m.received(number, o, f)
	case "QuestionAsked":
		o.question = f.PK
	case "OrderHidden":
		o.patientHid, o.doctorHid = o.patientHid || f.From == "patient", o.doctorHid || f.From == "doctor"
	default:
		m.refund(number, o, event, f)
	}
	if held := o.received - o.gone; held < 0 || o.going > o.received || o.gone > o.going {
		m.w.t.Fatalf("after %s: order %s received %d fen, %d are going back, %d have gone", event, number, o.received, o.going, o.gone)
	}
}

func (m *model) moved(number string, o *orderModel, event string, from []int, to int) {
	legal := false
	for _, s := range from {
		legal = legal || o.status == s
	}
	if event == "QuestionAsked" && o.status == 3 && !o.monthly || !legal {
		m.w.t.Fatalf("order %s: %s in status %d", number, event, o.status)
	}
	o.status = to
}

func (m *model) received(number string, o *orderModel, f fact) {
	if _, twice := o.receipts[f.Ref]; twice {
		m.w.t.Fatalf("order %s takes %s twice", number, f.Ref)
	}
	o.receipts[f.Ref] = f
	o.received += f.Amount
	switch paper := m.w.platform.paper(f.Ref); {
	case f.Channel == "balance" && f.Amount > 0:
		if m.debits[f.Ref] != f.Amount {
			m.w.t.Fatalf("order %s has %d fen of the wallet's attempt %s; it gave %d", number, f.Amount, f.Ref, m.debits[f.Ref])
		}
		m.onTheWay -= f.Amount
		m.inOrders += f.Amount
	case f.Amount > 0 && (paper == nil || paper.paid != f.Amount || paper.order != number):
		m.w.t.Fatalf("order %s has %+v; the platform has %+v", number, f, paper)
	}
}

func (m *model) refund(number string, o *orderModel, event string, f fact) {
	r := o.refunds[f.No]
	if event == "RefundRequested" {
		if r != nil {
			m.w.t.Fatalf("refund %s is requested twice", f.No)
		}
		o.refunds[f.No] = &refundModel{fact: f, status: "pending"}
		o.going += f.Amount
		if back, paid := o.back(f.Ref), o.receipts[f.Ref].Amount; back > paid || f.Amount <= 0 {
			m.w.t.Fatalf("order %s: %d of %d fen of %s go back", number, back, paid, f.Ref)
		}
		return
	}
	if slices.Contains([]string{"RefundAsked", "RefundAccepted", "RefundDelayed", "RefundParked", "RefundRetried"}, event) {
		defer func() { r.tried = f.At }()
	}
	switch event {
	case "RefundSucceeded":
		m.settled(o, r, "succeeded")
		o.gone += r.Amount
		if r.Channel == "balance" {
			if m.credits[f.No] != r.Amount {
				m.w.t.Fatalf("refund %+v has succeeded; the wallet got %d", r, m.credits[f.No])
			}
			m.onTheWay += r.Amount
			m.inOrders -= r.Amount
		}
	case "RefundFailed":
		m.settled(o, r, "failed")
		o.going -= r.Amount
	case "RefundParked":
		r.parked = true
	case "RefundRetried":
		if !r.waits() && !r.putOff(f.At) {
			m.w.t.Fatalf("refund %+v is retried", r)
		}
		r.closed, r.parked = r.status == "failed", false
	case "RefundGivenUp":
		if !r.waits() {
			m.w.t.Fatalf("refund %+v is given up", r)
		}
		r.closed = true
	}
}

// settled holds the order to what the platform says.
func (m *model) settled(o *orderModel, r *refundModel, status string) {
	if r == nil || r.status != "pending" {
		m.w.t.Fatalf("refund %+v ends again, as %s", r, status)
	}
	if b := m.w.platform.backs[r.No]; r.Channel != "balance" && (b == nil || string(b.status) != status || b.amount != r.Amount || b.charge != r.Ref) {
		m.w.t.Fatalf("refund %+v is %s; the platform has %+v", r, status, b)
	}
	r.status, r.parked = status, false
}

// back is what goes back of a receipt.
func (o *orderModel) back(ref string) (sum domain.Fen) {
	for _, r := range o.refunds {
		if r.Ref == ref && r.status != "failed" {
			sum += r.Amount
		}
	}
	return sum
}

// waits: for a person.
func (r *refundModel) waits() bool { return !r.closed && (r.parked || r.status == "failed") }
