package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestNobodyPassesForAnActorOfTheLog: who did something is told by a name, so no user has one of the log's own.
func TestNobodyPassesForAnActorOfTheLog(t *testing.T) {
	everywhere(t, testNobodyPassesForAnActorOfTheLog)
}

func testNobodyPassesForAnActorOfTheLog(t *testing.T, on setup) {
	s := on.demo(t)
	for _, name := range []string{"admin", "audit", "system", "platform", "Admin", "AUDIT"} {
		r := s.As(admin).Send("POST", "/admin/users/", form("username="+name+"&password=x")).Want(t, http.StatusBadRequest)
		if want := `{"username":["The log calls its own actors so: admin, audit, system and platform are no usernames."]}`; r.Body != want {
			t.Errorf("%s: %s, want %s", name, r.Body, want)
		}
	}
	s.As(admin).Send("POST", "/admin/users/", form("username=hospital:H001&password=x")).Want(t, http.StatusBadRequest)
	s.As(admin).Send("POST", "/admin/users/", form("username=auditor&password=x")).Want(t, http.StatusCreated)
	if log := s.As(auditToken).Get("/replay/events?types=UserRegistered").Want(t, http.StatusOK).Body; strings.Count(log, `"subject":"a`) != 1 {
		t.Errorf("registered are\n%s", log)
	}
}
