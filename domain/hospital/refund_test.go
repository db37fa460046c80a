package hospital

import (
	"reflect"
	"testing"

	"orderengine/domain"
	"orderengine/domain/message"
	"orderengine/domain/payment"
)

func TestRefundOfAPartAndOfTheRest(t *testing.T) {
	o := gives(t, orderIn(t, Paid, Registration), refund("01", 100), "RefundOrdered RefundRequested")
	has(t, o, PartlyRefunded, 500)
	o = gives(t, o, refund("02", 499), "RefundOrdered RefundRequested")
	has(t, o, PartlyRefunded, 1)
	refused(t, o, refund("03", 2), domain.Invalid, "refundAmout")
	refused(t, o, refundAll("03", price), domain.Invalid, "refundAmout")
	o = gives(t, o, refundAll("03", 1), "RefundOrdered RefundRequested")
	has(t, o, Refunded, 0)
	refused(t, o, refund("04", 1), domain.CannotRefund, "")
	for i := range o.Refunds {
		o = gives(t, o, payment.SettleRefund{No: o.Refunds[i].No, OK: true, At: later}, "RefundSucceeded")
		has(t, o, Refunded, 0)
	}
}

// TestPartialRefundOfAllIsOne: nobody is kept from asking for the last fen without the word "all".
func TestPartialRefundOfAllIsOne(t *testing.T) {
	has(t, gives(t, orderIn(t, Paid, Registration), refund("01", price), "RefundOrdered RefundRequested"), Refunded, 0)
}

func TestAllMustBeTheRest(t *testing.T) {
	for _, s := range []Status{Paid, PartlyRefunded} {
		o := orderIn(t, s, Registration)
		for _, amount := range []domain.Fen{1, o.Left() - 1, o.Left() + 1, price + part} {
			refused(t, o, refundAll("07", amount), domain.Invalid, "refundAmout")
		}
		has(t, gives(t, o, refundAll("07", o.Left()), "RefundOrdered RefundRequested"), Refunded, 0)
	}
}

func TestWhatARefundBecomes(t *testing.T) {
	command := refund("01", part)
	events, err := Decide(orderIn(t, Paid, Registration), command)
	want := []Event{RefundOrdered{command.Order}, payment.RefundRequested{RefundIntent: payment.RefundIntent{
		No: number + "R1", Ref: "ch_paid", Channel: payment.WX, Amount: part, Reason: "退号", At: later, Name: command.Order.No, AtOnce: true}}}
	if err != nil || !reflect.DeepEqual(events, want) {
		t.Errorf("events %+v, %v; want %+v", events, err, want)
	}
	o := orderIn(t, PartlyRefunded, Registration)
	if got, ok := o.RefundOrder("01"); !ok || got != command.Order {
		t.Errorf("refund order %+v, want %+v", got, command.Order)
	}
	if _, ok := o.RefundOrder("02"); ok {
		t.Error("there is a refund order that nobody asked for")
	}
}

func TestInsuranceIsRefundedWhole(t *testing.T) {
	paid := receipt("ch_paid", price)
	paid.Channel = payment.Insurance
	for name, o := range map[string]Order{
		"paid":     run(t, Order{}, Place{terms(Registration, price)}, payment.ConfirmPayment{Receipt: paid}),
		"imported": run(t, Order{}, imported(Registration, paid)),
	} {
		t.Run(name, func(t *testing.T) {
			for _, amount := range []domain.Fen{1, price - 1} {
				refused(t, o, refund("01", amount), domain.Invalid, "partialOrAllrefund")
				refused(t, o, refundAll("01", amount), domain.Invalid, "refundAmout")
			}
			refused(t, o, refund("01", price), domain.Invalid, "partialOrAllrefund")
			o := gives(t, o, refundAll("01", price), "RefundOrdered RefundRequested")
			o = gives(t, o, failed, "RefundFailed")
			has(t, gives(t, o, refundAll("02", price), "RefundOrdered RefundRequested"), Refunded, 0)
			has(t, gives(t, run(t, o), stop, "RegistrationStopped RefundOrdered RefundRequested"), Stopped, 0)
		})
	}
}

