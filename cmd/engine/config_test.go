package engine

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// parsed gives the settings of a command line and an environment.
func parsed(t *testing.T, env map[string]string, args ...string) (Config, settings, error) {
	t.Helper()
	var c Config
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Flags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	err := Environment(flags, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		return c, settings{}, err
	}
	s, err := c.parse()
	return c, s, err
}

func TestBadSettingsNameTheirVariable(t *testing.T) {
	for variable, values := range map[string][]string{
		"ORDERD_ADDR":              {"", "localhost", "1:2:3", "[::1"},
		"ORDERD_DATA":              {""},
		"ORDERD_EVENTSTORE":        {"", "mysql", "Embedded", "esdb:", "kurrentdb://h"},
		"ORDERD_VIEWS":             {"", "http://x", "redis:", "embedded "},
		"ORDERD_VIEWS_NAMESPACE":   {"", "a b", "a}b", strings.Repeat("a", 65)},
		"ORDERD_PAYMENT":           {"", "free"},
		"ORDERD_TIMEZONE":          {"", "Mars/Olympus", "../../etc/passwd"},
		"ORDERD_UNPAID":            {"", "0s", "-1h", "1", "day"},
		"ORDERD_UNANSWERED":        {"", "0s", "-1h"},
		"ORDERD_UNFINISHED":        {"", "0s", "-1h"},
		"ORDERD_RETRY":             {"", "0s", "5m,-1h", "5m,x"},
		"ORDERD_WEBHOOK_TIMEOUT":   {"", "0s", "-1s", "61s", "10"},
		"ORDERD_WEBHOOK_WAIT":      {"", "0s", "-1s", "11m"},
		"ORDERD_LOG_LEVEL":         {"", "loud"},
		"ORDERD_AUDIT_ORIGIN":      {"", "a b", "a+b"},
		"ORDERD_CHECKPOINT_EVENTS": {"", "0", "-1", "many"},
		"ORDERD_CHECKPOINT_EVERY":  {"", "0s", "-1h", "10"},
		"ORDERD_DEMO":              {"", "maybe"},
	} {
		for _, value := range values {
			t.Run(variable+"="+value, func(t *testing.T) {
				_, _, err := parsed(t, map[string]string{variable: value})
				if err == nil || !strings.HasPrefix(err.Error(), variable+": ") {
					t.Errorf("error %v, want one that begins with %s", err, variable)
				}
				if err != nil && strings.Count(err.Error(), "ORDERD_") != 1 {
					t.Errorf("error %v names more than one variable", err)
				}
			})
		}
	}
}

// TestServingTheLogIsSafeUnlessToldOtherwise: nothing is handed out without a certificate and a password, or a word.
func TestServingTheLogIsSafeUnlessToldOtherwise(t *testing.T) {
	for _, c := range []struct{ args, names string }{
		{"--esdb-listen=x", "ORDERD_ESDB_LISTEN"},
		{"--esdb-listen=:1", "ORDERD_ESDB_CERT"},
		{"--esdb-listen=:1 --esdb-cert=c", "ORDERD_ESDB_KEY"},
		{"--esdb-listen=:1 --esdb-cert=c --esdb-key=k", "ORDERD_ESDB_PASSWORD"},
		{"--esdb-listen=:1 --esdb-cert=c --esdb-key=k --esdb-password=p", ""},
		{"--esdb-listen=:1 --esdb-insecure", ""},
		{"--esdb-listen=:1 --esdb-insecure --esdb-password=p", "ORDERD_ESDB_INSECURE"},
		{"--esdb-listen=:1 --esdb-insecure --eventstore=esdb://h:1", "ORDERD_ESDB_LISTEN"},
		{"--eventstore=esdb+discover://h:1", ""},
	} {
		_, _, err := parsed(t, nil, strings.Fields(c.args)...)
		if c.names == "" && err != nil || c.names != "" && (err == nil || !strings.HasPrefix(err.Error(), c.names+": ")) {
			t.Errorf("%s: %v, want %q", c.args, err, c.names)
		}
	}
}

func TestOpenRefusesBadSettings(t *testing.T) {
	c := Defaults
	c.Data, c.Payment = t.TempDir(), "free"
	if e, err := Open(c, nil); err == nil || e != nil || !strings.Contains(err.Error(), "ORDERD_PAYMENT") {
		t.Errorf("opened %v, %v", e, err)
	}
}

func TestFlagBeatsVariableBeatsDefault(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"default", nil, nil, "127.0.0.1:8000"},
		{"variable", map[string]string{"ORDERD_ADDR": ":1"}, nil, ":1"},
		{"flag", nil, []string{"--addr", ":2"}, ":2"},
		{"both", map[string]string{"ORDERD_ADDR": ":1"}, []string{"--addr=:2"}, ":2"},
		{"a flag that says the default", map[string]string{"ORDERD_ADDR": ":1"}, []string{"--addr=127.0.0.1:8000"}, "127.0.0.1:8000"},
		{"a bad variable that a flag beats", map[string]string{"ORDERD_ADDR": "bad"}, []string{"--addr=:2"}, ":2"},
		{"another variable", map[string]string{"ORDERD_DATA": "/d"}, nil, "127.0.0.1:8000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, s, err := parsed(t, c.env, c.args...)
			if err != nil || s.Addr != c.want {
				t.Errorf("address %q, %v; want %q", s.Addr, err, c.want)
			}
		})
	}
}

