package envelope_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"orderengine/xmlapi/envelope"
)

// again writes a request down in the plainest form.
func again(r *envelope.Request) string {
	kind := "0"
	if r.JSON {
		kind = "1"
	}
	return "<arg0><responseType>" + kind + "</responseType><methodCode>" + escapeText(r.Method) + "</methodCode><methodParams>" + tree(r.Params) +
		"</methodParams></arg0>"
}

func tree(p *envelope.Params) string {
	var b strings.Builder
	for _, name := range p.Names() {
		child, _ := p.Child(name)
		value, _ := p.Text(name)
		b.WriteString("<" + name + ">" + tree(child) + escapeText(value) + "</" + name + ">")
	}
	return b.String()
}

// checkRead reads any bytes: a refusal with an answer, or a request that reads back equal.
func checkRead(t *testing.T, contentType string, body []byte) {
	t.Helper()
	r, err := envelope.Read(contentType, body)
	if err != nil {
		var refusal *envelope.Refusal
		if !errors.As(err, &refusal) || refusal.Why == "" || r == nil {
			t.Fatalf("%v, %v", r, err)
		}
		w := httptest.NewRecorder()
		if err := r.Refuse(w, refusal); err != nil {
			t.Fatal(err)
		}
		if !r.JSON {
			checkReply(t, w, refusal)
		}
		return
	}
	text := again(r)
	if len(text) > envelope.MaxBody {
		return
	}
	second := read(t, "", []byte(text))
	if second.Method != r.Method || second.JSON != r.JSON || tree(second.Params) != tree(r.Params) {
		t.Fatalf("%q\nread back is\n%q", again(r), again(second))
	}
	if !r.JSON {
		unwrap(t, replied(t, r, envelope.Done, "", envelope.Field{Name: "a", Value: r.Method}))
	}
}

func FuzzRead(f *testing.F) {
	for _, sample := range samples {
		for _, text := range variants(sample.text) {
			f.Add("", []byte(text))
			f.Add("text/xml; charset=gb18030", encode(f, "GB18030", text))
		}
	}
	for _, c := range refusals {
		if len(c.body) < 4096 {
			f.Add("text/xml", []byte(c.body))
		}
	}
	f.Fuzz(checkRead)
}

func FuzzParams(f *testing.F) {
	for _, sample := range samples {
		_, inner, _ := strings.Cut(sample.text, "<![CDATA[")
		inner, _, _ = strings.Cut(inner, "]]>")
		f.Add(inner)
	}
	f.Add(`<a>&#x41;&amp;</a><b c="d"/><!-- --><?p?>`)
	f.Fuzz(func(t *testing.T, inner string) {
		if !utf8.ValidString(inner) || strings.ContainsFunc(inner, func(r rune) bool { return !legal(r) }) {
			return
		}
		var trees []string
		for _, how := range []int{escaped, cdata} {
			text := quote(inner, how)
			if how == cdata && strings.Contains(inner, "\r") {
				continue // cannot stand there as it is
			}
			checkRead(t, "", []byte(inArg0(text)))
			r, err := envelope.Read("", []byte(inArg0(text)))
			trees = append(trees, fmt.Sprint(err != nil, tree(r.Params)))
		}
		if len(slices.Compact(trees)) > 1 {
			t.Fatalf("%q is read in two ways: %q", inner, trees)
		}
		checkRead(t, "", []byte(inArg0(inner)))
	})
}

func legal(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || r >= 0x10000
}

