package qa

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// pair is one command on an order of one type in every status: the events where it is legal, else the code.
type pair struct {
	name    string
	types   []OrderType
	command Command
	legal   map[Status]string
	code    domain.Code // 0: it changes nothing and is not refused
}

func in(events string, ss ...Status) map[Status]string {
	m := map[Status]string{}
	for _, s := range ss {
		m[s] = events
	}
	return m
}

func pairs() []pair {
	online, monthly := []OrderType{Online}, []OrderType{Monthly}
	destroyed := in("OrderHidden", Finished, Evaluated, Cancelled)
	destroyed[Unpaid] = "OrderCancelled OrderHidden"
	confirmed := in("SurplusReceived RefundRequested", Paid, Asked, Answered, Finished, Evaluated, Cancelled)
	confirmed[Unpaid] = "OrderPaid"
	soon, last := paidAt.Add(2*time.Hour), paidAt.Add(MonthlyPeriod)
	return []pair{
		{"place", Types, place(Online, price), nil, domain.AlreadyExists},
		{"pay", Types, RequestPayment{By: patient, Attempt: "a1", Channel: payment.WX, At: t0}, in("PaymentRequested", Unpaid), domain.CannotPay},
		{"decline what nobody asked for", Types, payment.DeclinePayment{Attempt: "a1", At: t0}, nil, 0},
		{"charge that nobody asked for", Types, payment.RecordCharge{Charge: payment.Charge{ID: "ch_1", Channel: payment.WX}}, nil, 0},
		{"money", Types, payment.ConfirmPayment{Receipt: receipt("ch_new", price)}, confirmed, 0},
		{"too little money", Types, payment.ConfirmPayment{Receipt: receipt("ch_new", price-1)}, in("SurplusReceived RefundRequested", Statuses...), 0},
		{"no money", Types, payment.ConfirmPayment{Receipt: receipt("ch_new", 0)}, nil, domain.Invalid},
		{"time-out while unpaid", Types, TimeOut{Since: Unpaid, At: soon}, in("OrderCancelled", Unpaid), 0},
		{"time-out while paid", Types, TimeOut{Since: Paid, At: soon}, in("OrderCancelled RefundRequested", Paid), 0},
		{"time-out while asked", Types, TimeOut{Since: Asked, At: soon}, in("OrderCancelled RefundRequested", Asked), 0},
		{"time-out while answered", Types, TimeOut{Since: Answered, At: soon}, in("OrderFinished", Answered), 0},
		{"time-out while finished", Types, TimeOut{Since: Finished, At: soon}, nil, 0},
		{"ask for a refund there is not", Types, payment.AskRefund{No: "R1", Claim: "c1", At: t0}, nil, domain.NotFound},
		{"accept a refund there is not", Types, payment.AcceptRefund{No: "R1", At: t0}, nil, domain.NotFound},
		{"delay a refund there is not", Types, payment.DelayRefund{No: "R1", At: t0}, nil, domain.NotFound},
		{"park a refund there is not", Types, payment.ParkRefund{No: "R1", At: t0}, nil, domain.NotFound},
		{"retry a refund there is not", Types, payment.RetryRefund{No: "R1", At: t0}, nil, domain.NotFound},
		{"give up a refund there is not", Types, payment.GiveUpRefund{No: "R1", At: t0}, nil, domain.NotFound},
		{"cancel", Types, Cancel{By: patient, At: t0}, in("OrderCancelled", Unpaid), domain.CannotCancel},
		{"destroy by patient", Types, Destroy{By: patient, At: t0}, destroyed, domain.CannotDestroy},
		{"destroy by doctor", Types, Destroy{By: doctor, At: t0}, destroyed, domain.CannotDestroy},
		{"ask", online, ask(8, soon), in("QuestionAsked", Paid), domain.CannotAsk},
		{"ask in the month", monthly, ask(8, soon), in("QuestionAsked", Paid, Answered), domain.CannotAsk},
		{"ask in the month's last moment", monthly, ask(8, last.Add(-1)), in("QuestionAsked", Paid, Answered), domain.CannotAsk},
		{"ask after the month", monthly, ask(8, last), in("QuestionAsked", Paid), domain.CannotAsk},
		{"answer", Types, answer(openPK), in("QuestionAnswered", Asked), domain.CannotAnswer},
		{"answer another question", Types, answer(openPK + 1), nil, domain.CannotAnswer},
		{"finish", Types, Finish{By: patient, At: t0}, in("OrderFinished", Answered), domain.CannotFinish},
		{"evaluate", Types, evaluate(1), in("OrderEvaluated", Finished), domain.CannotEvaluate},
		{"refund", Types, Refund{By: patient, At: t0}, in("OrderCancelled RefundRequested", Paid, Asked), domain.CannotRefund},
		{"settle a refund there is not", Types, payment.SettleRefund{No: "R1", OK: true, At: t0}, nil, domain.NotFound},
	}
}

