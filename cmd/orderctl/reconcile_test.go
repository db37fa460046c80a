package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const ourTrades = `tradeTime,orderMode,tradeMode,orderNo,refundOrderNo,hisOrderNo,hisRefundOrderNo,agtOrderNo,agtRefundOrderNo,agtTraceNo,agtRefundTraceNo,payTotalFee,refundTotalFee,tradeType
2026-01-15 08:00:00,1,3,1001,,H1,,A1,,,,600,,1
2026-01-15 08:00:00,1,3,1001,9001,H1,R1,A1,AR1,,,600,200,2
2026-01-15 09:00:00,1,4,1002,,H2,,A2,,,,700,,1
`

func TestReconcile(t *testing.T) {
	url, _ := answering(t, 200, ourTrades)
	gbk, err := simplifiedchinese.GB18030.NewEncoder().String("his_order_no,his_refund_no,trade_type,amount_yuan,备注\nH1,,1,6.00,甲\nH1,R1,2,2,乙\nH2,,1,7.0,丙\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, says string
		fails      error
		bad        bool
	}{
		"equal, GB18030": {file: gbk, says: "the lists are equal\n"},
		"equal, BOM":     {file: "\ufefforder_no,refund_no,trade_type,amount\n1001,,pay,600\n1001,9001,refund,200\n1002,,pay,700\n", says: "equal"},
		"a channel's":    {file: "agt_order_no,agt_refund_no,trade_type,amount_yuan\nA1,,1,6.00\nA1,AR1,2,2.00\nA2,,1,7.00\n", says: "the lists are equal\n"},
		"any of a row's": {file: "his_order_no,agt_order_no,his_refund_no,agt_refund_no,trade_type,amount\nH1,A1,,,1,600\n,A1,,AR1,2,200\nH2,,,,1,700\n", says: "the lists are equal\n"},
		"twice by others": {file: "his_order_no,refund_no,his_refund_no,trade_type,amount\nH1,,,1,600\nH1,,R1,2,200\nH1,9001,,2,200\nH2,,,1,700\n",
			says: "duplicate  refund H1 R1  line         3 and 4", fails: errDiffer},
		"missing":    {file: "order_no,refund_no,trade_type,amount\n1001,,pay,600\n1001,9001,refund,200\n1002,,pay,700\n1003,,1,5\n", says: "missing  pay 1003", fails: errDiffer},
		"extra":      {file: "order_no,trade_type,amount\n1001,pay,600\n", says: "extra  pay 1002", fails: errDiffer},
		"differs":    {file: "order_no,refund_no,trade_type,amount,trade_mode\n1001,,pay,601,3\n1001,9001,refund,200,\n1002,,pay,700,4\n", says: "differs  pay 1001  amount  600   601", fails: errDiffer},
		"twice":      {file: "order_no,refund_no,trade_type,amount\n1001,,pay,600\n1001,,pay,600\n", says: "2 and 3", fails: errDiffer},
		"no number":  {file: "order_no,his_refund_no,trade_type,amount\n1001,,2,200\n", says: "line 2, column refund_no or his_refund_no or agt_refund_no", bad: true},
		"bad amount": {file: "order_no,trade_type,amount\n1001,pay,6.5\n", says: "line 2, column amount", bad: true},
		"bad type":   {file: "order_no,trade_type,amount\n1001,paid,6\n", says: "line 2, column trade_type", bad: true},
		"no header":  {file: "a,b\n1,2\n", says: "their.csv: line 1", bad: true},
		"no lines":   {file: "", says: "the file is empty", bad: true},
	} {
		file := filepath.Join(t.TempDir(), "their.csv")
		if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := run("", "reconcile", "--hospital", "H001", "--day", "2026-01-15", "--file", file, "--server", url, "--audit-token", "a")
		if c.bad != (err != nil && exitStatus(err) == 2) || !c.bad && !errors.Is(err, c.fails) || c.fails != nil && exitStatus(err) != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, c.says) {
			t.Errorf("%s: %q has no %q", name, out, c.says)
		}
	}
}

// TestReconcileAStop by the hospital's numbers, which has none of the refund after it.
func TestReconcileAStop(t *testing.T) {
	url, _ := answering(t, 200, ourTrades+"2026-01-15 09:00:00,1,4,1002,9002,H2,,A2,AR2,,,700,700,2\n")
	for name, c := range map[string]struct {
		rows, says string
		fails      error
	}{
		"by our number": {rows: "H2,9002,,2,700\n", says: "the lists are equal\n"},
		"left out":      {rows: "", says: "extra  refund H2 9002", fails: errDiffer},
		"another sum":   {rows: "H2,9002,,2,600\n", says: "differs  refund H2 9002  amount  700   600", fails: errDiffer},
	} {
		file := filepath.Join(t.TempDir(), "their.csv")
		text := "his_order_no,refund_no,his_refund_no,trade_type,amount\nH1,,,1,600\nH1,,R1,2,200\nH2,,,1,700\n" + c.rows
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := run("", "reconcile", "--hospital", "H001", "--day", "2026-01-15", "--file", file, "--server", url, "--audit-token", "a")
		if !errors.Is(err, c.fails) || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v, %q has no %q", name, err, out, c.says)
		}
	}
}

// TestReconcileSaysThatItCouldNot by its exit status, as diff(1) does: a script must not take it for a difference.
func TestReconcileSaysThatItCouldNot(t *testing.T) {
	t.Setenv("ORDERCTL_AUDIT_TOKEN", "")
	file := filepath.Join(t.TempDir(), "their.csv")
	if err := os.WriteFile(file, []byte("order_no,trade_type,amount\n1001,pay,600\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, _ := answering(t, 200, ourTrades)
	unknown, _ := answering(t, 404, `{"detail":"Not found."}`)
	cut, _ := answering(t, 200, ourTrades+`2026-01-15 09:00:00,"1`)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no server":   {[]string{"--file", file, "--server", "http://127.0.0.1:1", "--audit-token", "a"}, "is the server running there?"},
		"no hospital": {[]string{"--file", file, "--server", unknown, "--audit-token", "a"}, "404 Not Found"},
		"cut off":     {[]string{"--file", file, "--server", cut, "--audit-token", "a"}, "our list broke off"},
		"no token":    {[]string{"--file", file, "--server", url}, "ORDERCTL_AUDIT_TOKEN"},
		"no file":     {[]string{"--file", file + "x", "--server", url, "--audit-token", "a"}, "--file: open "},
		"no room":     {[]string{"--file", file, "--server", url, "--audit-token", "a", "--csv", filepath.Join(file, "x")}, "--csv: open "},
		"no --file":   {nil, `see "orderctl reconcile --help"`},
	} {
		_, err := run("", append([]string{"reconcile", "--hospital", "H001", "--day", "2026-01-15"}, c.args...)...)
		if err == nil || exitStatus(err) != 2 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q and the status 2", name, err, c.says)
		}
	}
}

func TestReplayContinuesAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.ndjson")
	const first, second = `{"specversion":"1.0","position":"7"}` + "\n", `{"specversion":"1.0","position":"8"}` + "\n"
	if err := os.WriteFile(file, []byte(first+second[:9]), 0o600); err != nil {
		t.Fatal(err)
	}
	url, sent := answering(t, 200, second)
	if _, err := run("", "replay", "--output", file, "--server", url, "--audit-token", "a"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != first+second {
		t.Errorf("%q, %v, after %s", got, err, *sent)
	}
}
