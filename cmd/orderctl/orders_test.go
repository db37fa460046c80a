package main

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// seen runs a command as the auditor of a server.
func seen(s *orderdtest.Server, args ...string) (string, error) {
	return run("", append(args, "--server", "http://"+s.Addr(), "--audit-token", "demo-audit")...)
}

// timeless puts a sign in the place of every time, and two spaces between columns, whose width the times decide.
func timeless(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`).ReplaceAllString(text, "TIME")
	return regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  ")
}

func TestOrders(t *testing.T) {
	s := orderdtest.Demo(t)
	out, err := seen(s, "orders", "--number", demoOrder)
	must(t, out, err)
	wantOutput(t, "orders", timeless(out), `ORDER_NO  KIND  STATE  PATIENT  DOCTOR  HOSPITAL  HIS_ORDER_NO  CHANNEL_NOS  AMOUNT  PAID  REFUNDED  CREATE_TIME
12257268238541425696240003  online  unpaid  patient1  doctor1  1500  0  0  TIME
`)
	patient := s.As(orderdtest.Patient2)
	for range 105 {
		patient.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor2&order_type=monthly")).Want(t, 201)
	}
	for limit, want := range map[string]string{"7": "only the first 7 are printed; --limit 0 prints all\n", "105": ""} {
		var warned strings.Builder
		cmd := root()
		cmd.SetArgs([]string{"orders", "--user", "patient2", "--kind", "monthly", "--limit", limit, "--server", "http://" + s.Addr(), "--audit-token", "demo-audit"})
		cmd.SetOut(io.Discard)
		cmd.SetErr(&warned)
		if err := execute(t.Context(), cmd); err != nil || warned.String() != want {
			t.Errorf("--limit %s says %q, %v, want %q", limit, warned.String(), err, want)
		}
	}
	for limit, want := range map[string]int{"0": 105, "100": 100, "103": 103, "7": 7} {
		out, err := seen(s, "orders", "--user", "patient2", "--kind", "monthly", "--limit", limit, "--csv")
		must(t, out, err)
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != want+1 || rows[0][0] != "order_no" || rows[1][1] != "monthly" {
			t.Errorf("--limit %s: %d rows, %v", limit, len(rows), err)
		}
	}
	out, err = seen(s, "orders", "--user", "patient2", "--kind", "monthly", "--limit", "2", "--json")
	must(t, out, err)
	for line := range strings.Lines(out) {
		var o foundOrder
		if err := json.Unmarshal([]byte(line), &o); err != nil || o.Patient != "patient2" || o.Amount != 9900 {
			t.Errorf("%s: %v", line, err)
		}
	}
	if strings.Count(out, "\n") != 2 {
		t.Errorf("printed %s", out)
	}
	if _, err := seen(s, "orders", "--state", "new"); err == nil || !strings.Contains(err.Error(), `is not a valid choice`) {
		t.Errorf("a state that is none: %v", err)
	}
	out, err = run("", "__complete", "orders", "--state", "par")
	if must(t, out, err); !strings.Contains(out, "partly_refunded\n") {
		t.Errorf("completed %q", out)
	}
}

func TestHistory(t *testing.T) {
	s := orderdtest.Demo(t)
	patient := s.As(orderdtest.Patient1)
	patient.Send("PUT", "/qaorder/order/finish/"+demoOrder+"/").Want(t, 400)
	patient.Send("PATCH", "/qaorder/order/pay/"+demoOrder+"/", orderdtest.Form("channel=balance")).Want(t, 200)
	out, err := seen(s, "history", demoOrder)
	must(t, out, err)
	wantOutput(t, "history", timeless(out), `REVISION  RECORDED  EVENT  ACTOR  STATE  PAID  REFUNDED
0  TIME  OrderPlaced  patient1  unpaid  0  0
1  TIME  PaymentRequested  patient1  unpaid  0  0
2  TIME  OrderPaid  system  unpaid > paid  1500  0

REFUSED AT  COMMAND  ACTOR  CODE  WHY
TIME  Finish  patient1  cannot finish  order 12257268238541425696240003 is unpaid
`)
	out, err = seen(s, "history", demoOrder, "--csv")
	must(t, out, err)
	if rows, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) != 5 || rows[2][3] != "CommandRefused" || rows[4][3] != "OrderPaid" {
		t.Errorf("CSV %s, %v", out, err)
	}
	out, err = seen(s, "history", demoOrder, "--json")
	if must(t, out, err); !strings.HasPrefix(out, `{"order_no":"`+demoOrder+`"`) {
		t.Errorf("JSON %s", out)
	}
	out, err = seen(s, "history", demoOrder, "--revision", "0")
	if must(t, out, err); !strings.Contains(out, `"status": 0`) {
		t.Errorf("revision 0 is %s", out)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--revision", "0", "--csv"}, "leave --csv out"},
		{[]string{"--revision", "9"}, "orderctl history without --at and --revision tells what there is"},
		{[]string{"--at", "yesterday"}, "RFC 3339"},
		{[]string{"--at", "2026-01-01T00:00:00Z", "--revision", "1"}, `see "orderctl history --help"`},
	} {
		if _, err := seen(s, append([]string{"history", demoOrder}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.args, err, c.says)
		}
	}
}
