package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

var update = flag.Bool("update", false, "write the golden files from the embedded set-up's replies")

// golden compares exchanges with testdata/golden/<name>.txt. One recorder serves one server: the same number,
// charge or token has the same name in all its files.
type golden struct {
	t       *testing.T
	update  bool
	began   time.Time
	numbers []string
	charges []string
}

func newGolden(t *testing.T, s setup) *golden {
	return &golden{t: t, update: *update && s.Name == orderdtest.Setups[0].Name, began: time.Now().Add(-time.Second)}
}

// exchange is a request as it is shown, and its reply.
type exchange struct {
	caller string
	body   string
	reply  orderdtest.Reply
}

// caller is a client with the name that golden files show.
type caller struct {
	orderdtest.Client
	name string
}

func (c caller) do(method, path string, bodies ...orderdtest.Body) exchange {
	x := exchange{caller: c.name, reply: c.Send(method, path, bodies...)}
	for _, b := range bodies {
		if !strings.HasPrefix(b.Type, "multipart/") && len(b.Data) < 1000 {
			x.body = b.Data
		}
	}
	return x
}

func (c caller) get(path string) exchange { return c.do("GET", path) }

// header is what golden files show of it, in this order.
var header = []string{"Allow", "Content-Language", "Content-Type", "Deprecation", "Location", "Retry-After", "Vary", "Www-Authenticate"}

func (g *golden) text(x exchange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "> %s (%s)\n", x.reply.Request, x.caller)
	if x.body != "" {
		fmt.Fprintf(&b, "> %s\n", x.body)
	}
	b.WriteString(x.reply.Line + "\n")
	for _, name := range header {
		for _, value := range x.reply.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", x.reply.Body)
	return g.normal(b.String())
}

// check compares the exchanges with the file.
func (g *golden) check(name string, exchanges ...exchange) {
	g.t.Helper()
	texts := make([]string, len(exchanges))
	for i, x := range exchanges {
		if x.reply.Err != nil {
			g.t.Fatalf("%s: %v", x.reply.Request, x.reply.Err)
		}
		texts[i] = g.text(x)
	}
	got, file := strings.Join(texts, "\n"), goldenFile(name)
	if *update && !g.update {
		return // another set-up is writing the file
	}
	if g.update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			g.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			g.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		g.t.Fatalf("%v: run the test with -update", err)
	}
	if got != string(want) {
		g.t.Errorf("%s differs:\n%s", file, firstDifference(string(want), got))
	}
}

func goldenFile(name string) string { return filepath.Join("testdata", "golden", name+".txt") }

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, at(w, i), at(g, i))
		}
	}
	return "nowhere"
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// What differs from run to run. A text that has not just this form stays, and is a difference.
var (
	numberForm = regexp.MustCompile(`\b[0-9]{26}\b`)
	chargeForm = regexp.MustCompile(`\bch_[0-9A-Za-z]{24}\b`)
	tokenForm  = regexp.MustCompile(`"token":"[0-9a-f]{40}"`)
	timeForm   = regexp.MustCompile(`"create_time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})"`)
	chargeTime = regexp.MustCompile(`"(created|time_expire|timeStamp|time_paid)":([0-9]{10})\b`)
	expiryForm = regexp.MustCompile(`it_b_pay=\\"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\\"`)
	signForm   = regexp.MustCompile(`sign=\\"(?:[0-9A-Za-z]|%2B|%2F){342}%3D%3D\\"`) // 256 bytes in base64, escaped
	prepayForm = regexp.MustCompile(`"prepayId":"wx[0-9A-Za-z]{32}"`)
	nonceForm  = regexp.MustCompile(`"nonceStr":"[0-9A-Za-z]{32}"`)
	paidForm   = regexp.MustCompile(`"transaction_no":"sandbox[0-9A-Za-z]{21}"`)
	wxSignForm = regexp.MustCompile(`"sign":"[0-9a-f]{32}"`)
)

// shanghai is the time zone of the times that clients see; it has no summer time.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

func (g *golden) normal(text string) string {
	g.numbers = named(numberForm, text, g.numbers)
	g.charges = named(chargeForm, text, g.charges)
	for i, number := range g.numbers {
		if strings.HasPrefix(number, "122572682") || strings.HasPrefix(number, "122572683") {
			continue // the demo's, always the same
		}
		text = strings.ReplaceAll(text, number, fmt.Sprintf("<number %d>", i+1))
		text = strings.ReplaceAll(text, "肺轻松#"+number[:22]+`"`, fmt.Sprintf(`肺轻松#<number %d, 22 digits>"`, i+1))
		text = strings.ReplaceAll(text, "肺轻松#"+number[:22]+`\"`, fmt.Sprintf(`肺轻松#<number %d, 22 digits>\"`, i+1))
	}
	for i, charge := range g.charges {
		text = strings.ReplaceAll(text, charge, fmt.Sprintf("<charge %d>", i+1))
	}
	text = timeForm.ReplaceAllStringFunc(text, g.createTime)
	text = chargeTime.ReplaceAllStringFunc(text, g.unix)
	text = expiryForm.ReplaceAllStringFunc(text, g.expiry)
	text = tokenForm.ReplaceAllStringFunc(text, token)
	text = signForm.ReplaceAllString(text, `sign=\"<sign>\"`)
	text = prepayForm.ReplaceAllString(text, `"prepayId":"<prepay id>"`)
	text = nonceForm.ReplaceAllString(text, `"nonceStr":"<nonce>"`)
	text = paidForm.ReplaceAllString(text, `"transaction_no":"<transaction>"`)
	return wxSignForm.ReplaceAllString(text, `"sign":"<sign>"`)
}

func named(form *regexp.Regexp, text string, known []string) []string {
	for _, found := range form.FindAllString(text, -1) {
		isKnown := false
		for _, k := range known {
			isKnown = isKnown || k == found
		}
		if !isKnown {
			known = append(known, found)
		}
	}
	return known
}

// now says that a moment is within the test.
func (g *golden) now(at time.Time) bool {
	return at.After(g.began) && at.Before(time.Now().Add(time.Second))
}

func (g *golden) createTime(field string) string {
	text := timeForm.FindStringSubmatch(field)[1]
	if at, err := time.ParseInLocation("2006-01-02T15:04:05.000000", text, shanghai); err != nil || !g.now(at) {
		return field
	}
	return `"create_time":"<time>"`
}

// unix keeps the times numbers: 1000000000 for the present, and as much more as they are later.
func (g *golden) unix(field string) string {
	parts := chargeTime.FindStringSubmatch(field)
	seconds, _ := strconv.ParseInt(parts[2], 10, 64) // 10 digits
	for _, later := range []int64{0, 7200, 86400} {
		if g.now(time.Unix(seconds-later+1, 0)) {
			return fmt.Sprintf(`"%s":%d`, parts[1], 1_000_000_000+later)
		}
	}
	return field
}

func (g *golden) expiry(field string) string {
	text := expiryForm.FindStringSubmatch(field)[1]
	at, err := time.ParseInLocation(time.DateTime, text, shanghai)
	if err != nil || !g.now(at.Add(time.Second-24*time.Hour)) {
		return field
	}
	return `it_b_pay=\"<in 24 h>\"`
}

func token(field string) string {
	for _, known := range []string{patient1, patient2, doctor1, doctor2} {
		if strings.Contains(field, known) {
			return field
		}
	}
	return `"token":"<token>"`
}
