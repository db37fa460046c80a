package qa

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"orderengine/domain/payment"
)

var update = flag.Bool("update", false, "write the golden files")

// mover is a command that makes a move, from a status that the table may or may not name.
func mover(move string) (OrderType, Command) {
	switch move {
	case movePay:
		return Online, payment.ConfirmPayment{Receipt: receipt("ch_new", price)}
	case moveCancel:
		return Online, Cancel{By: patient, At: t0}
	case moveDestroy:
		return Online, Destroy{By: patient, At: t0}
	case moveAsk:
		return Online, ask(8, paidAt)
	case moveAskAgain:
		return Monthly, ask(8, paidAt.Add(time.Hour))
	case moveAnswer:
		return Online, answer(openPK)
	case moveFinish:
		return Online, Finish{By: patient, At: t0}
	case moveEvaluate:
		return Online, evaluate(4)
	case moveRefund:
		return Online, Refund{By: patient, At: t0}
	}
	return Online, nil
}

func statusNamed(t *testing.T, name string) Status {
	t.Helper()
	i := slices.IndexFunc(Statuses, func(s Status) bool { return s.String() == name })
	if i < 0 {
		t.Fatalf("the table names %q, which is no status", name)
	}
	return Statuses[i]
}

// TestEvolveGoesWhereTheTableSays compares the two, for Evolve does not read the table.
func TestEvolveGoesWhereTheTableSays(t *testing.T) {
	tried := 0
	for _, m := range Lifecycle.Moves() {
		typ, command := mover(m.Name)
		if command == nil {
			t.Errorf("move %s has no command", m.Name)
			continue
		}
		for _, src := range m.Src {
			o := run(t, orderIn(t, statusNamed(t, src), typ), command)
			if o.Status != statusNamed(t, m.Dst) {
				t.Errorf("%s from %s leads to %s; the table says %s", m.Name, src, o.Status, m.Dst)
			}
			tried++
		}
	}
	if tried != 13 {
		t.Errorf("%d moves tried, want 13: 11 of the notes' \"States\" and what destroy leaves as it is", tried)
	}
}

func TestMovesOfTheNotes(t *testing.T) {
	for _, c := range []struct {
		move string
		from []Status
	}{
		{movePay, []Status{Unpaid}}, {moveCancel, []Status{Unpaid}}, {moveAsk, []Status{Paid}}, {moveAskAgain, []Status{Answered}},
		{moveAnswer, []Status{Asked}}, {moveFinish, []Status{Answered}}, {moveEvaluate, []Status{Finished}},
		{moveRefund, []Status{Paid, Asked}}, {moveDestroy, []Status{Unpaid, Finished, Evaluated, Cancelled}},
		{"fly", nil},
	} {
		for _, s := range Statuses {
			if got, want := Lifecycle.Allows(s.String(), c.move), slices.Contains(c.from, s); got != want {
				t.Errorf("%s from %s: %v, want %v", c.move, s, got, want)
			}
		}
	}
}

func TestStatusesAreTheDocumentsNumbers(t *testing.T) {
	for i, name := range []string{"unpaid", "paid", "asked", "answered", "finished", "evaluated", "cancelled"} {
		if Status(i) != Statuses[i] || Statuses[i].String() != name {
			t.Errorf("status %d is %s, want %s", i, Statuses[i], name)
		}
	}
}

func TestDiagramIsTheGoldenOne(t *testing.T) {
	path := filepath.Join("testdata", "lifecycle.mmd")
	got := Lifecycle.Diagram()
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

func TestEvolveOfAChargeKeepsItsAttempt(t *testing.T) {
	o := run(t, orderIn(t, Unpaid, Online), RequestPayment{By: patient, Attempt: "a1", Channel: payment.WX, ClientIP: "10.0.0.1", At: t0},
		payment.RecordCharge{Charge: payment.Charge{ID: "ch_1", Channel: payment.WX, TimeExpire: t0.Add(time.Hour).Unix()}})
	a := o.Attempt(payment.WX)
	if a == nil || a.ID != "a1" || a.ClientIP != "10.0.0.1" || !a.At.Equal(t0) || a.Charge == nil || a.Charge.ID != "ch_1" || len(o.Attempts) != 1 {
		t.Errorf("attempts %+v", o.Attempts)
	}
}
