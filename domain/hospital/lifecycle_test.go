package hospital

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"orderengine/domain/payment"
)

var update = flag.Bool("update", false, "write the golden files")

// mover is an order in a status, and a command that makes the move from it; nil if none can.
func mover(t *testing.T, move string, from Status) (Order, Command) {
	o := orderIn(t, from, Registration)
	switch move {
	case movePay:
		return o, pay
	case moveCancel:
		return o, Cancel{By: patient, At: t0}
	case moveRefundPart:
		return o, refund("07", 100)
	case moveRefundRest:
		return o, refundAll("07", o.Left())
	case moveStop:
		return o, stop
	case moveKeepAll:
		return o, failed
	case moveKeepPart: // two refunds, one of which fails
		second := refund("02", 100)
		if from == Refunded {
			second = refundAll("02", price-part)
		}
		return run(t, orderIn(t, PartlyRefunded, Registration), second), failed
	}
	return o, nil
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
		for _, src := range m.Src {
			o, command := mover(t, m.Name, statusNamed(t, src))
			if command == nil {
				t.Errorf("move %s has no command", m.Name)
				continue
			}
			if o.Status.String() != src {
				t.Errorf("%s is tried from %s, not from %s", m.Name, o.Status, src)
			}
			if o = run(t, o, command); o.Status != statusNamed(t, m.Dst) {
				t.Errorf("%s from %s leads to %s; the table says %s", m.Name, src, o.Status, m.Dst)
			}
			tried++
		}
	}
	if tried != 12 {
		t.Errorf("%d moves tried, want 12: 8 of the notes' \"Lifecycle\" and 4 of money that stays with the order", tried)
	}
}

func TestMovesOfTheNotes(t *testing.T) {
	for _, c := range []struct {
		move string
		from []Status
	}{
		{movePay, []Status{Unpaid}}, {moveCancel, []Status{Unpaid}}, {moveRefundPart, []Status{Paid, PartlyRefunded}},
		{moveRefundRest, []Status{Paid, PartlyRefunded}}, {moveStop, []Status{Paid, PartlyRefunded}},
		{moveKeepPart, []Status{PartlyRefunded, Refunded}}, {moveKeepAll, []Status{PartlyRefunded, Refunded}},
		{"fly", nil},
	} {
		for _, s := range Statuses {
			if got, want := Lifecycle.Allows(s.String(), c.move), slices.Contains(c.from, s); got != want {
				t.Errorf("%s from %s: %v, want %v", c.move, s, got, want)
			}
		}
	}
}

func TestStatusesAreTheNotesNumbers(t *testing.T) {
	notes := map[int]string{0: "unpaid", 1: "paid", 2: "partly_refunded", 3: "refunded", 4: "stopped", 6: "cancelled"}
	if len(Statuses) != len(notes) {
		t.Errorf("%d statuses, want %d", len(Statuses), len(notes))
	}
	for _, s := range Statuses {
		if s.String() == "" || s.String() != notes[int(s)] {
			t.Errorf("status %d is %q, want %q", s, s, notes[int(s)])
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

// TestMoneyNeverMovesAnEndedOrder: what becomes of the money of a stopped or cancelled order is not its status.
func TestMoneyNeverMovesAnEndedOrder(t *testing.T) {
	late := payment.ConfirmPayment{Receipt: receipt("ch_late", price)}
	for _, s := range []Status{Stopped, Cancelled} {
		o := run(t, orderIn(t, s, Registration), late)
		for _, r := range o.Refunds {
			for _, c := range []Command{
				payment.SettleRefund{No: r.No, OK: true, At: later}, payment.SettleRefund{No: r.No, Why: "no", At: later},
				payment.ParkRefund{No: r.No, Why: "no", At: later}, payment.AcceptRefund{No: r.No, PlatformID: "re_1", At: later},
			} {
				if after := run(t, o, c); after.Status != s {
					t.Errorf("%T moved the order from %s to %s", c, s, after.Status)
				}
			}
		}
	}
}