func TestWithoutSettingsAllAreDefaults(t *testing.T) {
	c, s, err := parsed(t, nil)
	if err != nil || !reflect.DeepEqual(c, Defaults) {
		t.Errorf("%+v, %v; want %+v", c, err, Defaults)
	}
	if s.location.String() != "Asia/Shanghai" || s.AdminToken != "" || s.Demo {
		t.Errorf("settings %+v", s)
	}
}

// TestEverySettingIsAFlagAndAVariable sets each flag through its variable and looks for it in the settings.
func TestEverySettingIsAFlagAndAVariable(t *testing.T) {
	values := map[string]string{
		"ORDERD_ADDR": ":9", "ORDERD_DATA": "/d", "ORDERD_EVENTSTORE": "embedded", "ORDERD_VIEWS": "redis://h:1/2", "ORDERD_PAYMENT": "sandbox",
		"ORDERD_ADMIN_TOKEN": "t", "ORDERD_TIMEZONE": "UTC", "ORDERD_UNPAID": "1h", "ORDERD_UNANSWERED": "2h", "ORDERD_UNFINISHED": "3h",
		"ORDERD_RETRY": "1s,2s", "ORDERD_LOG_LEVEL": "debug", "ORDERD_DEMO": "true",
		"ORDERD_ESDB_LISTEN": ":7", "ORDERD_ESDB_ADVERTISE": "h:7", "ORDERD_ESDB_WRITABLE": "true", "ORDERD_ESDB_CERT": "c", "ORDERD_ESDB_KEY": "k",
		"ORDERD_ESDB_PASSWORD": "p", "ORDERD_WEBHOOK_TIMEOUT": "3s", "ORDERD_WEBHOOK_WAIT": "1m", "ORDERD_VIEWS_NAMESPACE": "second",
	}
	c, _, err := parsed(t, values)
	want := Defaults
	want.Addr, want.Data, want.Views, want.ViewsNamespace, want.AdminToken, want.Timezone = ":9", "/d", "redis://h:1/2", "second", "t", "UTC"
	want.Unpaid, want.Unanswered, want.Unfinished = time.Hour, 2*time.Hour, 3*time.Hour
	want.Retry, want.LogLevel, want.Demo = []time.Duration{time.Second, 2 * time.Second}, "debug", true
	want.Webhooks = WebhookConfig{Timeout: 3 * time.Second, MaxWait: time.Minute}
	want.ESDB = ESDBConfig{Listen: ":7", Advertise: "h:7", Writable: true, Cert: "c", Key: "k", Password: "p"}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, %v; want %+v", c, err, want)
	}
	var known []string
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	new(Config).Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Usage == "" {
			t.Errorf("flag %s says nothing", f.Name)
		}
		if _, ok := values[Variable(f.Name)]; ok {
			known = append(known, f.Name)
		}
	})
	if len(known) != len(values) {
		t.Errorf("flags %v for variables %v", slices.Sorted(slices.Values(known)), values)
	}
}

// TestWhoReactsIsChosenWhereNoLeaseSaysIt refuses --react=false where a lease decides, or where nobody else could react.
func TestWhoReactsIsChosenWhereNoLeaseSaysIt(t *testing.T) {
	for _, c := range []struct {
		args string
		ok   bool
	}{
		{"--eventstore=esdb://h:1 --react=false", true},
		{"--react=false", false},
		{"--views=redis://h --react=false", false},
		{"--eventstore=esdb://h:1 --views=redis://h --react=false", false},
		{"--eventstore=esdb://h:1 --views=redis://h", true},
	} {
		_, s, err := parsed(t, nil, strings.Fields(c.args)...)
		if c.ok && (err != nil || s.React == strings.Contains(c.args, "false")) || !c.ok && (err == nil || !strings.HasPrefix(err.Error(), "ORDERD_REACT: ")) {
			t.Errorf("%s: react %t, %v", c.args, s.React, err)
		}
	}
}

func TestDemoOpensTheAdministratorsCallsUnlessATokenIsSet(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{{nil, ""}, {[]string{"--demo"}, "demo-admin"}, {[]string{"--demo", "--admin-token=x"}, "x"}, {[]string{"--admin-token=x"}, "x"}} {
		if _, s, err := parsed(t, nil, c.args...); err != nil || s.AdminToken != c.want {
			t.Errorf("%v: token %q, %v; want %q", c.args, s.AdminToken, err, c.want)
		}
	}
}