func TestRefundOfAnotherKind(t *testing.T) {
	for _, is := range Kinds {
		for _, asked := range []Kind{0, Registration, Outpatient, Deposit, 4} {
			o, command := orderIn(t, Paid, is), refund("07", 100).of(asked)
			if asked != is {
				refused(t, o, command, domain.Invalid, "refundType")
				continue
			}
			has(t, gives(t, o, command, "RefundOrdered RefundRequested"), PartlyRefunded, 500)
		}
	}
}

// TestAnotherHospitalLearnsNothing, not even that its number is taken.
func TestAnotherHospitalLearnsNothing(t *testing.T) {
	for _, s := range Statuses {
		o := orderIn(t, s, Registration)
		for _, command := range []Refund{refund("01", part), refund("07", 1)} {
			command.Hospital = "H002"
			refused(t, o, command, domain.NotFound, "")
		}
		refused(t, o, Stop{Hospital: "", At: t0}, domain.NotFound, "")
	}
}

// TestSameRefundNumberAgain changes each field of a refund that was asked for: what is ours makes no difference,
// what the hospital says does, however far the refund and the order are by then.
func TestSameRefundNumberAgain(t *testing.T) {
	ours := map[string]func(*RefundOrder){
		"No":   func(r *RefundOrder) { r.No = "1061202603020000001" },
		"Type": func(r *RefundOrder) { r.Type = ForFullRefund },
		"At":   func(r *RefundOrder) { r.At = r.At.AddDate(1, 0, 0) },
	}
	theirs := map[string]func(*RefundOrder){
		"Amount":     func(r *RefundOrder) { r.Amount++ },
		"All":        func(r *RefundOrder) { r.All = !r.All },
		"RefundTime": func(r *RefundOrder) { r.RefundTime = "2026-03-01 17:30:01" },
		"Reason":     func(r *RefundOrder) { r.Reason = "" },
		"Push":       func(r *RefundOrder) { r.Push = !r.Push },
	}
	if fields, known := reflect.TypeFor[RefundOrder]().NumField(), len(ours)+len(theirs)+1; fields != known {
		t.Errorf("a refund order has %d fields, %d with HisNo are tried", fields, known)
	}
	partly := orderIn(t, PartlyRefunded, Registration)
	for name, o := range map[string]Order{
		"pending": partly, "succeeded": run(t, partly, settled), "failed": run(t, partly, failed), "stopped": run(t, partly, stop),
		"retried": run(t, partly, failed, payment.RetryRefund{No: number + "R1", By: "admin", At: later}),
		"rest":    run(t, partly, refundAll("02", price-part)),
	} {
		t.Run(name, func(t *testing.T) {
			gives(t, o, refund("01", part), "")
			for field, change := range ours {
				command := refund("01", part)
				if change(&command.Order); !reflect.DeepEqual(gives(t, o, command, ""), o) {
					t.Errorf("another %s changed the order", field)
				}
			}
			for _, change := range theirs {
				command := refund("01", part)
				change(&command.Order)
				refused(t, o, command, domain.KeyReused, "hisRefundOrderNo")
			}
			refused(t, o, refund("01", part).of(Outpatient), domain.KeyReused, "hisRefundOrderNo")
		})
	}
}

// TestAFreedNumberStandsForNothing in its turn: what comes late must not be a second refund with that number.
func TestAFreedNumberStandsForNothing(t *testing.T) {
	in := func(turn int) Refund {
		r := refund("07", part)
		r.Turn = turn
		return r
	}
	free := FreeNumber{HisNo: "07", Turn: 2, At: later}
	o := gives(t, orderIn(t, Paid, Registration), free, "RefundNumberFreed")
	gives(t, o, free, "")
	refused(t, o, in(2), domain.AlreadyExists, "hisRefundOrderNo")
	gives(t, o, refund("08", part), "RefundOrdered RefundRequested")
	o = gives(t, o, in(3), "RefundOrdered RefundRequested")
	gives(t, o, in(2), "")
	refused(t, o, FreeNumber{HisNo: "07", Turn: 3, At: later}, domain.AlreadyExists, "hisRefundOrderNo")
}

