package delivery

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	at     = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	later  = at.Add(time.Minute)
	batch  = Batch{After: "7", Through: "12", Count: 3}
	us     = Sender{"s1", "r1"}
	reborn = Sender{"s1", "r2"}
	them   = Sender{"s2", "r9"}
)

type unknown struct{}

func (unknown) isCommand() {}

// in is a delivery in each state.
func in(s Status) Delivery {
	d := Delivery{Status: s, Cursor: "7", Delivered: 4, TakenAt: at}
	if s != Waiting {
		d.Batch, d.Sender, d.LeasedAt = batch, us, at
	}
	if s == Failing {
		d.Failures, d.Since, d.Why = 4, at, "500"
	}
	return d
}

func TestDecide(t *testing.T) {
	const none = ""
	other := Batch{After: "8", Through: "12", Count: 2}
	for i, c := range []struct {
		command                   Command
		waiting, sending, failing string
	}{
		{Send{batch, us, later}, "BatchSent", none, none},
		{Send{batch, reborn, later}, "BatchSent", "BatchSent", "BatchSent"},
		{Send{batch, them, later}, "BatchSent", none, none},
		{Send{batch, them, at.Add(Lease)}, "BatchSent", "BatchSent", "BatchSent"},
		{Send{other, us, later}, none, none, none},
		{Send{other, them, at.Add(Lease)}, none, none, none},
		{Send{Batch{After: "7"}, us, later}, none, none, none},
		{Acknowledge{batch, us, 1, later}, none, "BatchDelivered", "BatchDelivered"},
		{Acknowledge{other, us, 1, later}, none, none, none},
		{Acknowledge{batch, reborn, 1, later}, none, none, none},
		{Fail{batch, us, 1, "x", later}, none, "DeliveryFailed", none},
		{Fail{batch, us, 5, "x", later}, none, "DeliveryFailed", none},
		{Fail{batch, us, 7, "x", later}, none, "DeliveryFailed", none},
		{Fail{batch, us, 8, "x", later}, none, "DeliveryFailed", "DeliveryFailed"},
		{Fail{batch, us, 5, "x", at.Add(Lease / 2)}, none, "DeliveryFailed", "DeliveryFailed"},
		{Fail{batch, them, 8, "x", later}, none, none, none},
		{Fail{other, us, 8, "x", later}, none, none, none},
		{Redeliver{"3", "admin", later}, "RedeliveryRequested", "RedeliveryRequested", "RedeliveryRequested"},
		{Redeliver{"7", "admin", later}, none, "RedeliveryRequested", "RedeliveryRequested"},
		{Redeliver{"90", "admin", later}, "RedeliveryRequested", "RedeliveryRequested", "RedeliveryRequested"},
	} {
		for status, want := range map[Status]string{Waiting: c.waiting, Sending: c.sending, Failing: c.failing} {
			t.Run(fmt.Sprintf("%d/%T/%s", i, c.command, status), func(t *testing.T) {
				d, got := in(status), none
				events, err := Decide(d, c.command)
				if err != nil || len(events) > 1 {
					t.Fatalf("events %v, error %v", events, err)
				}
				if len(events) == 1 {
					got, d = reflect.TypeOf(events[0]).Name(), Evolve(d, events[0])
				}
				if got != want {
					t.Errorf("%q, want %q", got, want)
				}
				if again, _ := Decide(d, c.command); len(again) > 0 {
					t.Errorf("run again: %v", again)
				}
			})
		}
	}
	if events, err := Decide(in(Waiting), unknown{}); err == nil || events != nil {
		t.Errorf("unknown command: events %v, error %v", events, err)
	}
}

func TestTheFirstBatchBeginsAtTheBeginning(t *testing.T) {
	if events, err := Decide(Delivery{}, Send{Batch{After: "", Through: "3", Count: 1}, us, at}); len(events) != 1 || err != nil {
		t.Errorf("events %v, error %v", events, err)
	}
}

