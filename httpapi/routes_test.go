package httpapi

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"orderengine/httpapi/drf"
)

// bare is an API without anything behind it: what needs no more than the table of routes.
func bare() *API {
	return &API{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(), Location: time.UTC, Now: time.Now}
}

// withoutSlash are the paths that do not end in a slash: what a person on call, or a program, looks at.
var withoutSlash = []string{"/livez", "/readyz", "/metrics"}

func isOps(path string) bool {
	for _, p := range withoutSlash {
		if path == p {
			return true
		}
	}
	return path == "/admin/hospital-orders/import" || strings.HasPrefix(path, "/replay/") || strings.HasSuffix(path, "/*") || strings.HasPrefix(path, "/audit/")
}

func TestEveryPathEndsInASlash(t *testing.T) {
	t.Parallel()
	names, paths := map[string]bool{}, map[string]bool{}
	for _, r := range bare().routes() {
		if !strings.HasSuffix(r.path, "/") && !isOps(r.path) {
			t.Errorf("%s: %s has no slash at its end", r.name, r.path)
		}
		if names[r.name] || paths[r.path] || r.name == "" || len(r.on) == 0 {
			t.Errorf("%s: the name or the path stands twice, or nothing is served", r.name)
		}
		names[r.name], paths[r.path] = true, true
		who, _ := r.who.split()
		if strings.HasPrefix(r.path, "/qaorder/") && who == anyone && !strings.Contains(r.path, "notify") {
			t.Errorf("%s: %s is open to anyone", r.name, r.path)
		}
		if strings.HasPrefix(r.path, "/admin/") && who != administrators && who != importers {
			t.Errorf("%s: %s is not for administrators alone", r.name, r.path)
		}
	}
}

// TestAllow has the header of the document's calls, and of every route what it serves.
func TestAllow(t *testing.T) {
	t.Parallel()
	a := bare()
	handler := a.Handler()
	want := map[string]string{
		"/qaorder/order/create/":               "POST, OPTIONS",
		"/qaorder/order/detail/:number/":       "GET, HEAD, OPTIONS",
		"/qaorder/order/destroy/:number/":      "GET, DELETE, HEAD, OPTIONS",
		"/qaorder/order/:position/list/":       "GET, HEAD, OPTIONS",
		"/qaorder/order/:position/newone/":     "GET, HEAD, OPTIONS",
		"/qaorder/order/:position/list/qa/":    "GET, HEAD, OPTIONS",
		"/qaorder/order/cancel/:number/":       "GET, PUT, HEAD, OPTIONS",
		"/qaorder/order/finish/:number/":       "GET, PUT, HEAD, OPTIONS",
		"/qaorder/order/filter/":               "GET, HEAD, OPTIONS",
		"/qaorder/order/evaluate/:number/":     "PUT, OPTIONS",
		"/qaorder/user/:username/":             "GET, HEAD, OPTIONS",
		"/qaorder/order/pay/:number/":          "PATCH, OPTIONS",
		"/qaorder/patient/inquiry/record/:pk/": "GET, HEAD, OPTIONS",
		"/qaorder/question/create/":            "POST, OPTIONS",
		"/qaorder/answer/create/":              "POST, OPTIONS",
		"/qaorder/tag/create/":                 "POST, OPTIONS",
		"/qaorder/tag/list/":                   "GET, HEAD, OPTIONS",
		"/qaorder/drug/create/":                "POST, OPTIONS",
		"/qaorder/drug/list/":                  "GET, HEAD, OPTIONS",
		"/qaorder/order/refund/:number/":       "PUT, OPTIONS",
		"/user/login/":                         "POST, OPTIONS",
	}
	seen := map[string]bool{}
	for _, r := range a.routes() {
		seen[r.path] = true
		methods := make([]string, 0, len(r.on))
		for method := range r.on {
			methods = append(methods, method)
		}
		allow, ok := want[r.path]
		if !ok {
			allow = drf.Allow(methods...)
		}
		if r.who == anyone && len(r.path) > 0 && strings.Contains(r.path, "*") {
			continue // a folder of files
		}
		path := strings.NewReplacer(":number", "1", ":position", "patient", ":username", "x", ":pk", "1").Replace(r.path)
		// A method that no route has, made-up or not, is refused before anything is asked of what stands behind the API.
		for _, method := range []string{http.MethodTrace, "FOO", "get"} {
			for _, path := range slices.Compact([]string{path, strings.TrimSuffix(path, "/")}) {
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
				if got := recorder.Header().Get("Allow"); got != allow {
					t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allow)
				}
				if code := recorder.Code; code != http.StatusUnauthorized && code != http.StatusMethodNotAllowed && r.who != anyone {
					t.Errorf("%s %s: %d", method, path, code)
				}
			}
		}
	}
	for path := range want {
		if !seen[path] {
			t.Errorf("the table has no %s", path)
		}
	}
}

// TestAPanicIsA500 that gives nothing away, and the next request is served.
func TestAPanicIsA500(t *testing.T) {
	t.Parallel()
	a := bare() // without accounts behind it, looking up a token panics
	handler := a.Handler()
	for range 2 {
		request := httptest.NewRequest(http.MethodGet, "/qaorder/order/filter/", nil)
		request.Header.Set("Authorization", "Token x")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusInternalServerError || recorder.Body.String() != `{"detail":"A server error occurred."}` {
			t.Errorf("%d %s", recorder.Code, recorder.Body)
		}
	}
}

// TestAPanicCutsAReplyOff that has begun: what follows would pass for the rest of it.
func TestAPanicCutsAReplyOff(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	serve := bare().instrument()("streamed", func(ec echo.Context) error {
		_, _ = io.WriteString(ec.Response(), "begun") // a recorder takes everything
		panic("a defect")
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler || recorder.Body.String() != "begun" {
			t.Errorf("panics with %v after %q, want %v", p, recorder.Body, http.ErrAbortHandler)
		}
	}()
	_ = serve(echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), recorder))
}

// TestASlowBodyIsCut serves with the server's own limits, made short: who dribbles a body is not waited for.
func TestASlowBodyIsCut(t *testing.T) {
	t.Parallel()
	server := bare().Server()
	if server.ReadTimeout <= 0 || server.ReadTimeout > time.Minute || server.WriteTimeout <= 0 || server.ReadHeaderTimeout <= 0 || server.IdleTimeout <= 0 || server.MaxHeaderBytes <= 0 {
		t.Fatalf("a limit is missing: %+v", server)
	}
	server.ReadTimeout = 200 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Close()
		<-served
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /user/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // a connection has deadlines
	reply, err := io.ReadAll(conn)
	if err != nil || len(reply) > 0 && !strings.Contains(string(reply), `{"detail":"Malformed request."}`) {
		t.Errorf("%q %v", reply, err)
	}
}
