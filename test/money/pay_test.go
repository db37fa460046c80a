package money

import (
	"net/http"
	"testing"

	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

// TestPlatformIsAway: who pays is told to come again, and gets the charge when it is back.
func TestPlatformIsAway(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{Faults: pingpp.Faults{BadGateway: 1}}, orderdtest.Bare)
	p := s.patients[0]
	o := s.place(p, "online")
	pay := func(status int) orderdtest.Reply {
		t.Helper()
		return p.Send("PATCH", path("pay", o.Number), orderdtest.Form("channel=wx")).Want(t, status)
	}
	if r := pay(http.StatusServiceUnavailable); r.Header.Get("Retry-After") != "1" {
		t.Errorf("%v %s", r.Header, r.Body)
	}
	s.platform.SetFaults(pingpp.Faults{})
	pay(http.StatusOK)
	if got := s.shown(p, o.Number); got != "wx" {
		t.Errorf("the order's charges: %q", got)
	}
}
