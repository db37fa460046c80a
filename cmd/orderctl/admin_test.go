package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

// ruled runs a command as the administrator of a server.
func ruled(s *orderdtest.Server, stdin string, args ...string) (string, error) {
	return run(stdin, append(args, "--server", "http://"+s.Addr(), "--token", orderdtest.Admin)...)
}

func wantOutput(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s prints\n%s\nwant\n%s", what, got, want)
	}
}

func TestUsers(t *testing.T) {
	s := orderdtest.Demo(t)
	out, err := ruled(s, "a secret\n", "users", "create", "doctor3", "--name", "王医生", "--price-online", "12.50", "--password-file", "-")
	must(t, out, err)
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || len(made.Token) != 40 {
		t.Fatalf("made %s, %v", out, err)
	}
	s.As(made.Token).Get("/qaorder/order/doctor/list/").Want(t, 200)
	s.As("").Send("POST", "/user/login/", orderdtest.Form("username=doctor3&password=a+secret")).Want(t, 200)

	out, err = ruled(s, "", "users", "token", "doctor3")
	must(t, out, err)
	object, password, _ := strings.Cut(out, "password: ")
	before := made.Token
	if err := json.Unmarshal([]byte(object), &made); err != nil || made.Token == before || len(password) < 27 {
		t.Fatalf("changed to %s, %v", out, err)
	}
	s.As(before).Get("/qaorder/order/doctor/list/").Want(t, 401)
	s.As("").Send("POST", "/user/login/", orderdtest.Form("username=doctor3&password="+strings.TrimSpace(password))).Want(t, 200)

	out, err = ruled(s, "", "users", "set", "doctor3", "--price-online", "", "--price-monthly", "80.00", "--active=false")
	must(t, out, err)
	s.As(made.Token).Get("/qaorder/order/doctor/list/").Want(t, 401)
	out, err = ruled(s, "", "users", "topup", "doctor3", "5.00", "--note", "a gift")
	must(t, out, err)
	out, err = ruled(s, "", "users", "show", "doctor3")
	must(t, out, err)
	wantOutput(t, "show", regexp.MustCompile(`"pk": \d+`).ReplaceAllString(out, `"pk": 0`), `{
  "pk": 0,
  "username": "doctor3",
  "invitation_code": "",
  "name": "王医生",
  "avatar": "",
  "prices": {
    "monthly": "80.00"
  },
  "active": false,
  "balance": "5.00"
}
`)
	out, err = ruled(s, "", "users", "list", "--csv")
	must(t, out, err)
	wantOutput(t, "list", regexp.MustCompile(`(?m)^\d+,`).ReplaceAllString(out, ""), `pk,username,name,prices,active
patient1,patient,,true
doctor1,doctor,"monthly 70.00, online 15.00",true
doctor2,doctor,"monthly 99.00, online 19.00",true
patient2,,,true
doctor3,王医生,monthly 80.00,false
`)
}

func TestHospitals(t *testing.T) {
	s := orderdtest.Demo(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a-secret-of-theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := ruled(s, "", "hospitals", "create", "H002", "--name", "第二医院", "--branch", "B02=西院", "--branch", "B01=东院", "--secret-file", secret)
	if must(t, out, err); !strings.Contains(out, `"secret": "a-secret-of-theirs"`) {
		t.Errorf("made %s", out)
	}
	out, err = ruled(s, "", "hospitals", "set", "H002", "--template", "16=已预约, {patName}=您", "--item-tag", "tag", "--new-secret",
		"--webhook-url", "https://his.example/events", "--webhook-secret-file", secret)
	var set struct{ Secret string }
	if must(t, out, err); json.Unmarshal([]byte(out), &set) != nil || set.Secret == "" || set.Secret == "a-secret-of-theirs" {
		t.Errorf("set %s", out)
	}
	out, err = ruled(s, "", "hospitals", "show", "H002")
	must(t, out, err)
	wantOutput(t, "show", out, `{
  "code": "H002",
  "name": "第二医院",
  "branches": {
    "B01": "东院",
    "B02": "西院"
  },
  "templates": {
    "16": "已预约, {patName}=您"
  },
  "item_tag": "tag",
  "webhook_url": "https://his.example/events"
}
`)
	out, err = ruled(s, "", "hospitals", "list")
	must(t, out, err)
	wantOutput(t, "list", out, `CODE  NAME      ITEM_TAG  BRANCHES  TEMPLATES
H001  阳光医院  item      B01       16 26
H002  第二医院  tag       B01 B02   16
`)
	t.Setenv("ORDERCTL_SERVER", "http://"+s.Addr())
	t.Setenv("ORDERCTL_TOKEN", orderdtest.Admin)
	out, err = run("", "__complete", "hospitals", "show", "")
	if must(t, out, err); !strings.Contains(out, "H001\t阳光医院\nH002\t第二医院\n:4") {
		t.Errorf("completed %q", out)
	}
}

func TestAdministratorsErrorsSayWhatToDo(t *testing.T) {
	s := orderdtest.Demo(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"users", "set", "patient1"}, "name at least one flag"},
		{[]string{"hospitals", "set", "H001"}, "name at least one flag"},
		{[]string{"hospitals", "set", "H001", "--branch", "B01"}, `--branch "B01": write it as KEY=VALUE`},
		{[]string{"hospitals", "set", "H001", "--new-secret", "--secret-file", "x"}, `see "orderctl hospitals set --help"`},
		{[]string{"hospitals", "create", "H003"}, `required flag(s) "name" not set; see "orderctl hospitals create --help"`},
		{[]string{"hospitals", "create", "H003", "--name", "x", "--secret-file", "/nowhere"}, "--secret-file: open /nowhere"},
		{[]string{"users", "create", "x", "--password-file", "/nowhere"}, "--password-file: open /nowhere"},
		{[]string{"users", "show", "nobody"}, "look the number or the name up with orderctl orders, users list or hospitals list"},
		{[]string{"users", "create", "patient1"}, `{"username":["This field must be unique."]}`},
		{[]string{"users", "shw"}, `unknown command "shw" for "orderctl users"; did you mean set or show?; see "orderctl users --help"`},
		{[]string{"users", "show"}, `accepts 1 arg(s), received 0; see "orderctl users show --help"`},
		{[]string{"bakup"}, `see "orderctl --help"`},
	} {
		args := c.args
		if len(args) > 2 {
			args = append(args, "--server", "http://"+s.Addr(), "--token", orderdtest.Admin)
		}
		if _, err := run("", args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.args, err, c.says)
		}
	}
	if _, err := run("", "users", "list", "--server", "http://"+s.Addr(), "--token", "wrong"); err == nil || !strings.Contains(err.Error(), "ORDERD_ADMIN_TOKEN") {
		t.Errorf("a wrong token: %v", err)
	}
}

// TestHelpShowsTheGroups, and every command that calls a server says how in its help.
func TestHelpShowsTheGroups(t *testing.T) {
	out, err := run("", "--help")
	must(t, out, err)
	for _, group := range root().Groups() {
		if !strings.Contains(out, group.Title+"\n") {
			t.Errorf("the help has no %q", group.Title)
		}
	}
	if strings.Contains(out, "Additional Commands:") {
		t.Errorf("a command is in no group:\n%s", out)
	}
}
