package e2e

import (
	"net/http"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestWhoMayTakeABackup: administrators alone, and from a server that has the log.
func TestWhoMayTakeABackup(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	for token, status := range map[string]int{admin: http.StatusOK, auditToken: http.StatusForbidden, patient1: http.StatusForbidden, "": http.StatusUnauthorized} {
		s.As(token).Get("/admin/backup/").Want(t, status)
	}
	mustContain(t, s.As(auditToken).Get("/replay/events?types=PatientDataRead").Want(t, http.StatusOK), `"path":"/admin/backup/"`)

	clustered := orderdtest.DemoUnready(t, "--eventstore", "esdb://127.0.0.1:1?tls=false")
	r := clustered.As(admin).Get("/admin/backup/").Want(t, http.StatusConflict)
	if want := `{"detail":"The log is in an EventStoreDB cluster: back it up with the cluster's own tools."}`; r.Body != want {
		t.Errorf("%s, want %s", r.Body, want)
	}
}