func TestEveryCommandInEveryStatus(t *testing.T) {
	for _, p := range pairs() {
		for _, typ := range p.types {
			for _, s := range Statuses {
				t.Run(fmt.Sprintf("%s/%s/%s", p.name, typ, s), func(t *testing.T) {
					o := orderIn(t, s, typ)
					if want, ok := p.legal[s]; ok {
						gives(t, o, p.command, want)
					} else if p.code == 0 {
						gives(t, o, p.command, "")
					} else {
						refused(t, o, p.command, p.code)
					}
				})
			}
		}
	}
}

func TestEveryCommandIsInTheTable(t *testing.T) {
	inTable := map[string]bool{}
	for _, p := range pairs() {
		inTable[reflect.TypeOf(p.command).Name()] = true
	}
	found := 0
	for _, path := range []string{"commands.go", "../payment/commands.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "OrderCommand" {
				found++
				if name := f.Recv.List[0].Type.(*ast.Ident).Name; !inTable[name] {
					t.Errorf("command %s is not tried in every status", name)
				}
			}
		}
	}
	if found != len(inTable) {
		t.Errorf("%d commands declared, %d in the table", found, len(inTable))
	}
}

func TestNothingIsDoneToAnOrderThatWasNotPlaced(t *testing.T) {
	for _, p := range pairs() {
		if _, ok := p.command.(Place); !ok {
			refused(t, Order{}, p.command, domain.NotFound)
		}
	}
}

type unknownCommand struct{}

func (unknownCommand) OrderCommand() {}

func TestUnknownCommandIsADefectAndNoRefusal(t *testing.T) {
	events, err := Decide(orderIn(t, Paid, Online), unknownCommand{})
	if _, is := err.(*domain.Fault); err == nil || is || len(events) > 0 {
		t.Errorf("events %v, error %v", events, err)
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		name  string
		place func(*Place)
		field string
	}{
		{"as it is", func(*Place) {}, ""},
		{"free of charge", func(p *Place) { p.Amount = 0 }, ""},
		{"the most", func(p *Place) { p.Amount = domain.MaxFen }, ""},
		{"more than the most", func(p *Place) { p.Amount = domain.MaxFen + 1 }, "amount"},
		{"negative", func(p *Place) { p.Amount = -1 }, "amount"},
		{"from oneself", func(p *Place) { p.Doctor = p.Patient }, "doctor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			command := place(Monthly, price)
			c.place(&command)
			if c.field != "" {
				_, err := Decide(Order{}, command)
				if f, ok := err.(*domain.Fault); !ok || f.Code != domain.Invalid || f.Field != c.field {
					t.Errorf("refusal %v, want invalid %s", err, c.field)
				}
				return
			}
			got := gives(t, Order{}, command, "OrderPlaced")
			want := Order{Number: number, PK: 1, Patient: patient, PatientPK: 3, Doctor: doctor, Type: Monthly, Amount: command.Amount, At: t0}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("order %+v, want %+v", got, want)
			}
		})
	}
}