func TestFailedRefundGivesTheMoneyBackToTheOrder(t *testing.T) {
	second := payment.SettleRefund{No: number + "R2", Why: "bank closed", At: later}
	for _, c := range []struct {
		name   string
		before []Command
		status Status
		left   domain.Fen
	}{
		{"a part", []Command{refund("01", part), failed}, Paid, price},
		{"all", []Command{refundAll("01", price), failed}, Paid, price},
		{"the first of two", []Command{refund("01", part), refund("02", 100), failed}, PartlyRefunded, price - 100},
		{"the second of two", []Command{refund("01", part), refund("02", 100), second}, PartlyRefunded, price - part},
		{"the rest", []Command{refund("01", part), settled, refundAll("02", price-part), second}, PartlyRefunded, price - part},
		{"both", []Command{refund("01", part), refundAll("02", price-part), failed, second}, Paid, price},
		{"a stop's", []Command{stop, failed}, Stopped, price},
		{"one from before a stop", []Command{refund("01", part), stop, failed}, Stopped, part},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := run(t, orderIn(t, Paid, Registration), c.before...)
			if has(t, o, c.status, c.left); c.status == Stopped {
				refused(t, o, refund("07", 1), domain.CannotRefund, "")
				return
			}
			has(t, gives(t, o, refundAll("07", c.left), "RefundOrdered RefundRequested"), Refunded, 0)
		})
	}
}

func retry(place string) payment.RetryRefund {
	return payment.RetryRefund{No: number + place, By: "admin", At: later}
}

func TestRetryKeepsTheRefundOrdersName(t *testing.T) {
	for _, c := range []struct {
		name    string
		command Command
		no      string // of the refund order
		amount  domain.Fen
		status  Status
	}{
		{"a part", refund("01", part), refund("01", part).Order.No, part, PartlyRefunded},
		{"all", refundAll("01", price), refundAll("01", price).Order.No, price, Refunded},
		{"a stop's", stop, stop.RefundNo, price, Stopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := run(t, orderIn(t, Paid, Registration), c.command, failed)
			if r := o.Carrier(c.no); r.No != number+"R1" || r.Status != payment.Failed || r.Closed {
				t.Errorf("carrier %+v", r)
			}
			o = gives(t, o, retry("R1"), "RefundRetried RefundRequested")
			has(t, o, c.status, price-c.amount)
			first, second := o.Refunds[0], o.Carrier(c.no)
			if second.No != number+"R2" || second.Name != c.no || second.Amount != c.amount || second.AtOnce || second.Status != payment.Pending {
				t.Errorf("carrier %+v", second)
			}
			if first.Status != payment.Failed || !first.Closed || len(o.RefundOrders) != 1 {
				t.Errorf("first refund %+v, refund orders %+v", first, o.RefundOrders)
			}
			o = gives(t, o, payment.SettleRefund{No: number + "R2", OK: true, At: later}, "RefundSucceeded")
			has(t, o, c.status, price-c.amount)
		})
	}
	if r := orderIn(t, Paid, Registration).Carrier("none"); r != (payment.Refund{}) {
		t.Errorf("carrier of nothing: %+v", r)
	}
}

// TestRetryIsOfTheWholeRefundOrNone: a refund order of 200 fen never becomes one of 100 in silence.
func TestRetryIsOfTheWholeRefundOrNone(t *testing.T) {
	o := run(t, orderIn(t, Paid, Registration), refund("01", part), failed)
	less := run(t, o, refund("02", price-part+1))
	refused(t, less, retry("R1"), domain.CannotRefund, "")
	refused(t, run(t, o, refundAll("02", price)), retry("R1"), domain.CannotRefund, "")
	refused(t, run(t, o, stop), retry("R1"), domain.CannotRefund, "")
	gives(t, less, payment.GiveUpRefund{No: number + "R1", By: "admin", Why: "asked for anew", At: later}, "RefundGivenUp")
	enough := run(t, o, refund("02", price-part))
	has(t, gives(t, enough, retry("R1"), "RefundRetried RefundRequested"), Refunded, 0)
}

