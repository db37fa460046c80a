package e2e

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// TestDocumentCurlLines sends every cURL line of the document, in its order, to one fresh demo server.
func TestDocumentCurlLines(t *testing.T) {
	want := []struct {
		call   string
		status int
		body   string // what the reply holds
	}{
		{"POST create", 201, `"status":0`},
		{"GET detail", 200, `"diagnosis_result":"吃点头孢,吃一个疗程,就好了"`},
		{"GET destroy", 400, `{"status":-6,"message":"不能删除订单"}`}, // it is 已回答
		{"GET doctor/list/", 200, `"count":0`},                   // patient1 is no doctor
		{"GET patient/newone/", 200, `"owner":"doctor2"`},
		{"GET doctor/list/qa/", 200, `"count":0`},
		{"GET cancel", 200, `"status":6,"status_display":"取消"`},
		{"GET finish", 200, `"status":4,"status_display":"待评价"`},
		{"GET filter/", 200, `"status":0`},
		{"PUT evaluate", 400, `{"scores":["This field is required."],"content":["This field is required."]}`},
		{"GET user/doctor1/", 200, `"count":0`},
		{"PATCH pay", 400, `{"channel":["This field is required."]}`},
		{"GET record/3/", 200, `"count":0`},
	}
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		lines := curlLines(t)
		if len(lines) != len(want) {
			t.Fatalf("the document has %d cURL lines, the table %d", len(lines), len(want))
		}
		for i, w := range want {
			reply := curl(t, server, lines[i])
			method, path, _ := strings.Cut(w.call, " ")
			if !strings.HasPrefix(reply.Request, method+" ") || !strings.Contains(reply.Request, path) {
				t.Fatalf("line %d is %s, not %s", i+1, reply.Request, w.call)
			}
			if reply.Status != w.status || !strings.Contains(reply.Body, w.body) {
				t.Errorf("%s: %d %s; want %d with %s", reply.Request, reply.Status, reply.Body, w.status, w.body)
			}
		}
	})
}

func curlLines(t *testing.T) []string {
	t.Helper()
	file, err := os.Open("testdata/document/curl.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var lines []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return lines
}

// curl does what the command line does.
func curl(t *testing.T, server *orderdtest.Server, line string) orderdtest.Reply {
	t.Helper()
	words := shellWords(line)
	client, method, target := server.As(""), "GET", ""
	var bodies []orderdtest.Body
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			client = client.With(name, value)
		case "-d":
			i++
			bodies = append(bodies, form(words[i]))
		default:
			target = words[i]
		}
	}
	path, ok := strings.CutPrefix(target, orderdtest.Origin)
	if !ok {
		t.Fatalf("%s does not call %s", line, orderdtest.Origin)
	}
	return client.Send(method, path, bodies...)
}

// shellWords splits at blanks outside of single quotes.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}
