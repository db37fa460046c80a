package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/gateways/pingpp"
	"orderengine/test/e2e/orderdtest"
)

type historyRow struct {
	Revision int     `json:"revision"`
	Type     string  `json:"type"`
	Actor    string  `json:"actor"`
	Before   *string `json:"state_before"`
	After    string  `json:"state_after"`
	Paid     int     `json:"paid"`
	Refunded int     `json:"refunded"`
	Recorded string  `json:"recorded"`
}

func historyOf(t testing.TB, s *orderdtest.Server, number string) []historyRow {
	t.Helper()
	var h struct {
		OrderNo string `json:"order_no"`
		Events  []historyRow
	}
	s.As(auditToken).Get("/audit/orders/"+number+"/history/").Want(t, http.StatusOK).Into(t, &h)
	if h.OrderNo != number {
		t.Fatalf("the history of %s, want %s", h.OrderNo, number)
	}
	return h.Events
}

// TestHistoryShowsTheOrderAsItWas: whatever the detail showed, at a revision or a time, the auditor sees byte for byte.
func TestHistoryShowsTheOrderAsItWas(t *testing.T) { everywhere(t, testHistoryShowsTheOrderAsItWas) }

func testHistoryShowsTheOrderAsItWas(t *testing.T, on setup) {
	s := on.demo(t)
	number := place(t, s).OrderNumber
	details := map[int]string{}
	for status := unpaid; status <= evaluated; status++ {
		advance(t, s, number, status)
		rows := historyOf(t, s, number)
		details[rows[len(rows)-1].Revision] = s.As(patient1).Get(path("detail", number)).Want(t, http.StatusOK).Body
	}
	before := time.Now()
	s.As(admin).Send("PATCH", "/admin/users/patient1/", jsonBody(`{"name":"another name"}`)).Want(t, http.StatusOK)
	now := s.As(patient1).Get(path("detail", number)).Want(t, http.StatusOK).Body

	audit := s.As(auditToken)
	for revision, want := range details {
		got := audit.Get(fmt.Sprintf("/audit/orders/%s/history/?revision=%d", number, revision)).Want(t, http.StatusOK)
		if got.Body != want || got.Body == now {
			t.Errorf("revision %d is\n%s\nwant\n%s", revision, got.Body, want)
		}
	}
	at := func(when time.Time) string {
		return audit.Get("/audit/orders/"+number+"/history/?at="+url.QueryEscape(when.Format(time.RFC3339Nano))).Want(t, http.StatusOK).Body
	}
	if got := at(before); got == now || !strings.Contains(got, `"status":5`) {
		t.Errorf("before the change of the name it was\n%s", got)
	}
	if got := at(time.Now().Add(time.Second)); got != now {
		t.Errorf("now it is\n%s\nwant\n%s", got, now)
	}
}

func TestHistoryTellsStatesAndMoney(t *testing.T) { everywhere(t, testHistoryTellsStatesAndMoney) }

