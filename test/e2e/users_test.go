package e2e

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestARefusedUserTakesNoToken: who cannot be made leaves the token that was named to others.
func TestARefusedUserTakesNoToken(t *testing.T) { everywhere(t, testARefusedUserTakesNoToken) }

func testARefusedUserTakesNoToken(t *testing.T, on setup) {
	s, token := on.demo(t), strings.Repeat("b", 40)
	const taken = `{"username":["This field must be unique."]}`
	for _, key := range []string{"", "taken"} {
		r := s.As(admin).With("Idempotency-Key", key).Send("POST", "/admin/users/", form("username=patient1&password=x&token="+token))
		if r.Want(t, http.StatusBadRequest).Body != taken {
			t.Errorf("%s, want %s", r.Body, taken)
		}
	}
	s.As(admin).Send("PATCH", "/admin/users/nobody/", form("password=x&token="+token)).Want(t, http.StatusNotFound)
	if got := register(t, s, "patient3", "&token="+token); got != token {
		t.Errorf("patient3 has the token %s", got)
	}
	s.As(token).Get("/qaorder/order/patient/list/").Want(t, http.StatusOK)
}

// TestAUsernameIsBoundedInBytes: a name that no stream could have is refused, and no defect.
func TestAUsernameIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	register(t, s, strings.Repeat("字", 80), "")
	for _, name := range []string{strings.Repeat("字", 100), strings.Repeat("𠀀", 150)} {
		r := s.As(admin).With("Accept-Language", "en").Send("POST", "/admin/users/", form("password=x&username="+name))
		if want := `{"username":["Ensure this field has no more than 240 bytes in UTF-8."]}`; r.Want(t, http.StatusBadRequest).Body != want {
			t.Errorf("%s, want %s", r.Body, want)
		}
		s.As("").Send("POST", "/user/login/", form("password=x&username="+name)).Want(t, http.StatusBadRequest)
		s.As(admin).Get("/admin/users/"+name+"/").Want(t, http.StatusNotFound)
	}
}

// TestARefusedChangeOfAUserChangesNothing names a token that another has, or gets at the same moment.
func TestARefusedChangeOfAUserChangesNothing(t *testing.T) {
	everywhere(t, testARefusedChangeOfAUserChangesNothing)
}

func testARefusedChangeOfAUserChangesNothing(t *testing.T, on setup) {
	s := on.demo(t)
	register(t, s, "doctor3", "&name=BEFORE&price_online=1.00")
	register(t, s, "doctor4", "&name=BEFORE&price_online=1.00")
	change := func(username, token string) orderdtest.Reply {
		return s.As(admin).Send("PATCH", "/admin/users/"+username+"/",
			jsonBody(`{"name":"AFTER","price_online":"9.00","active":false,"password":"yyyyyyyy","token":"`+token+`"}`))
	}
	show := func(username string) string {
		return s.As(admin).Get("/admin/users/"+username+"/").Want(t, http.StatusOK).Body
	}
	const taken = `{"token":["This field must be unique."]}`
	before := show("doctor3")
	if r := change("doctor3", doctor1).Want(t, http.StatusBadRequest); r.Body != taken {
		t.Errorf("%s, want %s", r.Body, taken)
	}
	if after := show("doctor3"); after != before {
		t.Errorf("refused, but changed from %s to %s", before, after)
	}
	s.As("").Send("POST", "/user/login/", form("username=doctor3&password=secret-doctor3")).Want(t, http.StatusOK)

	doctors := []string{"doctor3", "doctor4"}
	replies := atOnce(2, func(i int) orderdtest.Reply { return change(doctors[i], strings.Repeat("c", 40)) })
	if got, want := tally(replies), map[string]int{"200": 1, "400": 1}; !maps.Equal(got, want) {
		t.Errorf("one token for two at once: %v, want %v", got, want)
	}
	for i, r := range replies {
		if changed := strings.Contains(show(doctors[i]), `"AFTER"`); changed != (r.Status == http.StatusOK) {
			t.Errorf("%s: %d, and %s", doctors[i], r.Status, show(doctors[i]))
		}
	}
}