// shown is what can be read of a value: bad bytes, and in XML what it has no character for, are U+FFFD.
func shown(s string, inXML bool) string {
	return strings.Map(func(r rune) rune {
		if inXML && !legal(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(string([]rune(s)), ""))
}

// way is a form and an encoding.
type way struct {
	charset string
	form    int
}

func ways() (all []way) {
	for _, charset := range []string{"UTF-8", "GBK", "GB18030"} {
		for _, form := range []int{bareArg0, bareRequest, soap} {
			all = append(all, way{charset, form})
		}
	}
	return all
}

func (w way) request(t testing.TB, kind string) *envelope.Request {
	return read(t, "text/xml; charset="+w.charset, []byte(wrap(call{"m", kind, nil}.text(inline), w.form, inline)))
}

// checkXMLReplies writes a text as a field, a description and a row, and reads it back.
func checkXMLReplies(t testing.TB, value string, way way) {
	t.Helper()
	r, want := way.request(t, "0"), shown(value, true)
	d := unwrap(t, replied(t, r, envelope.Failed, value, envelope.Field{Name: "a", Value: value}))
	if d.Code != "-1" || d.Desc != want || len(d.Result.All) != 1 || d.Result.All[0].Text != want {
		t.Fatalf("%q in %v is read as %+v", value, way, d)
	}
	items := unwrap(t, rowsOf(t, r, value, "1")).Result.All
	if len(items) != 2 || len(items[0].All) != 2 || items[0].All[0].Text != want || items[1].All[1].Text != "" {
		t.Fatalf("%q in rows of %v is read as %+v", value, way, items)
	}
}

// jsonReply is the body or, in SOAP, the result.
type jsonReply struct {
	Code   string                     `json:"resultCode"`
	Desc   string                     `json:"resultDesc"`
	Result map[string]json.RawMessage `json:"result"`
}

func readJSON(t testing.TB, w *httptest.ResponseRecorder, way way) (reply jsonReply) {
	t.Helper()
	text := decode(t, way.charset, w.Body.Bytes())
	var into any = &reply
	if way.form == soap {
		d := unwrap(t, w)
		reply.Code, reply.Desc = d.Code, d.Desc
		text, into = d.Result.Text, &reply.Result
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return reply
}

// checkJSONReplies does the same in JSON.
func checkJSONReplies(t testing.TB, value string, way way) {
	t.Helper()
	r := way.request(t, "1")
	reply := readJSON(t, replied(t, r, envelope.NothingFound, value, envelope.Field{Name: "a", Value: value}, envelope.Field{Name: "b"}), way)
	var got string
	if err := json.Unmarshal(reply.Result["a"], &got); err != nil || got != shown(value, false) || reply.Code != "1" ||
		reply.Desc != shown(value, way.form == soap) || string(reply.Result["b"]) != `""` {
		t.Fatalf("%q in %v is read as %q, %+v, %v", value, way, got, reply, err)
	}
	rows := readJSON(t, rowsOf(t, r, value, "1"), way)
	var items []map[string]string
	if err := json.Unmarshal(rows.Result["item"], &items); err != nil || len(items) != 2 || items[0]["orderNo"] != shown(value, false) || items[1]["tradeType"] != "" {
		t.Fatalf("%q in rows of %v is read as %q, %v", value, way, items, err)
	}
}

var texts = []string{"", "1", awkward, "中文，全角", "\xff\xfe", "\uffff", "]]>", "\u0085", "\U0010FFFF", "€", "\ufeff", "\ufffd", "\ue000"}

func FuzzReply(f *testing.F) {
	for i, s := range texts {
		f.Add(s, byte(i), i%2 == 0)
	}
	all := ways()
	f.Fuzz(func(t *testing.T, value string, way byte, json bool) {
		check := checkXMLReplies
		if json {
			check = checkJSONReplies
		}
		check(t, value, all[int(way)%len(all)])
	})
}

func TestRepliesReadBack(t *testing.T) {
	for _, way := range ways() {
		for _, s := range texts {
			checkXMLReplies(t, s, way)
			checkJSONReplies(t, s, way)
		}
	}
}

// TestAnyCallReadsBack: whatever is asked with whatever parameters reads back equal in any form, encoding and quoting.
func TestAnyCallReadsBack(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune("<>&'\"]]>[]- \t\r\n中€，")), rapid.Rune().Filter(func(r rune) bool {
		return legal(r) && !(0xE000 <= r && r <= 0xF8FF) // characters of private use are refused in GB18030
	})))
	name := rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_.-]{0,8}`)
	rapid.Check(t, func(rt *rapid.T) {
		c := call{method: strings.TrimSpace(text.Draw(rt, "method")), kind: rapid.SampledFrom([]string{"0", "1"}).Draw(rt, "kind")}
		if c.method == "" {
			c.method = "m"
		}
		for _, name := range rapid.SliceOfNDistinct(name, 0, 9, rapid.ID[string]).Draw(rt, "names") {
			c.params = append(c.params, pair{name, text.Draw(rt, name)})
		}
		form, whole, params := rapid.IntRange(0, forms-1).Draw(rt, "form"), rapid.IntRange(0, quotings-1).Draw(rt, "whole"),
			rapid.IntRange(0, quotings-1).Draw(rt, "params")
		charset := rapid.SampledFrom([]string{"UTF-8", "GB18030"}).Draw(rt, "charset")
		r := read(t, "text/xml; charset="+charset, encode(t, charset, wrap(c.text(params), form, whole)))
		want := slices.Clone(c.params)
		for i := range want {
			want[i].value = strings.TrimSpace(want[i].value)
		}
		if r.Method != c.method || r.JSON != (c.kind == "1") || !slices.Equal(pairs(r.Params), want) {
			rt.Fatalf("%+v is read as %s %q", c, r.Method, pairs(r.Params))
		}
	})
}
