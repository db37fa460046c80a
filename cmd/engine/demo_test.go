package engine

import (
	"testing"

	"orderengine/httpapi/auth"
)

// TestDemoPasswords: what is kept of the demo's people opens with the demo's password, and gives their tokens.
func TestDemoPasswords(t *testing.T) {
	for _, p := range demoPeople {
		if token, ok := auth.Open(p.Credential, demoPassword); token != p.Token || !ok {
			t.Errorf("%s: token %q, %v, want %q", p.Profile.Username, token, ok, p.Token)
		}
		if _, ok := auth.Open(p.Credential, demoPassword+"x"); ok {
			t.Errorf("%s: another password opens it", p.Profile.Username)
		}
	}
}
