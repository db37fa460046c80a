package qa

import (
	"fmt"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

func TestSurplusIsGivenBack(t *testing.T) {
	for _, s := range Statuses[1:] {
		t.Run(s.String(), func(t *testing.T) {
			before := orderIn(t, s, Online)
			o := gives(t, before, payment.ConfirmPayment{Receipt: receipt("ch_late", price)}, "SurplusReceived RefundRequested")
			if o.Status != before.Status {
				t.Errorf("status %s became %s", before.Status, o.Status)
			}
			want := payment.Refund{RefundIntent: payment.RefundIntent{No: number + "R1", Ref: "ch_late", Channel: payment.WX, Amount: price, Reason: payment.OfSurplus, At: paidAt}, Status: payment.Pending}
			if len(o.Refunds) != 1 || o.Refunds[0] != want {
				t.Errorf("refunds %+v, want %+v", o.Refunds, want)
			}
			if len(o.Receipts) != len(before.Receipts)+1 {
				t.Errorf("the money is not in the history: %+v", o.Receipts)
			}
			second := gives(t, o, payment.ConfirmPayment{Receipt: receipt("ch_later", price)}, "SurplusReceived RefundRequested")
			if no := second.Refunds[1].No; no != number+"R2" {
				t.Errorf("second refund is %s", no)
			}
		})
	}
}

func TestMoneyOfAnOrderHiddenFromAllIsGivenBackToo(t *testing.T) {
	o := run(t, orderIn(t, Unpaid, Online), Destroy{By: patient, At: t0}, Destroy{By: doctor, At: t0})
	o = gives(t, o, payment.ConfirmPayment{Receipt: receipt("ch_late", price)}, "SurplusReceived RefundRequested")
	gives(t, o, payment.SettleRefund{No: number + "R1", OK: true, At: t0}, "RefundSucceeded")
}

func TestRefundReservesAndAFailedOneReleases(t *testing.T) {
	for _, s := range []Status{Paid, Asked} {
		o := orderIn(t, s, Online)
		left := func(want domain.Fen, when string) {
			t.Helper()
			if got := o.Refundable("ch_paid"); got != want {
				t.Errorf("%s: %d fen refundable, want %d", when, got, want)
			}
		}
		left(price, "paid")
		o = gives(t, o, Refund{By: patient, At: t0}, "OrderCancelled RefundRequested")
		left(0, "requested")
		if r := o.Refunds[0]; r.Amount != price || r.Ref != "ch_paid" || r.Reason != ByRefund || r.Status != payment.Pending || o.Status != Cancelled {
			t.Errorf("refund %+v of order %s", r, o.Status)
		}
		requested := o
		o = gives(t, requested, payment.SettleRefund{No: number + "R1", Why: "bank closed", At: paidAt}, "RefundFailed")
		left(price, "failed")
		if r := o.Refunds[0]; r.Status != payment.Failed || r.Why != "bank closed" || !r.SettledAt.Equal(paidAt) {
			t.Errorf("refund %+v", r)
		}
		gives(t, o, payment.SettleRefund{No: number + "R1", OK: true, At: paidAt}, "") // the first outcome stays
		o = gives(t, requested, payment.SettleRefund{No: number + "R1", OK: true, At: paidAt}, "RefundSucceeded")
		left(0, "succeeded")
		if r := o.Refunds[0]; r.Status != payment.Succeeded || !r.SettledAt.Equal(paidAt) {
			t.Errorf("refund %+v", r)
		}
	}
}

func TestRefundLeavesTheSurplusAlone(t *testing.T) {
	o := run(t, orderIn(t, Paid, Online), payment.ConfirmPayment{Receipt: receipt("ch_late", price)})
	o = gives(t, o, Refund{By: patient, At: t0}, "OrderCancelled RefundRequested")
	if len(o.Refunds) != 2 || o.Refunds[0].Ref != "ch_late" || o.Refunds[1].Ref != "ch_paid" || o.Refunds[0].No == o.Refunds[1].No {
		t.Errorf("refunds %+v", o.Refunds)
	}
	if o.Refundable("ch_paid") != 0 || o.Refundable("ch_late") != 0 || o.Refundable("ch_none") != 0 {
		t.Error("money is left over")
	}
}

func TestReceiptCountsOnce(t *testing.T) {
	for _, s := range []Status{Paid, Asked, Answered, Finished, Evaluated} {
		gives(t, orderIn(t, s, Online), payment.ConfirmPayment{Receipt: receipt("ch_paid", price)}, "")
		gives(t, orderIn(t, s, Online), payment.ConfirmPayment{Receipt: receipt("ch_paid", price+1)}, "") // what counts is the first
	}
}

func TestAmountZero(t *testing.T) {
	o := run(t, Order{}, place(Online, 0))
	o = gives(t, o, RequestPayment{By: patient, Attempt: "a1", Channel: payment.Balance, At: paidAt}, "OrderPaid")
	want := payment.Receipt{Channel: payment.Balance, Ref: number, At: paidAt}
	if o.Status != Paid || len(o.Attempts) != 0 || len(o.Receipts) != 1 || o.Receipts[0] != want {
		t.Errorf("order %+v", o)
	}
	o = gives(t, o, Refund{By: patient, At: t0}, "OrderCancelled") // there is nothing to give back
	if o.Status != Cancelled || len(o.Refunds) != 0 {
		t.Errorf("order %+v", o)
	}
}

// TestAttempts asks to pay through a channel on orders that were asked for payment before.
func TestAttempts(t *testing.T) {
	request := func(id string, c payment.Channel, at time.Time) Command {
		return RequestPayment{By: patient, Attempt: id, Channel: c, ClientIP: "127.0.0.1", At: at}
	}
	expire := t0.Add(2 * time.Hour)
	charge := func(c payment.Channel) Command {
		return payment.RecordCharge{Charge: payment.Charge{ID: "ch_" + string(c), Channel: c, Amount: price, TimeExpire: expire.Unix()}}
	}
	for _, c := range []struct {
		name    string
		before  []Command
		command Command
		events  string
		left    string // the attempts after it
	}{
		{"first", nil, request("a1", payment.WX, t0), "PaymentRequested", "wx:a1 "},
		{"while pending", []Command{request("a1", payment.WX, t0)}, request("a2", payment.WX, t0.Add(time.Hour)), "", "wx:a1 "},
		{"while pending, for ever", []Command{request("a1", payment.WX, t0)}, request("a2", payment.WX, t0.Add(9000*time.Hour)), "", "wx:a1 "},
		{"while live", []Command{request("a1", payment.WX, t0), charge(payment.WX)}, request("a2", payment.WX, expire.Add(-time.Second)), "", "wx:a1+ch_wx "},
		{"expired", []Command{request("a1", payment.WX, t0), charge(payment.WX)}, request("a2", payment.WX, expire), "PaymentRequested", "wx:a1+ch_wx wx:a2 "},
		{"another channel", []Command{request("a1", payment.WX, t0), charge(payment.WX)}, request("a2", payment.Alipay, t0), "PaymentRequested", "wx:a1+ch_wx alipay:a2 "},
		{"charge", []Command{request("a1", payment.WX, t0)}, charge(payment.WX), "ChargeCreated", "wx:a1+ch_wx "},
		{"charge of another channel", []Command{request("a1", payment.WX, t0)}, charge(payment.Alipay), "", "wx:a1 "},
		{"charge of the right one of two", []Command{request("a1", payment.WX, t0), request("a2", payment.Alipay, t0)}, charge(payment.WX), "ChargeCreated", "alipay:a2 wx:a1+ch_wx "},
		{"decline", []Command{request("a1", payment.Balance, t0)}, payment.DeclinePayment{Attempt: "a1", At: t0}, "PaymentDeclined", ""},
		{"decline another", []Command{request("a1", payment.Balance, t0)}, payment.DeclinePayment{Attempt: "a2", At: t0}, "", "balance:a1 "},
		{"decline one of two", []Command{request("a1", payment.Balance, t0), request("a2", payment.WX, t0)}, payment.DeclinePayment{Attempt: "a1", At: t0}, "PaymentDeclined", "wx:a2 "},
		{"decline what has a charge", []Command{request("a1", payment.WX, t0), charge(payment.WX)}, payment.DeclinePayment{Attempt: "a1", At: t0}, "", "wx:a1+ch_wx "},
		{"after a decline", []Command{request("a1", payment.Balance, t0), payment.DeclinePayment{Attempt: "a1", At: t0}}, request("a2", payment.Balance, t0), "PaymentRequested", "balance:a2 "},
		{"the wallet's money ends its attempt", []Command{request("a1", payment.Balance, t0), request("a2", payment.WX, t0)},
			payment.ConfirmPayment{Receipt: payment.Receipt{Channel: payment.Balance, Ref: "a1", Amount: price, At: t0}}, "OrderPaid", "wx:a2 "},
		{"other money does not end the wallet's attempt", []Command{request("a1", payment.Balance, t0)},
			payment.ConfirmPayment{Receipt: receipt("ch_wx", price)}, "OrderPaid", "balance:a1 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := gives(t, run(t, orderIn(t, Unpaid, Online), c.before...), c.command, c.events)
			left := ""
			for _, a := range o.Attempts {
				left += fmt.Sprintf("%s:%s", a.Channel, a.ID)
				if a.Charge != nil {
					left += "+" + a.Charge.ID
				}
				left += " "
			}
			if left != c.left {
				t.Errorf("attempts %q, want %q", left, c.left)
			}
		})
	}
}
