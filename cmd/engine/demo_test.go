package engine

import (
	"testing"

	"orderengine/httpapi/auth"
)

// TestDemoPasswords: what is kept of the demo's people opens with the demo's password, and gives their tokens.
func TestDemoPasswords(t *testing.T) {
	for _, p := range demoPeople {
		if token, err := auth.Open(t.Context(), p.Credential, demoPassword); token != p.Token || err != nil {
			t.Errorf("%s: token %q, %v, want %q", p.Profile.Username, token, err, p.Token)
		}
		if _, err := auth.Open(t.Context(), p.Credential, demoPassword+"x"); err == nil {
			t.Errorf("%s: another password opens it", p.Profile.Username)
		}
	}
}
