package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

const demoOrder = "12257268238541425696240003" // is made by the demo

type foundOrder struct {
	OrderNo    string   `json:"order_no"`
	State      string   `json:"state"`
	HisOrderNo string   `json:"his_order_no"`
	ChannelNos []string `json:"channel_nos"`
	CreateTime string   `json:"create_time"`
}

type foundPage struct {
	Next    *string
	Results []foundOrder
}

func search(t testing.TB, s *orderdtest.Server, query string) foundPage {
	t.Helper()
	var page foundPage
	s.As(auditToken).Get("/audit/orders/?"+query).Want(t, http.StatusOK).Into(t, &page)
	return page
}

func numbersOf(found []foundOrder) (numbers []string) {
	for _, o := range found {
		numbers = append(numbers, o.OrderNo)
	}
	return numbers
}

// hospitalOrder places an order of patient1 at H001 and pays it.
func hospitalOrder(t testing.TB, s *orderdtest.Server, hisNo string) string {
	t.Helper()
	var made struct {
		Number string `json:"order_no"`
	}
	s.As(patient1).Send("POST", "/hospital/order/create/", jsonBody(`{"hospital":"H001","branch":"B01","kind":2,"amount":600,"his_order_no":"`+hisNo+`","platform":1}`)).
		Want(t, http.StatusCreated).Into(t, &made)
	s.As(patient1).Send("PATCH", "/hospital/order/pay/"+made.Number+"/", form("trade_mode=1")).Want(t, http.StatusOK)
	return made.Number
}

// TestSearchFindsOrders by each thing that is known of one, and by several together.
func TestSearchFindsOrders(t *testing.T) {
	everywhere(t, func(t *testing.T, set setup) {
		s := set.demo(t)
		began := time.Now().UTC().Format(time.RFC3339Nano)
		unpaidOrder, done := place(t, s).OrderNumber, placed(t, s, cancelled).OrderNumber
		charged := placed(t, s, unpaid).OrderNumber
		var charge struct{ Charge struct{ ID string } }
		s.As(patient1).Send("PATCH", path("pay", charged), form("channel=alipay")).Want(t, http.StatusOK).Into(t, &charge)
		s.As("").Send("POST", "/sandbox/pay/"+charge.Charge.ID+"/").Want(t, http.StatusOK)
		his := hospitalOrder(t, s, "HIS-7")
		ended := time.Now().UTC().Format(time.RFC3339Nano)
		s.As(patient2).Send("POST", "/qaorder/order/create/", form("doctor=doctor2&order_type=monthly")).Want(t, http.StatusCreated)

		mine := []string{unpaidOrder, done, charged, his}
		window := "from=" + url.QueryEscape(began) + "&to=" + url.QueryEscape(ended) + "&"
		for query, want := range map[string][]string{
			window:                                             mine,
			"number=" + done:                                   {done},
			"number=" + his:                                    {his},
			"number=" + strings.Repeat("9", 26):                nil,
			"his_order_no=HIS-7":                               {his},
			"his_order_no=HIS-7&hospital=H001":                 {his},
			"his_order_no=HIS-7&hospital=H002":                 nil,
			"channel_no=" + charge.Charge.ID:                   {charged},
			"channel_no=ch_nobody":                             nil,
			window + "state=paid":                              {charged, his},
			window + "state=cancelled&user=patient1":           {done},
			window + "kind=hospital":                           {his},
			window + "kind=outpatient&hospital=H001":           {his},
			window + "user=doctor1":                            mine[:3],
			window + "user=doctor2":                            nil,
			"channel_no=" + charge.Charge.ID + "&state=unpaid": nil,
			"kind=monthly&user=patient2&number=":               numbersOf(search(t, s, "from="+url.QueryEscape(ended)).Results),
		} {
			page := search(t, s, query)
			if got := numbersOf(page.Results); !slices.Equal(got, want) || page.Next != nil {
				t.Errorf("%s: %q, next %v, want %q", query, got, page.Next, want)
			}
		}
		if o := search(t, s, "number="+his).Results[0]; o.State != "paid" || o.HisOrderNo != "HIS-7" || len(o.ChannelNos) != 1 || !strings.HasSuffix(o.CreateTime, "Z") {
			t.Errorf("found %+v", o)
		}
		s.As(patient1).Send("DELETE", path("destroy", done)).Want(t, http.StatusNoContent)
		if got := numbersOf(search(t, s, "number="+done+"&user=patient1").Results); !slices.Equal(got, []string{done}) {
			t.Errorf("what its patient has destroyed: %q", got)
		}

		var all []string
		for page := search(t, s, "page_size=2&user=patient1"); ; {
			if len(page.Results) > 2 {
				t.Fatalf("a page of %d", len(page.Results))
			}
			if all = append(all, numbersOf(page.Results)...); page.Next == nil {
				break
			}
			next, err := url.Parse(*page.Next)
			if err != nil {
				t.Fatal(err)
			}
			page = search(t, s, next.RawQuery)
		}
		if want := numbersOf(search(t, s, "user=patient1&page_size=100").Results); !slices.Equal(all, want) || len(all) < 5 {
			t.Errorf("in pages %q, want %q", all, want)
		}
	})
}

