package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/delivery"
	"orderengine/domain/hospital"
	"orderengine/domain/qa"
	"orderengine/test/e2e/orderdtest"
)

// TestTour runs the commands of the READMEs' tours and compares what they print with what stands below them.
func TestTour(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../../" + file)
			if err != nil {
				t.Fatal(err)
			}
			steps := tour(string(text))
			if len(steps) < 10 {
				t.Fatalf("the tour of %s has %d steps; is it still marked with <!-- tour -->?", file, len(steps))
			}
			s := orderdtest.Demo(t)
			shell := startShell(t)
			for _, step := range steps {
				printed := shell.run(t, strings.ReplaceAll(step.command, "127.0.0.1:8000", s.Addr()))
				printed = strings.ReplaceAll(printed, s.Addr(), "127.0.0.1:8000")
				if volatile(printed) != volatile(step.prints) {
					t.Errorf("$ %s\nprints\n%s\nthe page says\n%s", step.command, printed, step.prints)
				}
			}
		})
	}
}

// tourStep is one command of a tour and what the page says it prints.
type tourStep struct{ command, prints string }

var tourBlock = regexp.MustCompile("(?s)<!-- tour -->\n```console\n(.*?)```")

func tour(page string) []tourStep {
	var steps []tourStep
	for _, block := range tourBlock.FindAllStringSubmatch(page, -1) {
		for _, line := range strings.SplitAfter(block[1], "\n") {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, tourStep{command: strings.TrimSpace(command)})
			} else if len(steps) > 0 {
				steps[len(steps)-1].prints += line
			}
		}
	}
	return steps
}

// What differs from run to run: times, and the names and signatures of charges.
var changing = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?`), "<time>"},
	{regexp.MustCompile(`\b(ch|re)_[0-9A-Za-z]{24}\b`), "<$1>"},
	{regexp.MustCompile(`"(created|time_expire|time_paid|time_succeed)":\d{10}`), `"$1":<seconds>`},
	{regexp.MustCompile(`\b[1-7]0[1-6][1-3]\d{15}(R\d+)?\b`), "<number>$1"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "<time>"},
	{regexp.MustCompile(`"transaction_no":"sandbox[0-9A-Za-z]+"`), `"transaction_no":"<no>"`},
}

func volatile(text string) string {
	for _, c := range changing {
		text = c.is.ReplaceAllString(text, c.as)
	}
	return strings.TrimRight(text, "\n")
}

// shell is one bash that keeps its variables from step to step.
type shell struct {
	script strings.Builder
}

func startShell(t *testing.T) *shell {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the tour needs %s: install it", tool)
		}
	}
	return &shell{}
}

// run runs a command after the assignments of the earlier ones.
func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("bash", "-c", s.script.String()+command).CombinedOutput()
	if err != nil {
		t.Fatalf("$ %s\n%s%v", command, out, err)
	}
	if assignment.MatchString(command) {
		s.script.WriteString(command + "\n")
	}
	return string(out)
}

var assignment = regexp.MustCompile(`^[A-Z]+=`)

// TestDiagram keeps the READMEs' diagrams those that are drawn from the lifecycles' tables.
func TestDiagram(t *testing.T) {
	for _, file := range []string{"README.md", "README.zh-CN.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, lifecycle := range []*domain.Lifecycle{qa.Lifecycle, hospital.Lifecycle, delivery.Lifecycle, account.Lifecycle, account.PrivacyLifecycle} {
			if want := "```mermaid\n" + lifecycle.Diagram() + "```"; !strings.Contains(string(text), want) {
				t.Errorf("%s does not show the lifecycle as it is:\n%s", file, want)
			}
		}
	}
}