func TestEvolve(t *testing.T) {
	sent := BatchSent{batch, us, at}
	for _, c := range []struct {
		name   string
		events []Event
		want   Delivery
	}{
		{"sent", []Event{sent}, Delivery{Status: Sending, Batch: batch, Sender: us, LeasedAt: at}},
		{"sent again", []Event{sent, BatchSent{batch, reborn, later}}, Delivery{Status: Sending, Batch: batch, Sender: reborn, LeasedAt: later}},
		{"taken", []Event{sent, BatchDelivered{batch, 1, later}}, Delivery{Status: Waiting, Cursor: "12", Delivered: 3, TakenAt: later}},
		{"failed", []Event{sent, DeliveryFailed{batch, 1, "500", at}, DeliveryFailed{batch, 2, "502", later}},
			Delivery{Status: Failing, Batch: batch, Sender: us, LeasedAt: later, Failures: 2, Since: at, Why: "502"}},
		{"failed and sent again", []Event{sent, DeliveryFailed{batch, 2, "500", at}, BatchSent{batch, them, later}},
			Delivery{Status: Failing, Batch: batch, Sender: them, LeasedAt: later, Failures: 2, Since: at, Why: "500"}},
		{"failed and taken", []Event{sent, DeliveryFailed{batch, 2, "500", at}, BatchDelivered{batch, 3, later}},
			Delivery{Status: Waiting, Cursor: "12", Delivered: 3, TakenAt: later}},
		{"given up for a redelivery", []Event{sent, DeliveryFailed{batch, 2, "500", at}, RedeliveryRequested{"3", "admin", later}},
			Delivery{Status: Waiting, Cursor: "3", Failures: 2, Since: at, Why: "500"}},
		{"again from a position", []Event{sent, BatchDelivered{batch, 1, at}, RedeliveryRequested{"", "admin", later}, sent, BatchDelivered{batch, 1, later}},
			Delivery{Status: Waiting, Cursor: "12", Delivered: 6, TakenAt: later}},
	} {
		var d Delivery
		for _, e := range c.events {
			d = Evolve(d, e)
		}
		if d != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, d, c.want)
		}
	}
}

// TestEvolveGoesWhereTheTableSays compares the two, for Evolve does not read the table.
func TestEvolveGoesWhereTheTableSays(t *testing.T) {
	makes := map[string]Event{
		moveSend: BatchSent{batch, us, later}, moveSendAgain: BatchSent{batch, reborn, later}, moveAcknowledge: BatchDelivered{batch, 1, later},
		moveFail: DeliveryFailed{batch, 8, "x", later}, moveRedeliver: RedeliveryRequested{"3", "admin", later},
	}
	for _, m := range Lifecycle.Moves() {
		for _, src := range m.Src {
			if got := Evolve(in(Status(src)), makes[m.Name]).State(); string(got) != m.Dst {
				t.Errorf("%s from %s leads to %s; the table says %s", m.Name, src, got, m.Dst)
			}
		}
	}
	if s := (Delivery{}).State(); s != Waiting {
		t.Errorf("what was never sent is %s", s)
	}
}

// TestALongFailureFillsNoLog has a hospital away for ten days, tried every five minutes.
func TestALongFailureFillsNoLog(t *testing.T) {
	d := in(Sending)
	written, longest, last := 0, time.Duration(0), at
	for n := range 10 * 24 * 12 {
		now := at.Add(time.Duration(n) * 5 * time.Minute)
		events, err := Decide(d, Fail{batch, us, n + 1, "away", now})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			d, written = Evolve(d, e), written+1
			longest, last = max(longest, now.Sub(last)), now
		}
	}
	if written < 900 || written > 1000 || longest >= Lease {
		t.Errorf("%d failures written down, the longest wait %s", written, longest)
	}
}

func TestDiagramIsTheGoldenOne(t *testing.T) {
	path, got := filepath.Join("testdata", "lifecycle.mmd"), Lifecycle.Diagram()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the diagram has changed; if it is meant, run with -update.\ngot:\n%s\nwant:\n%s", got, want)
	}
}
