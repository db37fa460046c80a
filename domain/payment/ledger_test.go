package payment

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderengine/domain"
)

// request is the event of an attempt to pay.
func request(id string, c Channel) Event {
	return PaymentRequested{Attempt: id, Channel: c, ClientIP: "10.0.0.1", At: t0}
}

func TestAttemptsAndTheirAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  []Event
		command Command
		events  string
		left    string // the attempts after it
	}{
		{"charge", []Event{request("a1", WX)}, RecordCharge{charge("ch_1", WX)}, "ChargeCreated", "wx:a1+ch_1 "},
		{"charge that nobody asked for", nil, RecordCharge{charge("ch_1", WX)}, "", ""},
		{"charge of another channel", []Event{request("a1", WX)}, RecordCharge{charge("ch_1", Alipay)}, "", "wx:a1 "},
		{"a second charge", []Event{request("a1", WX), ChargeCreated{charge("ch_1", WX)}}, RecordCharge{charge("ch_2", WX)}, "", "wx:a1+ch_1 "},
		{"charge of one of two", []Event{request("a1", WX), request("a2", UnionPay)}, RecordCharge{charge("ch_1", WX)}, "ChargeCreated", "upacp:a2 wx:a1+ch_1 "},
		{"the channel's last charge stays", []Event{request("a1", WX), ChargeCreated{charge("ch_1", WX)}, request("a2", WX)},
			RecordCharge{charge("ch_2", WX)}, "ChargeCreated", "wx:a1+ch_1 wx:a2+ch_2 "},
		{"the platform gives the same one", []Event{request("a1", WX), ChargeCreated{charge("ch_1", WX)}, request("a2", WX)},
			RecordCharge{charge("ch_1", WX)}, "ChargeCreated", "wx:a2+ch_1 "},
		{"decline", []Event{request("a1", Balance), request("a2", WX)}, DeclinePayment{Attempt: "a1", At: t0}, "PaymentDeclined", "wx:a2 "},
		{"decline another", []Event{request("a1", Balance)}, DeclinePayment{Attempt: "a2", At: t0}, "", "balance:a1 "},
		{"decline what has a charge", []Event{request("a1", WX), ChargeCreated{charge("ch_1", WX)}}, DeclinePayment{Attempt: "a1", At: t0}, "", "wx:a1+ch_1 "},
		{"the wallet's money answers its attempt", []Event{request("a1", Balance), request("a2", WX)},
			ConfirmPayment{Receipt{Channel: Balance, Ref: "a1", Amount: price, At: t0}}, "OrderPaid", "wx:a2 "},
		{"though it is a surplus", []Event{request("a1", Balance), OrderPaid{receipt("ch_1", price)}},
			ConfirmPayment{Receipt{Channel: Balance, Ref: "a1", Amount: price, At: t0}}, "SurplusReceived RefundRequested", ""},
		{"other money does not", []Event{request("a1", Balance)}, ConfirmPayment{receipt("ch_1", price)}, "OrderPaid", "balance:a1 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, left := gives(t, fold(waiting(), c.before), c.command, c.events), ""
			for _, a := range b.Attempts {
				left += fmt.Sprintf("%s:%s", a.Channel, a.ID)
				if a.Charge != nil {
					left += "+" + a.Charge.ID
				}
				left += " "
				if a.ClientIP != "10.0.0.1" || !a.At.Equal(t0) {
					t.Errorf("attempt %+v", a)
				}
			}
			if left != c.left {
				t.Errorf("attempts %q, want %q", left, c.left)
			}
		})
	}
}