// asked is each command that a user gives, on an order where the patient or the doctor may.
func asked(by string) map[string]struct {
	status  Status
	who     Side // "" for both
	command Command
} {
	a, q, e := answer(openPK), ask(8, paidAt), evaluate(3)
	a.By, q.By, e.By = by, by, by
	return map[string]struct {
		status  Status
		who     Side
		command Command
	}{
		"pay":            {Unpaid, PatientSide, RequestPayment{By: by, Attempt: "a", Channel: payment.WX, At: t0}},
		"cancel":         {Unpaid, PatientSide, Cancel{By: by, At: t0}},
		"ask":            {Paid, PatientSide, q},
		"answer":         {Asked, DoctorSide, a},
		"finish":         {Answered, PatientSide, Finish{By: by, At: t0}},
		"evaluate":       {Finished, PatientSide, e},
		"refund":         {Paid, PatientSide, Refund{By: by, At: t0}},
		"destroy":        {Finished, "", Destroy{By: by, At: t0}},
		"destroy unpaid": {Unpaid, "", Destroy{By: by, At: t0}},
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	for _, who := range []struct {
		name string
		side Side
		hide Side
	}{
		{patient, PatientSide, ""}, {doctor, DoctorSide, ""}, {"stranger", "", ""}, {"", "", ""}, {"system", "", ""},
		{patient, PatientSide, PatientSide}, {doctor, DoctorSide, DoctorSide},
		{patient, PatientSide, DoctorSide}, {doctor, DoctorSide, PatientSide},
	} {
		for name, c := range asked(who.name) {
			t.Run(fmt.Sprintf("%s by %q hidden from %q", name, who.name, who.hide), func(t *testing.T) {
				o := orderIn(t, c.status, Online)
				if who.hide != "" {
					o = Evolve(o, OrderHidden{From: who.hide, At: t0})
				}
				var want domain.Code
				switch {
				case who.side == "" || who.hide == who.side:
					want = domain.NotFound
				case c.who != "" && c.who != who.side:
					want = domain.Forbidden
				}
				events, err := Decide(o, c.command)
				if got := codeOf(t, err); got != want || (len(events) > 0) != (want == 0) {
					t.Errorf("events [%s], refusal %q; want refusal %q", names(events), got, want)
				}
			})
		}
	}
}

// TestForbiddenComesBeforeTheState: who may not do it does not learn what the state would allow.
func TestForbiddenComesBeforeTheState(t *testing.T) {
	for _, s := range Statuses {
		o := orderIn(t, s, Online)
		for name, c := range asked(doctor) {
			if c.who == PatientSide {
				if _, err := Decide(o, c.command); codeOf(t, err) != domain.Forbidden {
					t.Errorf("%s by the doctor on %s: %v, want forbidden", name, s, err)
				}
			}
		}
		refused(t, o, GiveAnswer{By: patient, Answer: Answer{Question: openPK}}, domain.Forbidden)
	}
}

func TestDestroy(t *testing.T) {
	t.Run("of an unpaid order cancels it", func(t *testing.T) {
		o := gives(t, orderIn(t, Unpaid, Online), Destroy{By: patient, At: t0}, "OrderCancelled OrderHidden")
		if o.Status != Cancelled || !o.HiddenFrom(PatientSide) || o.HiddenFrom(DoctorSide) {
			t.Errorf("status %s, hidden %v", o.Status, o.Hidden)
		}
		refused(t, o, Destroy{By: patient, At: t0}, domain.NotFound)
	})
	t.Run("hides each side for itself", func(t *testing.T) {
		o := gives(t, orderIn(t, Evaluated, Online), Destroy{By: doctor, At: t0}, "OrderHidden")
		if side, ok := o.SideOf(patient); side != PatientSide || !ok {
			t.Error("the patient lost the order too")
		}
		if _, ok := o.SideOf(doctor); ok {
			t.Error("the doctor still sees it")
		}
		o = gives(t, o, Destroy{By: patient, At: t0}, "OrderHidden")
		if o.Status != Evaluated || !slices.Equal(o.Hidden, []Side{DoctorSide, PatientSide}) {
			t.Errorf("status %s, hidden %v", o.Status, o.Hidden)
		}
	})
	t.Run("says why it was cancelled", func(t *testing.T) {
		events, _ := Decide(orderIn(t, Unpaid, Online), Destroy{By: doctor, At: t0})
		if want := (OrderCancelled{By: doctor, Reason: ByDestroy, At: t0}); events[0] != want {
			t.Errorf("event %+v, want %+v", events[0], want)
		}
	})
}

func TestScores(t *testing.T) {
	o := orderIn(t, Finished, Online)
	for _, scores := range []int{-1, 0, 6, 100} {
		refused(t, o, evaluate(scores), domain.Invalid)
	}
	for scores := 1; scores <= 5; scores++ {
		if got := gives(t, o, evaluate(scores), "OrderEvaluated"); got.Evaluation.Scores != scores {
			t.Errorf("scores %d, want %d", got.Evaluation.Scores, scores)
		}
	}
	refused(t, orderIn(t, Paid, Online), evaluate(9), domain.CannotEvaluate) // the state comes first
}

func TestAskAgainReplacesQuestionAndAnswer(t *testing.T) {
	o := orderIn(t, Answered, Monthly)
	o = gives(t, o, ask(8, paidAt.Add(24*time.Hour)), "QuestionAsked")
	if o.Status != Asked || o.Question.PK != 8 || o.Answer != nil {
		t.Fatalf("status %s, question %+v, answer %+v", o.Status, o.Question, o.Answer)
	}
	refused(t, o, answer(openPK), domain.CannotAnswer) // of the former question
	o = gives(t, o, answer(8), "QuestionAnswered")
	if o.Status != Answered || o.Answer.Question != 8 {
		t.Errorf("status %s, answer %+v", o.Status, o.Answer)
	}
}

func TestNumber(t *testing.T) {
	at := time.UnixMilli(1490254478123)
	if got, want := Number(at, 15, 3), "14902544781230000000150003"; got != want {
		t.Errorf("number %s, want %s", got, want)
	}
	for _, c := range []struct{ pk, patient int64 }{{1, 1}, {999_999_999, 9999}, {1_000_000_000, 10_000}, {1 << 62, 1 << 62}} {
		if n := Number(at, c.pk, c.patient); !IsNumber(n) {
			t.Errorf("Number(%d, %d) = %s is not of 26 digits", c.pk, c.patient, n)
		}
	}
	if early, late := Number(at, 999, 9), Number(at.Add(time.Millisecond), 1, 1); early >= late {
		t.Errorf("%s does not rise to %s", early, late)
	}
}

func TestChannelIsAlipayUntilPaid(t *testing.T) {
	got := map[Status]payment.Channel{}
	for _, s := range Statuses {
		got[s] = orderIn(t, s, Online).Channel()
	}
	want := map[Status]payment.Channel{Unpaid: payment.Alipay, Paid: payment.WX, Asked: payment.WX, Answered: payment.WX,
		Finished: payment.WX, Evaluated: payment.WX, Cancelled: payment.Alipay}
	if !maps.Equal(got, want) {
		t.Errorf("channels %v, want %v", got, want)
	}
}
