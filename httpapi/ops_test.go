package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRequestIDsArePlain: what is not, or is too long, is not taken.
func TestRequestIDsArePlain(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for id, taken := range map[string]bool{"aZ_09-b.c": true, long: true, long + "a": false, "": false, `=HYPERLINK("x")`: false, "a b": false, "a\n": false, "编": false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(requestIDHeader, id)
		if got := requestIDOf(r); (got == id) != taken || got == "" {
			t.Errorf("%.70q became %q", id, got)
		}
	}
}