func testHistoryTellsStatesAndMoney(t *testing.T, on setup) {
	s := on.demo(t)
	number := placed(t, s, paid).OrderNumber
	s.As(patient1).Send("PUT", path("refund", number)).Want(t, http.StatusOK)
	var told []string
	for i, r := range historyOf(t, s, number) {
		before := "-"
		if r.Before != nil {
			before = *r.Before
		}
		if r.Revision != i || r.Recorded == "" {
			t.Errorf("row %d is %+v", i, r)
		}
		told = append(told, fmt.Sprintf("%s by %s: %s>%s %d/%d", r.Type, r.Actor, before, r.After, r.Paid, r.Refunded))
	}
	want := []string{
		"OrderPlaced by patient1: ->unpaid 0/0",
		"PaymentRequested by patient1: unpaid>unpaid 0/0",
		"OrderPaid by system: unpaid>paid 1500/0",
		"OrderCancelled by patient1: paid>cancelled 1500/0",
		"RefundRequested by patient1: cancelled>cancelled 1500/1500",
		"RefundSucceeded by system: cancelled>cancelled 1500/1500",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	sheet := s.As(auditToken).With("Accept", "text/csv").Get("/audit/orders/"+number+"/history/").Want(t, http.StatusOK)
	lines, err := csv.NewReader(strings.NewReader(sheet.Body)).ReadAll()
	if err != nil || len(lines) != 1+len(want) || lines[0][0] != "revision" || lines[3][3] != "OrderPaid" || lines[3][12] != "1500" {
		t.Errorf("CSV: %v %q", err, lines)
	}
}

func TestHistoryCallsThatCannotBe(t *testing.T) { everywhere(t, testHistoryCallsThatCannotBe) }

func testHistoryCallsThatCannotBe(t *testing.T, on setup) {
	s := on.demo(t)
	number := place(t, s).OrderNumber
	for query, want := range map[string]struct {
		status int
		says   string
	}{
		number + "/history/?revision=9":                         {http.StatusNotFound, "no such revision yet"},
		number + "/history/?revision=-1":                        {http.StatusBadRequest, "revision"},
		number + "/history/?revison=1":                          {http.StatusBadRequest, `{"revison":["There is no such parameter."]}`},
		number + "/history/?at=yesterday":                       {http.StatusBadRequest, "RFC 3339"},
		number + "/history/?at=2020-01-01T00:00:00Z":            {http.StatusNotFound, "not placed yet"},
		number + "/history/?at=2020-01-01T08:00:00+08:00":       {http.StatusNotFound, "not placed yet"},
		number + "/history/?at=2020-01-01T00:00:00Z&revision=0": {http.StatusBadRequest, "not both"},
		"99999999999999999999999999/history/":                   {http.StatusNotFound, "Not found."},
		"9999999999999999999/history/":                          {http.StatusNotFound, "Not found."},
		"x/history/":                                            {http.StatusNotFound, "Not found."},
		"x/history/?at=2020-01-01T00:00:00Z":                    {http.StatusNotFound, "Not found."},
		"9999999999999999999/history/?at=2020-01-01T00:00:00Z":  {http.StatusNotFound, "no such order"},
	} {
		if r := s.As(auditToken).Get("/audit/orders/" + query); r.Status != want.status || !strings.Contains(r.Body, want.says) {
			t.Errorf("%s: %d %s, want %d %q", query, r.Status, r.Body, want.status, want.says)
		}
	}
	for _, token := range []string{patient1, admin} {
		s.As(token).Get("/audit/orders/"+number+"/history/").Want(t, http.StatusForbidden)
	}
}

// TestLooksAreRecorded: what an operator reads of patients stands in the log, what patients read does not.
func TestLooksAreRecorded(t *testing.T) { everywhere(t, testLooksAreRecorded) }

func testLooksAreRecorded(t *testing.T, on setup) {
	s := on.demo(t)
	number := place(t, s).OrderNumber
	s.As(patient1).Get(path("detail", number)).Want(t, http.StatusOK)
	s.As(auditToken).Get("/audit/orders/"+number+"/history/?revision=0").Want(t, http.StatusOK)
	s.As(auditToken).Get("/audit/orders/"+number+"/history/?revision=9").Want(t, http.StatusNotFound)
	s.As(admin).Get("/admin/users/patient1/").Want(t, http.StatusOK)
	s.As(admin).Send("PATCH", "/admin/users/patient1/", jsonBody(`{}`)).Want(t, http.StatusOK) // changes nothing, and shows all
	for range 2 {                                                                              // the second reply is the first one again
		s.As(admin).With("Idempotency-Key", "k").Send("POST", "/admin/users/patient1/topup/", form("amount=1")).Want(t, http.StatusOK)
	}
	s.As(admin).Send("POST", "/admin/users/patient1/topup/", form("amount=x")).Want(t, http.StatusBadRequest)
	s.As(admin).Send("PUT", "/admin/users/patient1/privacy/", form("standing=kept&why=none")).Want(t, http.StatusOK)
	s.As(admin).Get("/admin/parked/").Want(t, http.StatusOK)
	s.As(admin).Send("OPTIONS", "/admin/parked/").Want(t, http.StatusOK)
	s.As(auditToken).Get("/replay/events?limit=1").Want(t, http.StatusOK)
	var looks []string
	for line := range strings.Lines(s.As(auditToken).Get("/replay/events?types=PatientDataRead").Want(t, http.StatusOK).Body) {
		var e struct {
			Actor string
			Data  struct{ By, Path, Query string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		looks = append(looks, fmt.Sprintf("%s %s %s?%s", e.Actor, e.Data.By, e.Data.Path, e.Data.Query))
	}
	want := []string{
		"audit audit /audit/orders/" + number + "/history/?revision=0",
		"admin admin /admin/users/patient1/?",
		"admin admin /admin/users/patient1/?",
		"admin admin /admin/users/patient1/topup/?",
		"admin admin /admin/users/patient1/topup/?",
		"admin admin /admin/users/patient1/privacy/?",
		"admin admin /admin/parked/?",
		"audit audit /replay/events?limit=1",
	}
	if !slices.Equal(looks, want) {
		t.Errorf("recorded\n%s\nwant\n%s", strings.Join(looks, "\n"), strings.Join(want, "\n"))
	}
}

// TestRefusalsAreTold: what an order refused, of whom, stands beside its history, in its bundle too; orders that are
// not there refuse nothing.
func TestRefusalsAreTold(t *testing.T) { everywhere(t, testRefusalsAreTold) }

func testRefusalsAreTold(t *testing.T, on setup) {
	s := on.demo(t)
	number := place(t, s).OrderNumber
	s.As(patient1).Send("PUT", path("finish", number)).Want(t, http.StatusBadRequest)
	s.As(patient2).Send("PUT", path("cancel", number)).Want(t, http.StatusNotFound)
	s.As(patient1).Send("PUT", path("evaluate", number), form("scores=5&content=ok")).Want(t, http.StatusBadRequest)
	s.As(patient1).Send("PUT", path("finish", "99999999999999999999999999")).Want(t, http.StatusNotFound)
	key, err := pingpp.LoadPrivateKey(filepath.Join(s.Data, "keys", "sandbox.pem"))
	if err != nil {
		t.Fatal(err)
	}
	notice := `{"id":"evt_9","type":"refund.succeeded","data":{"object":{"id":"re_1","object":"refund","status":"succeeded","order_no":"` + number + `R7"}}}`
	for range 2 { // the platform sends it until it is taken
		s.As("").With(pingpp.WebhookSignature, signature(t, key, notice)).Send("POST", "/qaorder/pay/notify/", jsonBody(notice)).Want(t, http.StatusNotFound)
	}
	var h struct {
		Events  []historyRow
		Refused []struct{ By, Command, Code, Why string }
	}
	s.As(auditToken).Get("/audit/orders/"+number+"/history/").Want(t, http.StatusOK).Into(t, &h)
	var told []string
	for _, r := range h.Refused {
		told = append(told, fmt.Sprintf("%s %s: %s (%s)", r.By, r.Command, r.Code, r.Why))
	}
	want := []string{
		"patient1 Finish: cannot finish (order " + number + " is unpaid)",
		"patient2 Cancel: not found (no such order)",
		"patient1 Evaluate: cannot evaluate (order " + number + " is unpaid)",
		"platform SettleRefund: not found (order " + number + " has no refund " + number + "R7)",
	}
	if !slices.Equal(told, want) || len(h.Events) != 1 {
		t.Errorf("%d events, refused\n%s\nwant\n%s", len(h.Events), strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	sheet, err := csv.NewReader(strings.NewReader(s.As(auditToken).With("Accept", "text/csv").Get("/audit/orders/"+number+"/history/").Want(t, http.StatusOK).Body)).ReadAll()
	if err != nil || len(sheet) != 6 {
		t.Fatalf("CSV: %v %q", err, sheet)
	}
	for i, r := range h.Refused {
		row := sheet[2+i] // after the header and the order's one event
		kept := []string{row[0], row[3], row[6], row[10], row[11], row[12], row[13]}
		if !slices.Equal(kept, []string{"", "CommandRefused", r.By, "unpaid", "unpaid", "0", "0"}) || !strings.Contains(row[14], r.Code) {
			t.Errorf("row %d of the sheet is %q", 2+i, row)
		}
	}
	s.As(patient1).Send("PATCH", path("pay", number), form("channel=balance")).Want(t, http.StatusOK)
	sheet, err = csv.NewReader(strings.NewReader(s.As(auditToken).With("Accept", "text/csv").Get("/audit/orders/"+number+"/history/").Want(t, http.StatusOK).Body)).ReadAll()
	if err != nil || len(sheet) < 7 || sheet[5][3] != "CommandRefused" || sheet[6][3] != "PaymentRequested" || sheet[6][0] != "1" {
		t.Errorf("what came after a refusal stands after it: %v %q", err, sheet)
	}
	if v := verifiedBundle(t, s, number); v.Streams[1].Events != 4 {
		t.Errorf("the bundle has %+v", v.Streams)
	}

	token := strings.Repeat("1", 40)
	s.As(admin).Send("POST", "/admin/users/", form("username=poor&password=x&token="+token)).Want(t, http.StatusCreated)
	unaffordable := placeFrom(t, s.As(token), "doctor1", "online").OrderNumber
	s.As(token).Send("PATCH", path("pay", unaffordable), form("channel=balance")).Want(t, http.StatusBadRequest)
	s.As(auditToken).Get("/audit/orders/"+unaffordable+"/history/").Want(t, http.StatusOK).Into(t, &h)
	if len(h.Refused) != 1 || h.Refused[0].By != "poor" || h.Refused[0].Command != "RequestPayment" || h.Refused[0].Code != "insufficient funds" {
		t.Errorf("the order that could not be paid refused %+v", h.Refused)
	}

	var made struct {
		Number string `json:"order_no"`
	}
	s.As(patient1).Send("POST", "/hospital/order/create/", jsonBody(`{"hospital":"H001","branch":"B01","kind":2,"amount":600,"his_order_no":"HIS-R1","platform":1}`)).Want(t, http.StatusCreated).Into(t, &made)
	s.As("").Send("POST", "/open", orderdtest.Body{Type: "text/xml", Data: "<request><responseType>0</responseType><methodCode>stopReg</methodCode><methodParams><secret>xxxxxxx</secret><orderList>" + made.Number + "</orderList></methodParams></request>"}).Want(t, http.StatusOK)
	s.As(auditToken).Get("/audit/orders/"+made.Number+"/history/").Want(t, http.StatusOK).Into(t, &h)
	if len(h.Refused) != 1 || h.Refused[0].By != "hospital:H001" || h.Refused[0].Command != "Stop" {
		t.Errorf("the hospital's order refused %+v", h.Refused)
	}
}
