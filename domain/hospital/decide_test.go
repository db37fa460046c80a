package hospital

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// outcome is what a command on an order of a status becomes: events, or a refusal. Neither: it changes nothing.
type outcome struct {
	events string
	code   domain.Code
}

// pair is one command on an order of some kinds in every status; what differs from the rest stands in special.
type pair struct {
	name    string
	kinds   []Kind
	command Command
	rest    outcome
	special map[Status]outcome
}

func in(what outcome, ss ...Status) map[Status]outcome {
	m := map[Status]outcome{}
	for _, s := range ss {
		m[s] = what
	}
	return m
}

// and adds another outcome.
func and(m map[Status]outcome, what outcome, ss ...Status) map[Status]outcome {
	for _, s := range ss {
		m[s] = what
	}
	return m
}

func pairs() []pair {
	registration := []Kind{Registration}
	refusal := func(code domain.Code) outcome { return outcome{code: code} }
	becomes := func(events string) outcome { return outcome{events: events} }
	nothing := outcome{}
	surplus, refunds := becomes("SurplusReceived RefundRequested"), becomes("RefundOrdered RefundRequested")
	elsewhere, wrongKind := refund("07", 1), refund("07", 1).of(Deposit)
	elsewhere.Hospital = "H002"
	invalid := in(refusal(domain.Invalid), Paid, PartlyRefunded)
	return []pair{
		{"place", Kinds, Place{terms(Registration, price)}, refusal(domain.AlreadyExists), nil},
		{"import", Kinds, imported(Registration, receipt("ch_1", price)), refusal(domain.AlreadyExists), nil},
		{"pay", Kinds, RequestPayment{By: patient, Attempt: "a1", Mode: WeChat, At: t0}, refusal(domain.CannotPay), in(becomes("PaymentRequested"), Unpaid)},
		{"pay in no known way", Kinds, RequestPayment{By: patient, Attempt: "a1", Mode: 6, At: t0}, refusal(domain.CannotPay), in(refusal(domain.Invalid), Unpaid)},
		{"pay another's", Kinds, RequestPayment{By: "stranger", Attempt: "a1", Mode: WeChat, At: t0}, refusal(domain.NotFound), nil},
		{"cancel", Kinds, Cancel{By: patient, At: t0}, refusal(domain.CannotCancel), in(becomes("HospitalOrderCancelled"), Unpaid)},
		{"cancel another's", Kinds, Cancel{By: "stranger", At: t0}, refusal(domain.NotFound), nil},
		{"time-out", Kinds, TimeOut{At: t0}, nothing, in(becomes("HospitalOrderCancelled"), Unpaid)},
		{"refund a part", registration, refund("07", 100), refusal(domain.CannotRefund), in(refunds, Paid, PartlyRefunded)},
		{"refund a part of an outpatient's", []Kind{Outpatient}, refund("07", 100).of(Outpatient), refusal(domain.CannotRefund), in(refunds, Paid, PartlyRefunded)},
		{"refund a part of a deposit", []Kind{Deposit}, refund("07", 100).of(Deposit), refusal(domain.CannotRefund), in(refunds, Paid, PartlyRefunded)},
		{"refund all that was paid", registration, refundAll("07", price), refusal(domain.CannotRefund), and(in(refunds, Paid), refusal(domain.Invalid), PartlyRefunded)},
		{"refund the rest", registration, refundAll("07", price-part), refusal(domain.CannotRefund), and(in(refunds, PartlyRefunded), refusal(domain.Invalid), Paid)},
		{"refund more than was paid", registration, refund("07", price+1), refusal(domain.CannotRefund), invalid},
		{"refund nothing", registration, refund("07", 0), refusal(domain.CannotRefund), invalid},
		{"refund less than nothing", registration, refund("07", -1), refusal(domain.CannotRefund), invalid},
		{"refund as another kind", registration, wrongKind, refusal(domain.CannotRefund), invalid},
		{"refund another hospital's", registration, elsewhere, refusal(domain.NotFound), nil},
		{"free a number", Kinds, FreeNumber{HisNo: "07", Turn: 1, At: t0}, becomes("RefundNumberFreed"), nil},
		{"stop", registration, stop, refusal(domain.CannotStop), and(in(becomes("RegistrationStopped RefundOrdered RefundRequested"), Paid, PartlyRefunded), nothing, Stopped)},
		{"stop what is no registration", []Kind{Outpatient, Deposit}, stop, refusal(domain.Invalid), nil},
		{"stop another hospital's", Kinds, Stop{Hospital: "H002", At: t0}, refusal(domain.NotFound), nil},
		{"told of what is not to be told", Kinds, MarkTold{Notice: "none", At: t0}, nothing, nil},
		{"money", Kinds, payment.ConfirmPayment{Receipt: receipt("ch_new", price)}, surplus, in(becomes("OrderPaid"), Unpaid)},
		{"too little money", Kinds, payment.ConfirmPayment{Receipt: receipt("ch_new", price-1)}, surplus, nil},
		{"no money", Kinds, payment.ConfirmPayment{Receipt: receipt("ch_new", 0)}, refusal(domain.Invalid), nil},
		{"decline what nobody asked for", Kinds, payment.DeclinePayment{Attempt: "a1", At: t0}, nothing, nil},
		{"charge that nobody asked for", Kinds, payment.RecordCharge{Charge: payment.Charge{ID: "ch_1", Channel: payment.WX}}, nothing, nil},
		{"ask for a refund there is not", Kinds, payment.AskRefund{No: "R1", Claim: "c1", At: t0}, refusal(domain.NotFound), nil},
		{"accept a refund there is not", Kinds, payment.AcceptRefund{No: "R1", At: t0}, refusal(domain.NotFound), nil},
		{"delay a refund there is not", Kinds, payment.DelayRefund{No: "R1", At: t0}, refusal(domain.NotFound), nil},
		{"park a refund there is not", Kinds, payment.ParkRefund{No: "R1", At: t0}, refusal(domain.NotFound), nil},
		{"retry a refund there is not", Kinds, payment.RetryRefund{No: "R1", At: t0}, refusal(domain.NotFound), nil},
		{"give up a refund there is not", Kinds, payment.GiveUpRefund{No: "R1", At: t0}, refusal(domain.NotFound), nil},
		{"settle a refund there is not", Kinds, payment.SettleRefund{No: "R1", OK: true, At: t0}, refusal(domain.NotFound), nil},
	}
}

