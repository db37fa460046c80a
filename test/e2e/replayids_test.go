package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestEveryEventHasItsOwnID: who keeps events by source and id, as CloudEvents has it, keeps all of them, also of commands
// that touch several streams and of those under a key.
func TestEveryEventHasItsOwnID(t *testing.T) { everywhere(t, testEveryEventHasItsOwnID) }

func testEveryEventHasItsOwnID(t *testing.T, on setup) {
	s := on.demo(t)
	keys := 0
	keyed := func(token string) func(method, path, fields string) {
		return func(method, path, fields string) {
			t.Helper()
			keys++
			if r := s.As(token).With("Idempotency-Key", fmt.Sprint(keys)).Send(method, path, form(fields)); r.Status/100 != 2 {
				t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
			}
		}
	}
	patient, doctor, operator := keyed(patient1), keyed(doctor1), keyed(admin)
	patient("POST", "/qaorder/order/create/", "doctor=doctor1&order_type=online")
	number := listOf(t, s.As(patient1).Get("/qaorder/order/patient/list/")).Results[0].OrderNumber
	patient("PATCH", path("pay", number), "channel=balance")
	patient("POST", "/qaorder/question/create/", "order="+number+"&condition_description=cough")
	asked := orderOf(t, s.As(patient1).Get(path("detail", number)))
	doctor("POST", "/qaorder/answer/create/", fmt.Sprintf("question=%d&diagnosis_result=rest", asked.Question.PK))
	patient("PUT", path("finish", number), "")
	patient("PUT", path("evaluate", number), "scores=5&content=good")
	patient("POST", "/hospital/order/create/", "hospital=H001&branch=B01&kind=2&amount=600&his_order_no=HIS-9&platform=1")
	operator("POST", "/admin/users/", "username=doctor3&password=x&price_online=1.00&token="+strings.Repeat("3", 40))
	operator("PATCH", "/admin/users/doctor3/", "name=n&price_online=2.00&active=false&password=y")
	operator("POST", "/admin/users/doctor3/topup/", "amount=1")
	operator("POST", "/admin/hospitals/", "code=H002&name=n")
	operator("PATCH", "/admin/hospitals/H002/", "name=m&secret=&webhook_url=http://127.0.0.1:9/&webhook_secret=0123456789abcdef")
	imported := `{"hospital":"H001","branch":"B01","kind":2,"amount":600,"his_order_no":"HIS-10","platform":1,"trade_mode":2,"pay_time":"2026-01-15 08:00:00","agt_order_no":"A-1"}`
	s.As(admin).Send("POST", "/admin/hospital-orders/import", jsonBody(imported)).Want(t, http.StatusOK)

	stands := map[string]string{}
	for line := range strings.Lines(s.As(auditToken).Get("/replay/events").Want(t, http.StatusOK).Body) {
		var e struct{ Source, ID, Type, Stream string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		is, id := e.Type+" of "+e.Stream, e.Source+" "+e.ID
		if before := stands[id]; before != "" {
			t.Errorf("%s is %s and %s", id, before, is)
		}
		stands[id] = is
	}
	if len(stands) < 100 {
		t.Errorf("%d events only", len(stands))
	}
}