func TestStop(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []Command
		left   domain.Fen // what the stop gives back
	}{
		{"with all left", nil, price},
		{"with some left", []Command{refund("01", part)}, price - part},
		{"with some left and given back", []Command{refund("01", part), settled}, price - part},
		{"with a failed refund", []Command{refund("01", part), failed}, price},
		{"with money that was not due", []Command{payment.ConfirmPayment{Receipt: receipt("ch_late", price)}}, price},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := run(t, orderIn(t, Paid, Registration), c.before...)
			events, err := Decide(before, stop)
			order := RefundOrder{No: stop.RefundNo, Type: ForStop, Amount: c.left, All: true, Reason: OfStop, At: later}
			intent := payment.RefundOf(before.Bill(), *before.Payment(), c.left, OfStop, later)
			intent.Name = stop.RefundNo
			want := []Event{RegistrationStopped{By: hospital, At: later}, RefundOrdered{order}, payment.RefundRequested{RefundIntent: intent}}
			if err != nil || !reflect.DeepEqual(events, want) {
				t.Errorf("events %+v, %v; want %+v", events, err, want)
			}
			o := gives(t, before, stop, "RegistrationStopped RefundOrdered RefundRequested")
			has(t, o, Stopped, 0)
			other := stop
			other.RefundNo = "1041202603010000010"
			gives(t, o, other, "") // it is stopped, whatever its refund would have been called now
			refused(t, o, refund("07", 1), domain.CannotRefund, "")
			for _, r := range o.Refunds {
				has(t, run(t, o, payment.SettleRefund{No: r.No, OK: true, At: later}), Stopped, 0)
			}
		})
	}
}

func notices(o Order) (ids []string) {
	for _, n := range o.Untold {
		ids = append(ids, n.Event+" "+n.ID)
	}
	return ids
}

func TestPatientIsTold(t *testing.T) {
	quiet := refund("02", 100)
	quiet.Order.Push = false
	o := run(t, orderIn(t, Paid, Registration), refund("01", part), quiet, stop)
	want := []Notice{
		{ID: refund("01", part).Order.No, Event: message.Refunded, Amount: part, Reason: "退号", At: later},
		{ID: number, Event: message.Stopped, Amount: 300, At: later},
	}
	if !reflect.DeepEqual(o.Untold, want) {
		t.Fatalf("to be told %+v, want %+v", o.Untold, want)
	}
	for _, n := range o.Untold {
		if event, ok := message.EventOf(n.Event); !ok {
			t.Errorf("no message is about %+v", event)
		}
		if _, ok := message.Template(nil, n.Event); !ok {
			t.Errorf("a hospital without templates has none of ours for %s", n.Event)
		}
	}
	told := gives(t, o, MarkTold{Notice: number, At: later}, "PatientTold")
	if !reflect.DeepEqual(told.Untold, want[:1]) || len(o.Untold) != 2 {
		t.Errorf("to be told %v", notices(told))
	}
	if rest := gives(t, told, MarkTold{Notice: want[0].ID, At: later}, "PatientTold"); len(rest.Untold) != 0 {
		t.Errorf("to be told %v", notices(rest))
	}
}

func TestWhereNobodyKnowsThePatientNobodyIsTold(t *testing.T) {
	command := imported(Registration, receipt("ch_1", price))
	command.Patient = ""
	o := run(t, Order{}, command, refund("01", part), stop)
	if has(t, o, Stopped, 0); len(o.Untold) > 0 {
		t.Errorf("to be told %v", notices(o))
	}
}
