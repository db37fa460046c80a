package main

import (
	"strings"
	"testing"
)

func TestErasePatient(t *testing.T) {
	for name, c := range map[string]struct {
		args                 []string
		stdin, answer        string
		sent, stdout, refuse string
	}{
		"erase": {nil, "p 1\n", `{"username":"p 1","standing":"shredded"}`,
			`{"standing":"erased","why":"w"}`, "the texts about p 1 are erased, and the data key is destroyed\n", ""},
		"without asking": {[]string{"--yes"}, "", `{"username":"p 1","standing":"erased"}`,
			`{"standing":"erased","why":"w"}`, "the texts about p 1 are erased; the server still has to destroy the data key and tries again\n", ""},
		"not confirmed": {nil, "p2\n", "", "", "", "--yes"},
		"nothing typed": {nil, "", "", "", "", "nothing was erased"},
		"restrict": {[]string{"--restrict-until", "2041-12-31"}, "", `{"username":"p 1","standing":"restricted","until":"2042-01-01T00:00:00"}`,
			`{"standing":"restricted","until":"2041-12-31","why":"w"}`, "the texts about p 1 are hidden from all but auditors, and erased at 2042-01-01T00:00:00\n", ""},
		"lift": {[]string{"--lift"}, "", `{"username":"p 1","standing":"kept"}`,
			`{"standing":"kept","why":"w"}`, "the texts about p 1 are shown again to those they are meant for\n", ""},
		"both":               {[]string{"--lift", "--restrict-until", "2041-12-31"}, "", "", "", "", "lift"},
		"an unknown answer":  {[]string{"--yes"}, "", `{"standing":"burnt"}`, `{"standing":"erased","why":"w"}`, "", "burnt"},
		"an answer of a web": {[]string{"--yes"}, "", `<html>`, `{"standing":"erased","why":"w"}`, "", "the server's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			url, got := answering(t, 200, c.answer)
			stdout, err := run(c.stdin, append([]string{"erase-patient", "p 1", "--why", "w", "--server", url, "--token", "secret"}, c.args...)...)
			want := ""
			if c.sent != "" {
				want = "PUT /admin/users/p 1/privacy/ Token secret\n" + c.sent
			}
			if *got != want {
				t.Errorf("sent %q, want %q", *got, want)
			}
			if c.refuse == "" && (err != nil || !strings.HasSuffix(stdout, c.stdout)) {
				t.Errorf("printed %q, %v; want %q", stdout, err, c.stdout)
			}
			if c.refuse != "" && (err == nil || !strings.Contains(err.Error(), c.refuse)) {
				t.Errorf("error %v, want one with %q", err, c.refuse)
			}
		})
	}
}
