package deploy

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"

	"orderengine/test/e2e/orderdtest"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

// others are metrics of other programs: Prometheus's own.
var others = []string{"up"}

// metrics are the names of a started server's samples, after the notice of a payment was refused.
func metrics(t *testing.T) map[string]bool {
	t.Helper()
	server := orderdtest.Demo(t)
	server.As("").Send("POST", "/qaorder/pay/notify/", orderdtest.JSON("{}")).Want(t, http.StatusUnauthorized)
	names := map[string]bool{}
	for line := range strings.Lines(server.As("").Get("/metrics").Want(t, http.StatusOK).Body) {
		if !strings.HasPrefix(line, "#") {
			names[line[:strings.IndexAny(line, "{ ")]] = true
		}
	}
	return names
}

// named are the metrics in an expression.
func named(t *testing.T, expression string) (names []string) {
	t.Helper()
	parsed, err := metricsql.Parse(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return nil
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if m, ok := e.(*metricsql.MetricExpr); ok {
			for _, filters := range m.LabelFilterss {
				for _, f := range filters {
					if f.Label == "__name__" {
						names = append(names, f.Value)
					}
				}
			}
		}
	})
	if len(names) == 0 {
		t.Errorf("%s names no metric", expression)
	}
	return names
}

func TestEveryMetricExists(t *testing.T) {
	there := metrics(t)
	for what, expressions := range map[string][]string{"an alert": alerts(t), "the board": board(t)} {
		for _, expression := range expressions {
			for _, name := range named(t, expression) {
				if !there[name] && !slices.Contains(others, name) {
					t.Errorf("%s asks for %s, which /metrics does not have: %s", what, name, expression)
				}
			}
		}
	}
}

// alerts are the expressions of the rules, each of which must say what it is about and how urgent.
func alerts(t *testing.T) (expressions []string) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decode(t, "prometheus/alerts.yml", &file)
	seen := map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			urgency := rule.Labels["severity"]
			if rule.Alert == "" || seen[rule.Alert] || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || urgency != "page" && urgency != "ticket" {
				t.Errorf("the rule %+v", rule)
			}
			seen[rule.Alert] = true
			expressions = append(expressions, rule.Expr)
		}
	}
	return expressions
}

// board are the expressions of the panels. Grafana puts its variables in first.
func board(t *testing.T) (expressions []string) {
	t.Helper()
	var dashboard struct {
		UID, Title string
		Panels     []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "grafana/dashboards/orderd.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %+v", p)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s stands on %s, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			expressions = append(expressions, strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(target.Expr))
		}
	}
	if dashboard.UID == "" || len(expressions) < 10 {
		t.Errorf("the board %s has %d expressions", dashboard.UID, len(expressions))
	}
	return expressions
}

// TestPrometheusFindsTheServers of the compose file, and the rules.
func TestPrometheusFindsTheServers(t *testing.T) {
	var prometheus struct {
		Rules  []string `yaml:"rule_files"`
		Scrape []struct {
			Job     string                       `yaml:"job_name"`
			Targets []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	decode(t, "prometheus/prometheus.yml", &prometheus)
	var compose composeFile
	decode(t, "compose.yaml", &compose)
	jobs := map[string]bool{}
	for _, scrape := range prometheus.Scrape {
		jobs[scrape.Job] = true
		for _, some := range scrape.Targets {
			for _, target := range some.Targets {
				host, _, _ := strings.Cut(target, ":")
				if _, ok := compose.Services[host]; !ok {
					t.Errorf("%s is scraped, and is no service", target)
				}
			}
		}
	}
	if !jobs["orderd"] || !jobs["kurrentdb"] || len(prometheus.Rules) != 1 || !exists(folder+"/prometheus/"+prometheus.Rules[0]) {
		t.Errorf("jobs %v, rules %v", jobs, prometheus.Rules)
	}
	for _, expression := range alerts(t) {
		for job := range jobs {
			expression = strings.ReplaceAll(expression, `job="`+job+`"`, "")
		}
		if strings.Contains(expression, "job=") {
			t.Errorf("an alert is of a job that nobody scrapes: %s", expression)
		}
	}
}
