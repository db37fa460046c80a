package deploy

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"orderengine/cmd/engine"
)

const folder = "../../deploy"

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// decode reads a YAML file; a key that stands twice is an error.
func decode(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// flags are the server's.
func flags() *pflag.FlagSet {
	var config engine.Config
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(set)
	return set
}

var settingForm = regexp.MustCompile(`\bORDERD_[A-Z0-9_]*[A-Z0-9]\b`)

// TestEverySettingExists looks for settings in every file, the pages included.
func TestEverySettingExists(t *testing.T) {
	known := map[string]bool{}
	flags().VisitAll(func(f *pflag.Flag) { known[engine.Variable(f.Name)] = true })
	seen := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range settingForm.FindAllString(string(text), -1) {
			if seen++; !known[name] {
				t.Errorf("%s: the server has no setting %s", path, name)
			}
		}
		return err
	})
	if err != nil || seen < 20 {
		t.Errorf("%d settings found, %v", seen, err)
	}
}

// composeFile is what is looked at of a compose file.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Environment map[string]string
		Volumes     []string
		Ports       []string
		DependsOn   yaml.Node `yaml:"depends_on"`
		Networks    yaml.Node
		Restart     string
		Healthcheck struct{ Test []string }
	}
	Networks, Volumes map[string]any
}

func TestCompose(t *testing.T) {
	var file composeFile
	decode(t, "compose.yaml", &file)
	counts := map[string]int{}
	for name, s := range file.Services {
		image, tag, _ := strings.Cut(s.Image[strings.LastIndex(s.Image, "/")+1:], ":")
		counts[image]++
		if s.Build.Dockerfile == "" && (tag == "" || tag == "latest") {
			t.Errorf("%s: the image %s has no version", name, s.Image)
		}
		if s.Build.Dockerfile != "" && !exists(filepath.Join(folder, s.Build.Context, s.Build.Dockerfile)) {
			t.Errorf("%s is built with %s, which is not there", name, s.Build.Dockerfile)
		}
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, named := file.Volumes[from]; !named && !exists(filepath.Join(folder, from)) {
				t.Errorf("%s mounts %s, which is neither a volume nor there", name, from)
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s to the world", name, port)
			}
		}
		for _, other := range names(s.DependsOn) {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
		}
		for _, network := range names(s.Networks) {
			if _, ok := file.Networks[network]; !ok {
				t.Errorf("%s is in the network %s, which is not there", name, network)
			}
		}
	}
	for image, want := range map[string]int{"orderd": 2, "kurrentdb": 3, "redis": 4, "prometheus": 1, "grafana": 1} {
		if counts[image] != want {
			t.Errorf("%d of %s, want %d", counts[image], image, want)
		}
	}
	for _, name := range []string{"orderd-1", "orderd-2"} {
		environment := file.Services[name].Environment
		if len(environment) < 5 {
			t.Errorf("%s has the settings %v", name, environment)
		}
		lookup := func(setting string) (string, bool) {
			value, ok := environment[setting]
			return defaultForm.ReplaceAllString(value, "$1"), ok
		}
		if err := engine.Environment(flags(), lookup); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// defaultForm is a variable of compose with its default.
var defaultForm = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// names are the entries of a list, or the keys of a map.
func names(n yaml.Node) (all []string) {
	for i, entry := range n.Content {
		if n.Kind == yaml.SequenceNode || i%2 == 0 {
			all = append(all, entry.Value)
		}
	}
	return all
}

// TestUnit has systemd look at the unit, with the path of a program that is there, and say how far it is locked in.
func TestUnit(t *testing.T) {
	unit := string(read(t, "orderd.service"))
	for _, line := range []string{"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "Restart=on-failure", "ExecStart=/usr/local/bin/orderd serve"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit has no %s", line)
		}
	}
	if err := engine.Environment(flags(), unitSettings(string(read(t, "orderd.env")))); err != nil {
		t.Error(err)
	}
	if _, err := exec.LookPath("systemd-analyze"); errors.Is(err, exec.ErrNotFound) {
		t.Log("systemd-analyze is not installed: the unit's lines alone were looked at")
		return
	}
	dir := t.TempDir()
	environment := filepath.Join(dir, "orderd.env")
	if err := os.WriteFile(environment, read(t, "orderd.env"), 0o600); err != nil {
		t.Fatal(err)
	}
	there := strings.NewReplacer("/usr/local/bin/orderd serve", "/bin/true serve", "/etc/orderd/orderd.env", environment, "man:orderctl(1)", "https://example.com").Replace(unit)
	file := filepath.Join(dir, "orderd.service")
	if err := os.WriteFile(file, []byte(there), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", file}, {"security", "--offline=true", "--threshold=15", file}} {
		out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 { // what it does not know it only warns of
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}

// unitSettings looks settings up in an environment file, those that are commented out too.
func unitSettings(text string) func(string) (string, bool) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "="); ok && settingForm.MatchString(name) {
			values[name] = value
		}
	}
	return func(name string) (string, bool) { value, ok := values[name]; return value, ok }
}

// TestDockerfile copies and builds what is there.
func TestDockerfile(t *testing.T) {
	text := string(read(t, "Dockerfile"))
	for _, command := range []string{"./cmd/orderd", "./cmd/orderctl"} {
		if !strings.Contains(text, command) || !exists(filepath.Join(folder, "..", command)) {
			t.Errorf("%s is not built", command)
		}
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(read(t, "../go.mod")))
	if version == nil || !strings.Contains(text, "FROM golang:"+version[1]+"-") {
		t.Errorf("it is not built with Go %v of go.mod", version)
	}
	if !regexp.MustCompile(`(?m)^USER orderd$`).MatchString(text) {
		t.Error("it runs as root")
	}
}