// TestSearchRepliesAreRecorded has the reply whole, and the look in the log.
func TestSearchRepliesAreRecorded(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	reply := s.As(auditToken).Get("/audit/orders/?number="+demoOrder).Want(t, http.StatusOK)
	var found struct{ Results []map[string]any }
	reply.Into(t, &found)
	want := fmt.Sprintf(`{"next":null,"results":[{"order_no":"%s","kind":"online","state":"unpaid","patient":"patient1","doctor":"doctor1","hospital":"","his_order_no":"","channel_nos":[],"amount":1500,"paid":0,"refunded":0,"create_time":"%s"}]}`,
		demoOrder, found.Results[0]["create_time"])
	if reply.Body != want {
		t.Errorf("found\n%s\nwant\n%s", reply.Body, want)
	}
	looked := s.As(auditToken).Get("/replay/events?types=PatientDataRead").Want(t, http.StatusOK).Body
	var e struct {
		Data struct{ By, Path, Query string }
	}
	first, _, _ := strings.Cut(looked, "\n")
	if err := json.Unmarshal([]byte(first), &e); err != nil || e.Data.By != "audit" || e.Data.Path != "/audit/orders/" || e.Data.Query != "number="+demoOrder {
		t.Errorf("recorded %s, %v", looked, err)
	}
}

func TestSearchesThatCannotBe(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	for query, want := range map[string]string{
		"nummer=1":       `{"nummer":["There is no such parameter."]}`,
		"a=1&page=2":     `{"a":["There is no such parameter."],"page":["There is no such parameter."]}`,
		"number=12":      `{"number":["An order's number has 26 digits, a hospital order's 19."]}`,
		"state=new":      `{"state":["\"new\" is not a valid choice."]}`,
		"kind=9":         `{"kind":["\"9\" is not a valid choice."]}`,
		"from=yesterday": `{"from":["Time has wrong format. Use RFC 3339, as 2026-12-01T08:00:00+08:00."]}`,
		"from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": `{"to":["Must not be less than from."]}`,
		"page_size=0":   `{"page_size":["Ensure this value is greater than or equal to 1."]}`,
		"page_size=101": `{"page_size":["Ensure this value is less than or equal to 100."]}`,
		"cursor=1":      `{"cursor":["This is no place of a search: follow the link that a reply had."]}`,
	} {
		if r := s.As(auditToken).Get("/audit/orders/?"+query).Want(t, http.StatusBadRequest); r.Body != want {
			t.Errorf("%s: %s, want %s", query, r.Body, want)
		}
	}
	for _, token := range []string{patient1, admin} {
		s.As(token).Get("/audit/orders/").Want(t, http.StatusForbidden)
	}
}