func TestWants(t *testing.T) {
	open, charged := fold(waiting(), []Event{request("a1", WX)}), fold(waiting(), []Event{request("a1", WX), ChargeCreated{charge("ch_1", WX)}})
	for _, c := range []struct {
		name    string
		bill    Bill
		channel Channel
		at      time.Time
		want    bool
	}{
		{"the first", waiting(), WX, t0, true},
		{"while one is open", open, WX, t0.AddDate(1, 0, 0), false},
		{"of another channel", open, Alipay, t0, true},
		{"while its charge can be paid", charged, WX, later.Add(-time.Second), false},
		{"when it cannot any more", charged, WX, later, true},
		{"when it was paid with another sum", run(t, charged, ConfirmPayment{receipt("ch_1", price-1)}), WX, later.Add(-time.Second), true},
	} {
		if got := c.bill.Wants(c.channel, c.at); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestRefundable(t *testing.T) {
	b := run(t, asked(t, ""), ConfirmPayment{receipt("ch_late", 7)})
	left := func(b Bill, want domain.Fen) {
		t.Helper()
		if got := b.Refundable("ch_paid"); got != want || b.Refundable("ch_late") != 0 || b.Refundable("ch_none") != 0 {
			t.Errorf("%d fen refundable, want %d", got, want)
		}
	}
	left(b, 0)
	left(run(t, b, park, giveUp), 0) // the platform may still carry it out
	left(run(t, b, succeeds), 0)
	left(run(t, b, fails), price)
	left(run(t, b, fails, giveUp), 0) // a person has seen to the money
	left(run(t, b, park, giveUp, fails), 0)
	left(run(t, b, fails, retry), 0)
}

func TestChannelNo(t *testing.T) {
	b := asked(t, "")
	if no := b.Refunds[0].ChannelNo(); no != "" {
		t.Errorf("before the platform has it: %q", no)
	}
	if no := run(t, b, accept).Refunds[0].ChannelNo(); no != "re_1" {
		t.Errorf("the platform's: %q", no)
	}
	wallet := Refund{RefundIntent: RefundIntent{No: r1, Channel: Balance}}
	if no := wallet.ChannelNo(); no != r1 {
		t.Errorf("the wallet's: %q", no)
	}
}

func TestOrderOfRefund(t *testing.T) {
	for no, want := range map[string]string{r1: number, number + "R12": number, number: "", "": ""} {
		if got, ok := OrderOfRefund(no); ok != (want != "") || ok && got != want {
			t.Errorf("%q is of %q, %v; want %q", no, got, ok, want)
		}
	}
}

func ids(charges []Charge) (all []string) {
	for _, c := range charges {
		all = append(all, c.ID)
	}
	return all
}

func TestCharges(t *testing.T) {
	wx, alipay := ChargeCreated{charge("ch_wx", WX)}, ChargeCreated{charge("ch_ali", Alipay)}
	two := []Event{request("a1", WX), wx, request("a2", Alipay), alipay}
	wallet := Receipt{Channel: Balance, Ref: "a9", Amount: price, At: paidAt}
	for _, c := range []struct {
		name   string
		events []Event
		newest string
		others string
	}{
		{"none", nil, "", "[]"},
		{"asked for", []Event{request("a1", WX)}, "", "[]"},
		{"one", two[:2], "ch_wx", "[]"},
		{"two", two, "ch_ali", "[ch_wx]"},
		{"the older one paid", append(two[:4:4], OrderPaid{receipt("ch_wx", price)}), "ch_wx", "[ch_ali]"},
		{"both paid", append(two[:4:4], OrderPaid{receipt("ch_wx", price)}, SurplusReceived{receipt("ch_ali", price)}), "ch_wx", "[ch_ali]"},
		{"the wallet paid", append(two[:4:4], OrderPaid{wallet}), "ch_ali", "[ch_wx]"},
		{"paid before anybody recorded it", append(two[:2:2], OrderPaid{receipt("ch_unknown", price)}), "ch_wx", "[ch_unknown]"},
		{"free of charge", []Event{OrderPaid{Receipt{Channel: WX, Ref: number, At: paidAt}}}, "", "[]"},
	} {
		b, newest := fold(waiting(), c.events), ""
		if n := b.NewestCharge(); n != nil {
			newest = n.ID
		}
		if others := fmt.Sprint(ids(b.OtherCharges())); newest != c.newest || others != c.others {
			t.Errorf("%s: newest %q, others %s; want %q and %s", c.name, newest, others, c.newest, c.others)
		}
	}
}

// TestChargeTellsOfItsMoney: as the platform shows it, once money came and went.
func TestChargeTellsOfItsMoney(t *testing.T) {
	money := receipt("ch_1", price)
	money.TransactionNo = "4200000001"
	b := fold(waiting(), []Event{request("a1", WX), ChargeCreated{charge("ch_1", WX)}})
	if c, ok := b.Charge("ch_1"); !ok || c.Paid || c.TimePaid != nil || c.Refunded || c.Refunds.Data == nil || len(c.Refunds.Data) > 0 {
		t.Errorf("before: %+v", c)
	}
	b = run(t, b, ConfirmPayment{money})
	if c, _ := b.Charge("ch_1"); !c.Paid || *c.TimePaid != paidAt.Unix() || *c.TransactionNo != "4200000001" || c.Refunded {
		t.Errorf("paid: %+v", c)
	}
	b = fold(b, []Event{RefundRequested{RefundOf(b, money, 500, "by request", later)}})
	b = fold(b, []Event{RefundRequested{RefundOf(b, money, 400, "by request", later)}})
	b = fold(b, []Event{RefundRequested{RefundOf(b, receipt("ch_2", 1), 1, OfSurplus, later)}})
	b = run(t, b, accept, succeeds, SettleRefund{No: r2, Why: "bank closed", At: later})
	c, _ := b.Charge("ch_1")
	if !c.Refunded || c.AmountRefunded != 500 || len(c.Refunds.Data) != 2 {
		t.Fatalf("refunded: %+v", c)
	}
	var first, second PlatformRefund
	if err := json.Unmarshal(c.Refunds.Data[0], &first); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(c.Refunds.Data[1], &second); err != nil {
		t.Fatal(err)
	}
	if first.ID != "re_1" || first.OrderNo != r1 || !first.Succeed || *first.TimeSucceed != later.Unix() || first.FailureMsg != nil || first.Charge != "ch_1" {
		t.Errorf("first refund %+v", first)
	}
	if second.Amount != 400 || second.Succeed || second.Status != Failed || second.TimeSucceed != nil || *second.FailureMsg != "bank closed" {
		t.Errorf("second refund %+v", second)
	}
	if kept := b.Attempt(WX).Charge; kept.Paid || kept.Refunded {
		t.Errorf("the ledger's own charge was changed: %+v", kept)
	}
	if _, ok := b.Charge("ch_2"); ok {
		t.Error("a charge that nobody made is found")
	}
}

// TestReceiptOf and back.
func TestReceiptOf(t *testing.T) {
	c, no := charge("ch_1", UnionPay), "42"
	if got, want := ReceiptOf(c, paidAt), (Receipt{Channel: UnionPay, Ref: "ch_1", Amount: price, At: paidAt}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	c.TransactionNo = &no
	r := ReceiptOf(c, paidAt)
	if r.TransactionNo != "42" {
		t.Errorf("%+v", r)
	}
	if back := ChargeOf(number, r); back.ID != c.ID || back.Channel != c.Channel || back.Amount != price || back.OrderNo != number {
		t.Errorf("%+v", back)
	}
}

// anyStep draws a command that the platform, the wallet or a person may give.
func anyStep(t *rapid.T, b Bill, now time.Time) Command {
	channel := rapid.SampledFrom([]Channel{WX, Alipay, Balance, UnionPay, Insurance}).Draw(t, "channel")
	n := rapid.IntRange(1, 6).Draw(t, "n")
	name, no := fmt.Sprintf("x%d", n), fmt.Sprintf("%sR%d", number, n)
	return rapid.SampledFrom([]Command{
		DeclinePayment{Attempt: name, At: now},
		RecordCharge{Charge{ID: name, Channel: channel, Amount: b.Amount, TimeExpire: now.Add(time.Hour).Unix()}},
		ConfirmPayment{Receipt{Channel: channel, Ref: name, Amount: b.Amount + domain.Fen(n/3), At: now}},
		AskRefund{No: no, Claim: name, At: now},
		AcceptRefund{No: no, PlatformID: name, At: now}, DelayRefund{No: no, At: now}, ParkRefund{No: no, At: now},
		RetryRefund{No: no, By: "admin", At: now}, GiveUpRefund{No: no, By: "admin", At: now},
		SettleRefund{No: no, OK: n%2 == 0, At: now}, SettleRefund{No: no, At: now},
	}).Draw(t, "command")
}

// TestNeverMoreBackThanCame gives a ledger a random history, with refunds of parts in between.
func TestNeverMoreBackThanCame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, now := waiting(), t0
		states, was := []Bill{b}, []string{snapshot(t, b.Ledger)}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-10, 100).Draw(t, "minutes")) * time.Minute)
			older := rapid.SampledFrom(states).Draw(t, "older")
			c := anyStep(t, b, now)
			events, _ := Decide(b, c)
			if paid := b.Payment(); paid != nil && rapid.IntRange(0, 3).Draw(t, "refund") == 0 {
				if left := b.Refundable(paid.Ref); left > 0 {
					events = []Event{RefundRequested{RefundOf(b, *paid, domain.Fen(rapid.Int64Range(1, int64(left)).Draw(t, "part")), "by request", now)}}
				}
			} else if rapid.IntRange(0, 3).Draw(t, "attempt") == 0 {
				events = []Event{request(fmt.Sprintf("a%d", i), rapid.SampledFrom([]Channel{WX, Balance}).Draw(t, "through"))}
			}
			b = fold(b, events)
			for _, r := range b.Receipts {
				if left := b.Refundable(r.Ref); left < 0 || left > r.Amount {
					t.Fatalf("%d of %d fen of %s are left after %T", left, r.Amount, r.Ref, c)
				}
			}
			states, was = append(states, b), append(was, snapshot(t, b.Ledger))
			branch, _ := Decide(older, c)
			fold(older, branch)
		}
		for i, s := range states {
			if is := snapshot(t, s.Ledger); is != was[i] {
				t.Fatalf("ledger %d was changed by what came after it:\nwas %s\nis  %s", i, was[i], is)
			}
		}
	})
}
