package main

import (
	"strings"
	"testing"
)

const failingHospital = `{"hospital":"H001","webhook_url":"https://his.example/","state":"failing","cursor":"60","lag":3,"oldest_time":"2026-11-25T17:57:44",` +
	`"delivered":4,"taken_time":"2026-11-25T17:57:42","tries":4,"failing_time":"2026-11-25T17:57:45","why":"it answered 500 Internal Server Error","count":9,"next":null,"previous":null,` +
	`"results":[{"position":"85","event":"DeliveryFailed","after":"60","through":"78","count":3,"tries":4,"why":"it answered 500 Internal Server Error","by":"","time":"2026-11-25T17:57:48"},` +
	`{"position":"81","event":"BatchSent","after":"60","through":"78","count":3,"tries":0,"why":"","by":"e55a","time":"2026-11-25T17:57:44"}]}`

const failingTable = `hospital H001, delivered to https://his.example/
failing, cursor at 60, 4 events delivered, the last at 2026-11-25T17:57:42
3 events wait, the first since 2026-11-25T17:57:44
4 tries failed since 2026-11-25T17:57:45: it answered 500 Internal Server Error

POSITION  TIME                 EVENT           AFTER  THROUGH  EVENTS  TRIES  BY    WHY
85        2026-11-25T17:57:48  DeliveryFailed  60     78       3       4      -     it answered 500 Internal Server Error
81        2026-11-25T17:57:44  BatchSent       60     78       3       -      e55a  -
and 7 older lines
`

func TestDeliveriesList(t *testing.T) {
	for _, c := range []struct {
		name, answer, stdout string
		flags                []string
	}{
		{"a table", failingHospital, failingTable, nil},
		{"the answer", failingHospital, failingHospital + "\n", []string{"--json"}},
		{"no webhook", `{"hospital":"H002","state":"waiting","cursor":"0"}`, "hospital H002, delivered to nowhere: it has no webhook\nwaiting, cursor at 0, 0 events delivered\n", nil},
	} {
		url, sent := answering(t, 200, c.answer)
		stdout, err := run("", append([]string{"deliveries", "list", "H001", "--server", url, "--token", "secret"}, c.flags...)...)
		if err != nil || stdout != c.stdout || *sent != "GET /admin/hospitals/H001/deliveries/ Token secret\n" {
			t.Errorf("%s: %v, sent %q, printed\n%s", c.name, err, *sent, stdout)
		}
	}
}

func TestDeliveriesRedeliver(t *testing.T) {
	url, sent := answering(t, 200, `{"hospital":"H001","webhook_url":"https://his.example/","state":"waiting","cursor":"12"}`)
	stdout, err := run("", "deliveries", "redeliver", "H001", "--after", "12", "--server", url, "--token", "secret")
	if want := "hospital H001, delivered to https://his.example/\nwaiting, cursor at 12, 0 events delivered\n"; err != nil || stdout != want ||
		*sent != "POST /admin/hospitals/H001/deliveries/redeliver/ Token secret\nafter=12" {
		t.Errorf("%v, sent %q, printed\n%s", err, *sent, stdout)
	}
}

func TestDeliveriesErrors(t *testing.T) {
	t.Setenv("ORDERCTL_TOKEN", "")
	gone, _ := answering(t, 404, `{"detail":"Not found."}`)
	odd, _ := answering(t, 200, `no JSON`)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"lst", "H001"}, `unknown command "lst" for "orderctl deliveries"; did you mean list?`},
		{[]string{"list"}, "accepts 1 arg(s)"},
		{[]string{"list", "H001"}, "ORDERCTL_TOKEN"},
		{[]string{"list", "H001", "--lines", "0"}, "--lines 0: 1 to 100"},
		{[]string{"list", "H001", "--lines", "101"}, "--lines 101: 1 to 100"},
		{[]string{"list", "H009", "--token", "x", "--server", gone}, "404 Not Found"},
		{[]string{"list", "H001", "--token", "x", "--server", odd}, "the server's answer"},
		{[]string{"redeliver", "H001", "--token", "x"}, `"after" not set`},
		{[]string{"redeliver", "H009", "--after", "1", "--token", "x", "--server", gone}, "404 Not Found"},
	} {
		if stdout, err := run("", append([]string{"deliveries"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.says) || stdout != "" {
			t.Errorf("%q: %v, want %q; printed %q", c.args, err, c.says, stdout)
		}
	}
}
