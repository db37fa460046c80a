package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
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

// TestRepliesHaveTheDocumentsForm compares golden replies with the document's samples: the same keys in the
// same order with the same types.
func TestRepliesHaveTheDocumentsForm(t *testing.T) {
	for _, pair := range []struct {
		sample, golden string
		which          int // of the golden file's exchanges
	}{
		{"create", "endpoints/create", 0},
		{"detail", "endpoints/detail", 0},
		{"detail", "lifecycle/4-answer", 1},
		{"list", "lifecycle/2-pay-lists", 0},
		{"list", "lifecycle/2-pay-lists", 1},
		{"newone", "lifecycle/1-create-lists", 7},
		{"list-qa", "lifecycle/3-ask-lists", 5},
		{"cancel", "endpoints/cancel", 0},
		{"cancel", "endpoints/cancel-by-get", 0},
		{"finish", "endpoints/finish-by-get", 0},
		{"finish", "lifecycle/5-finish", 0},
		{"finish-refused", "refusals/4-finish", 0},
		{"filter", "lifecycle/1-create-lists", 9},
		{"evaluate", "lifecycle/6-evaluate", 0},
		{"evaluations", "endpoints/evaluations", 0},
		{"pay", "endpoints/pay-alipay", 0},
		{"record", "endpoints/record", 0},
	} {
		t.Run(pair.sample+" "+pair.golden, func(t *testing.T) {
			sample, err := os.ReadFile("testdata/document/" + pair.sample + ".json")
			if err != nil {
				t.Fatal(err)
			}
			want, got := shape(t, string(sample)), shape(t, goldenBody(t, pair.golden, pair.which))
			if pair.sample == "list-qa" {
				fill(&want, detailShape(t)) // the sample's orders were answered, but show neither question nor answer
			}
			if !sameShape(want, got) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// fill puts the question of an order that shows it into the orders of a list that do not.
func fill(list *node, detail node) {
	results := list.parts[slices.Index(list.keys, "results")]
	for _, order := range results.parts {
		at := slices.Index(order.keys, "question")
		order.parts[at] = detail.parts[slices.Index(detail.keys, "question")]
	}
}

func detailShape(t *testing.T) node {
	t.Helper()
	text, err := os.ReadFile("testdata/document/detail.json")
	if err != nil {
		t.Fatal(err)
	}
	return shape(t, string(text))
}

// goldenBody is the body of one exchange of a golden file.
func goldenBody(t *testing.T, name string, which int) string {
	t.Helper()
	text, err := os.ReadFile(goldenFile(name))
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "{") {
			bodies = append(bodies, line)
		}
	}
	if which >= len(bodies) {
		t.Fatalf("%s has %d bodies", name, len(bodies))
	}
	return bodies[which]
}

// node is the form of a JSON value.
type node struct {
	kind  string // null, bool, number, string, list, object
	keys  []string
	parts []node // of the keys, or of a list's items
}

func (n node) String() string {
	var b strings.Builder
	n.write(&b, "")
	return b.String()
}

func (n node) write(b *strings.Builder, indent string) {
	b.WriteString(n.kind + "\n")
	for i, part := range n.parts {
		name := "-"
		if n.keys != nil {
			name = n.keys[i]
		}
		b.WriteString(indent + "  " + name + " ")
		part.write(b, indent+"  ")
	}
}

// sameShape compares the forms of a sample and of a reply. Lists may be of different lengths, but each of
// the reply's items has the form of the sample's first.
func sameShape(want, got node) bool {
	if want.kind != got.kind || want.kind == "object" && !slices.Equal(want.keys, got.keys) {
		return false
	}
	for i, part := range got.parts {
		if want.kind == "list" {
			if len(want.parts) == 0 || !sameShape(want.parts[0], part) {
				return false
			}
		} else if !sameShape(want.parts[i], part) {
			return false
		}
	}
	return want.kind != "list" || len(want.parts) == 0 || len(got.parts) > 0
}

func shape(t *testing.T, text string) node {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	n, err := readNode(d)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return n
}

func readNode(d *json.Decoder) (node, error) {
	token, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch token := token.(type) {
	case json.Delim:
		return readNested(d, token)
	case string:
		return node{kind: "string"}, nil
	case float64:
		return node{kind: "number"}, nil
	case bool:
		return node{kind: "bool"}, nil
	default:
		return node{kind: "null"}, nil
	}
}

func readNested(d *json.Decoder, open json.Delim) (node, error) {
	n := node{kind: "list"}
	if open == '{' {
		n.kind = "object"
	}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return n, err
			}
			n.keys = append(n.keys, key.(string))
		}
		part, err := readNode(d)
		if err != nil {
			return n, err
		}
		n.parts = append(n.parts, part)
	}
	_, err := d.Token()
	return n, err
}
