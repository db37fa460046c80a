package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// rebuildServer answers the first call with the first answer, and so on; the last one stays. An answer is
// "<status> <body>".
func rebuildServer(t *testing.T, answers ...string) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		want := http.MethodGet
		if n == 1 {
			want = http.MethodPost
		}
		if r.Method != want || r.URL.Path != "/admin/rebuild/" || r.Header.Get("Authorization") != "Token secret" {
			t.Errorf("call %d: %s %s %s", n, r.Method, r.URL.Path, r.Header.Get("Authorization"))
		}
		answer := answers[min(int(n), len(answers))-1]
		status, body, _ := strings.Cut(answer, " ")
		w.WriteHeader(map[string]int{"200": 200, "202": 202, "409": 409, "500": 500}[status])
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestRebuildWaits(t *testing.T) {
	const (
		begun = `{"serving":"v2","building":{"set":"v2.1","position":0,"head":1000,"events":0,"seconds":0.1}}`
		half  = `{"serving":"v2","building":{"set":"v2.1","position":500,"head":1000,"events":400,"seconds":2.1}}`
		done  = `{"serving":"v2.1","building":null}`
		lost  = `{"serving":"v2","building":null}`
	)
	for _, c := range []struct {
		name    string
		answers []string
		prints  string
		tells   string
		fails   error
		says    string
	}{
		{"from the beginning", []string{"202 " + begun, "200 " + half, "200 " + done}, "v2.1 serves in place of v2, after ", "building v2.1: at 0 of 1000\n", nil, ""},
		{"one that goes on", []string{`409 {"detail":"no"}`, "200 " + half, "200 " + done}, "v2.1 serves in place of v2, after ",
			"the views are being rebuilt already; waiting for that\nbuilding v2.1: at 500 of 1000\n", nil, ""},
		{"a quick one", []string{"202 " + done}, "v2.1 serves; ", "", nil, ""},
		{"a lost one", []string{"202 " + begun, "200 " + lost}, "", "", errGivenUp, ""},
		{"a server that goes away", []string{"202 " + begun, "500 x"}, "", "", nil, "run it again to wait for it"},
		{"a server that cannot", []string{"500 x"}, "", "", nil, "500 Internal Server Error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, asked := rebuildServer(t, c.answers...)
			var out, progress bytes.Buffer
			cmd := root()
			cmd.SetArgs([]string{"rebuild", "--server", url, "--token", "secret"})
			cmd.SetOut(&out)
			cmd.SetErr(&progress)
			err := cmd.Execute()
			if (err == nil) != (c.fails == nil && c.says == "") || c.fails != nil && !errors.Is(err, c.fails) || c.says != "" && !strings.Contains(err.Error(), c.says) {
				t.Errorf("ended with %v, want %v %q", err, c.fails, c.says)
			}
			if !strings.HasPrefix(out.String(), c.prints) || c.tells != "" && progress.String() != c.tells || asked.Load() != int64(len(c.answers)) {
				t.Errorf("printed %q and %q after %d calls", out.String(), progress.String(), asked.Load())
			}
		})
	}
}

func TestPace(t *testing.T) {
	var p pace
	for _, c := range []struct {
		b    building
		want string
	}{
		{building{Position: 1000, Head: 5000, Events: 100, Seconds: 10}, ""},
		{building{Position: 1000, Head: 5000, Events: 100, Seconds: 11}, ""},
		{building{Position: 2000, Head: 5000, Events: 600, Seconds: 12}, ", 250 events/s, 6s left"},
		{building{Position: 5000, Head: 5000, Events: 2100, Seconds: 18}, ", 250 events/s, 0s left"},
	} {
		if got := p.of(c.b); got != c.want {
			t.Errorf("%+v: %q, want %q", c.b, got, c.want)
		}
	}
}
