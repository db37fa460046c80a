package e2e

import (
	"net/http"
	"strings"
	"testing"
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