func TestEveryCommandInEveryStatus(t *testing.T) {
	for _, p := range pairs() {
		for _, k := range p.kinds {
			for _, s := range statusesOf(k) {
				t.Run(fmt.Sprintf("%s/%d/%s", p.name, k, s), func(t *testing.T) {
					o, want := orderIn(t, s, k), p.rest
					if special, ok := p.special[s]; ok {
						want = special
					}
					if want.code == 0 {
						gives(t, o, p.command, want.events)
						return
					}
					events, err := Decide(o, p.command)
					if got := faultOf(t, err); got.Code != want.code || len(events) > 0 {
						t.Errorf("events [%s], refusal %v; want refusal %q", names(events), err, want.code)
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

func TestNothingIsDoneToAnOrderThatIsNotThere(t *testing.T) {
	for _, p := range pairs() {
		switch p.command.(type) {
		case Place, Import:
		default:
			refused(t, Order{}, p.command, domain.NotFound, "")
		}
	}
}

type unknownCommand struct{}

func (unknownCommand) OrderCommand() {}

func TestUnknownCommandIsADefectAndNoRefusal(t *testing.T) {
	events, err := Decide(orderIn(t, Paid, Registration), unknownCommand{})
	if _, is := err.(*domain.Fault); err == nil || is || len(events) > 0 {
		t.Errorf("events %v, error %v", events, err)
	}
}

// slips are what may be wrong with the terms of an order, and the field that says so.
var slips = []struct {
	name   string
	kind   Kind
	change func(*Terms)
	field  string
}{
	{"as it is", Registration, func(*Terms) {}, ""},
	{"of an outpatient", Outpatient, func(*Terms) {}, ""},
	{"of a deposit", Deposit, func(*Terms) {}, ""},
	{"on the same day", Registration, func(t *Terms) { t.RegType = SameDay }, ""},
	{"on the last platform", Registration, func(t *Terms) { t.Platform = 7 }, ""},
	{"without branch, department and doctor", Registration, func(t *Terms) { t.Branch, t.Department, t.Doctor = "", "", "" }, ""},
	{"no kind", Registration, func(t *Terms) { t.Kind = 0 }, "kind"},
	{"a kind too far", Registration, func(t *Terms) { t.Kind = 4 }, "kind"},
	{"no platform", Outpatient, func(t *Terms) { t.Platform = 0 }, "platform"},
	{"a platform too far", Outpatient, func(t *Terms) { t.Platform = 8 }, "platform"},
	{"no type of registration", Registration, func(t *Terms) { t.RegType = 0 }, "reg_type"},
	{"a type of registration too far", Registration, func(t *Terms) { t.RegType = 3 }, "reg_type"},
	{"no date", Registration, func(t *Terms) { t.BookDate = "" }, "book_date"},
	{"what is no date", Registration, func(t *Terms) { t.BookDate = "soon" }, "book_date"},
	{"a day that never comes", Registration, func(t *Terms) { t.BookDate = "2026-02-29" }, "book_date"},
	{"a day of another age", Registration, func(t *Terms) { t.BookDate = "2206-12-01" }, "book_date"},
}

func TestTerms(t *testing.T) {
	for _, c := range slips {
		t.Run(c.name, func(t *testing.T) {
			given := terms(c.kind, price)
			c.change(&given)
			placing, importing := Place{given}, Import{Terms: given, Receipt: receipt("ch_1", price), TraceNo: "T1"}
			if c.field != "" {
				refused(t, Order{}, placing, domain.Invalid, c.field)
				refused(t, Order{}, importing, domain.Invalid, c.field)
				return
			}
			if got, want := gives(t, Order{}, placing, "HospitalOrderPlaced"), (Order{Terms: given}); !reflect.DeepEqual(got, want) {
				t.Errorf("order %+v, want %+v", got, want)
			}
			want := Order{Terms: given, Status: Paid, TraceNo: "T1", Ledger: payment.Ledger{PaidBy: "ch_1", Receipts: []payment.Receipt{receipt("ch_1", price)}}}
			if got := gives(t, Order{}, importing, "HospitalOrderImported"); !reflect.DeepEqual(got, want) {
				t.Errorf("imported order %+v, want %+v", got, want)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	for amount, legal := range map[domain.Fen]bool{-1: false, 0: true, 1: true, domain.MaxFen: true, domain.MaxFen + 1: false} {
		placing, importing := Place{terms(Outpatient, amount)}, imported(Outpatient, receipt("ch_1", amount))
		if !legal {
			refused(t, Order{}, placing, domain.Invalid, "amount")
			refused(t, Order{}, importing, domain.Invalid, "amount")
			continue
		}
		gives(t, Order{}, placing, "HospitalOrderPlaced")
		has(t, gives(t, Order{}, importing, "HospitalOrderImported"), Paid, amount)
	}
}

func TestAPlacedOrderHasAPatient(t *testing.T) {
	nobodys := terms(Outpatient, price)
	nobodys.Patient = ""
	refused(t, Order{}, Place{nobodys}, domain.Invalid, "patient")
}

func TestImport(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Import)
		field  string
	}{
		{"whose patient nobody knows", func(i *Import) { i.Patient = "" }, ""},
		{"paid from a wallet", func(i *Import) { i.Receipt.Channel = payment.Balance }, ""},
		{"paid from nobody's wallet", func(i *Import) { i.Receipt.Channel, i.Patient = payment.Balance, "" }, "patient"},
		{"paid with too little", func(i *Import) { i.Receipt.Amount-- }, "amount"},
		{"paid with too much", func(i *Import) { i.Receipt.Amount++ }, "amount"},
		{"paid in no known way", func(i *Import) { i.Receipt.Channel = "cash" }, "trade_mode"},
		{"paid in no way", func(i *Import) { i.Receipt.Channel = "" }, "trade_mode"},
		{"whose payment has no name", func(i *Import) { i.Receipt.Ref = "" }, "agt_order_no"},
		{"paid at no time", func(i *Import) { i.Receipt.At = time.Time{} }, "pay_time"},
		{"paid in another age", func(i *Import) { i.Receipt.At = t0.AddDate(100, 0, 0) }, "pay_time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			command := imported(Deposit, receipt("ch_1", price))
			c.change(&command)
			if c.field != "" {
				refused(t, Order{}, command, domain.Invalid, c.field)
				return
			}
			o := gives(t, Order{}, command, "HospitalOrderImported")
			has(t, o, Paid, price)
			gives(t, o, refundAll("01", price).of(Deposit), "RefundOrdered RefundRequested")
		})
	}
}

func TestWhoIsNotThePatientFindsNothing(t *testing.T) {
	nobodys := fold(Order{}, []Event{HospitalOrderPlaced{func() Terms { t := terms(Outpatient, price); t.Patient = ""; return t }()}})
	for _, o := range []Order{orderIn(t, Unpaid, Registration), orderIn(t, Paid, Registration), nobodys} {
		for _, by := range []string{"", "stranger", hospital, domain.System} {
			refused(t, o, RequestPayment{By: by, Attempt: "a", Mode: WeChat, At: t0}, domain.NotFound, "")
			refused(t, o, Cancel{By: by, At: t0}, domain.NotFound, "")
		}
	}
}

func TestWhyItWasCancelled(t *testing.T) {
	o := orderIn(t, Unpaid, Outpatient)
	for want, c := range map[HospitalOrderCancelled]Command{
		{By: patient, Reason: ByRequest, At: t0}:     Cancel{By: patient, At: t0},
		{By: domain.System, Reason: NotPaid, At: t0}: TimeOut{At: t0},
	} {
		if events, _ := Decide(o, c); len(events) != 1 || events[0] != want {
			t.Errorf("events %+v, want %+v", events, want)
		}
	}
}

func TestRequestPayment(t *testing.T) {
	o := orderIn(t, Unpaid, Outpatient)
	for _, mode := range TradeModes {
		request := RequestPayment{By: patient, Attempt: "a1", Mode: mode, ClientIP: "10.0.0.1", At: t0}
		events, _ := Decide(o, request)
		want := payment.PaymentRequested{Attempt: "a1", Channel: mode.Channel(), ClientIP: "10.0.0.1", At: t0}
		if len(events) != 1 || events[0] != want {
			t.Errorf("trade mode %d: %+v, want %+v", mode, events, want)
		}
		asked := gives(t, o, request, "PaymentRequested")
		again := request
		again.Attempt = "a2"
		gives(t, asked, again, "") // the first is still open
	}
	for _, mode := range []TradeMode{-1, 0, 6} {
		refused(t, o, RequestPayment{By: patient, Attempt: "a1", Mode: mode, At: t0}, domain.Invalid, "trade_mode")
	}
}

// TestFree: an order of amount 0 is paid by asking to pay, has nothing to give back and can be stopped.
func TestFree(t *testing.T) {
	o := run(t, Order{}, Place{terms(Registration, 0)})
	o = gives(t, o, RequestPayment{By: patient, Attempt: "a1", Mode: Alipay, At: paidAt}, "OrderPaid")
	want := payment.Receipt{Channel: payment.Alipay, Ref: number, At: paidAt}
	if has(t, o, Paid, 0); len(o.Attempts) != 0 || len(o.Receipts) != 1 || o.Receipts[0] != want || o.TradeMode() != Alipay {
		t.Errorf("order %+v", o)
	}
	refused(t, o, refundAll("01", 0), domain.Invalid, "refundAmout")
	refused(t, o, refund("01", 1), domain.Invalid, "refundAmout")
	o = run(t, o, payment.ConfirmPayment{Receipt: receipt("ch_late", 5)}, settled)
	has(t, o, Paid, 0) // the surplus is not the order's
	has(t, gives(t, o, stop, "RegistrationStopped"), Stopped, 0)
}

func TestLateMoneyOfACancelledOrderIsGivenBack(t *testing.T) {
	o := gives(t, orderIn(t, Cancelled, Outpatient), pay, "SurplusReceived RefundRequested")
	has(t, o, Cancelled, 0)
	want := payment.RefundIntent{No: number + "R1", Ref: "ch_paid", Channel: payment.WX, Amount: price, Reason: payment.OfSurplus, At: paidAt}
	if len(o.RefundOrders) > 0 || len(o.Untold) > 0 || o.Refunds[0].RefundIntent != want {
		t.Errorf("order %+v", o)
	}
	has(t, run(t, o, failed), Cancelled, 0)
}

func TestBill(t *testing.T) {
	for _, s := range Statuses {
		o := orderIn(t, s, Registration)
		want := payment.Bill{Number: number, Payer: patient, Amount: price, Waiting: s == Unpaid, State: s.String(), Ledger: o.Ledger}
		if got := o.Bill(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", s, got, want)
		}
	}
}
