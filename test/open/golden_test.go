package open_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
)

var update = flag.Bool("update", false, "write the golden files from the replies")

// golden compares replies with testdata/golden/<name>.txt. One recorder serves one server: the same number has the
// same name in all its files.
type golden struct {
	t     *testing.T
	began time.Time
	names map[string][]string // by kind, in the order of their appearance
}

func newGolden(t *testing.T) *golden {
	return &golden{t: t, began: time.Now().Add(-time.Second), names: map[string][]string{}}
}

// shown is a request as it is shown, and its reply.
func shown(t *testing.T, request string, r orderdtest.Reply) string {
	t.Helper()
	kind, body := r.Header.Get("Content-Type"), r.Body
	if strings.Contains(strings.ToUpper(kind), "GB") {
		body = fromGBK(t, body)
	}
	return fmt.Sprintf("> %s\n%s\nContent-Type: %s\n\n%s\n", strings.ReplaceAll(strings.TrimRight(request, "\n"), "\n", "\n> "), r.Line, kind, body)
}

func (g *golden) check(name string, texts ...string) {
	g.t.Helper()
	got, file := g.normal(strings.Join(texts, "\n")), filepath.Join("testdata", "golden", name+".txt")
	if *update {
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

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, lineAt(w, i), lineAt(g, i))
		}
	}
	return "nowhere"
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// What differs from run to run. A text that has not just this form stays, and is a difference.
var (
	numberForm   = regexp.MustCompile(`\b([1-7]0[1-6][1-3])([0-9]{8})([0-9]{7})(R[0-9]+)?\b`)
	refundForm   = regexp.MustCompile(`\bre_[0-9A-Za-z]{24}\b`)
	timeForm     = regexp.MustCompile(`(eventTime\W{1,12})([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})`)
	outcomeForm  = regexp.MustCompile(`，退费(?:处理中|成功)`) // the wallet has the money a moment later
	positionForm = regexp.MustCompile(`(<position>|"position":"|&#34;position&#34;:&#34;)([0-9]+(?:-[0-9]+)?)`)
)

// normal keeps of a number what is not its serial: the platform, the trade type, the kind, and a day other than today.
func (g *golden) normal(text string) string {
	text = numberForm.ReplaceAllStringFunc(text, func(number string) string {
		p := numberForm.FindStringSubmatch(number)
		return p[1] + g.day(p[2]) + g.named("serial", p[1]+p[2]+p[3]) + p[4]
	})
	text = refundForm.ReplaceAllStringFunc(text, func(id string) string { return g.named("platform refund", id) })
	text = outcomeForm.ReplaceAllString(text, "，<outcome>")
	text = positionForm.ReplaceAllStringFunc(text, func(found string) string {
		p := positionForm.FindStringSubmatch(found)
		if p[2] == "0" {
			return found
		}
		return p[1] + g.named("position", p[2])
	})
	return timeForm.ReplaceAllStringFunc(text, func(found string) string {
		p := timeForm.FindStringSubmatch(found)
		if when, err := time.ParseInLocation(time.DateTime, p[2], shanghai); err == nil && g.now(when) {
			return p[1] + "<time>"
		}
		return found
	})
}

// now says that a moment is within the test.
func (g *golden) now(when time.Time) bool {
	return when.After(g.began.Add(-time.Second)) && when.Before(time.Now().Add(time.Second))
}

func (g *golden) day(day string) string {
	for _, today := range []time.Time{g.began, time.Now()} {
		if day == today.In(shanghai).Format("20060102") {
			return "<today>"
		}
	}
	return day
}

func (g *golden) named(kind, value string) string {
	i := slices.Index(g.names[kind], value)
	if i < 0 {
		i = len(g.names[kind])
		g.names[kind] = append(g.names[kind], value)
	}
	return fmt.Sprintf("<%s %d>", kind, i+1)
}
