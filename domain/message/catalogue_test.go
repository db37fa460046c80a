package message

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"orderengine/domain"
)

// TestEventsAreTheDocuments: codes and parameters stand in 2.5.2 of the document; the last two are ours.
func TestEventsAreTheDocuments(t *testing.T) {
	want := map[string]string{
		"16":     "候诊通知 patName patCardNo serialNum currentNum deptName doctorName hisOrderNo hospitalName visitLocation",
		"26":     "门诊待缴费提醒 patName patCardNo patCardType payType payAmout hospitalName",
		"refund": "退费通知 hospitalName orderNo amount reason",
		"stop":   "停诊通知 hospitalName orderNo bookDate deptName doctorName amount",
	}
	if len(Events) != len(want) {
		t.Errorf("%d events, want %d", len(Events), len(want))
	}
	for code, text := range want {
		e, ok := EventOf(code)
		if got := e.Name + " " + strings.Join(e.Params, " "); !ok || e.Code != code || got != text {
			t.Errorf("event %s: %s, want %s", code, got, text)
		}
	}
	for _, code := range []string{"", "1", "016", " 16", "候诊通知"} {
		if e, ok := EventOf(code); ok {
			t.Errorf("%q is event %s", code, e)
		}
	}
	if text := Events[0].String(); text != "16 候诊通知" {
		t.Errorf("%q", text)
	}
}

func TestTemplateOfAHospital(t *testing.T) {
	own := map[string]string{Waiting: "请候诊", Refunded: "退了"}
	for _, c := range []struct {
		own   map[string]string
		event string
		want  string
		ok    bool
	}{
		{own, Waiting, "请候诊", true},
		{own, Unpaid, "", false}, // the hospital must have it
		{own, Refunded, "退了", true},
		{own, Stopped, ours[Stopped], true},
		{nil, Waiting, "", false},
		{nil, Refunded, ours[Refunded], true},
		{nil, "27", "", false},
	} {
		if text, ok := Template(c.own, c.event); text != c.want || ok != c.ok {
			t.Errorf("event %s: %q, %v; want %q, %v", c.event, text, ok, c.want, c.ok)
		}
	}
}

func TestOurTemplatesAreGoodAndSayEverything(t *testing.T) {
	for code, text := range ours {
		if err := CheckTemplate(code, text); err != nil {
			t.Errorf("event %s: %v", code, err)
		}
		event, _ := EventOf(code)
		for _, name := range event.Params {
			if !strings.Contains(text, "{"+name+"}") {
				t.Errorf("the template of %s does not tell the %s", event, name)
			}
		}
	}
}

func TestCheckTemplate(t *testing.T) {
	for _, c := range []struct {
		name  string
		event string
		text  string
		says  string // "": it is good
	}{
		{"plain", Waiting, "请候诊", ""},
		{"all parameters", Unpaid, "{patName}{patCardNo}{patCardType}{payType}{payAmout}{hospitalName}", ""},
		{"one twice", Waiting, "{patName}，{patName}", ""},
		{"braces alone", Waiting, "{ patName 和 }}{", `no parameter " patName 和 "`},
		{"a brace alone", Waiting, "} patName {", ""},
		{"braces around it", Waiting, "{{patName}}", ""},
		{"blank", Waiting, "", "blank"},
		{"spaces", Waiting, " \n\t　", "blank"},
		{"unknown parameter", Waiting, "{patName} {payAmout}", `no parameter "payAmout"`},
		{"no name", Waiting, "{}", `no parameter ""`},
		{"another case", Waiting, "{PatName}", `no parameter "PatName"`},
		{"spaces in it", Waiting, "{ patName }", `no parameter " patName "`},
		{"over two lines", Waiting, "{pat\nName}", "no parameter"},
		{"the corrected spelling", Unpaid, "{payAmount}", `no parameter "payAmount"`},
		{"unknown event", "27", "请候诊", `no event "27"`},
		{"no event", "", "请候诊", `no event ""`},
	} {
		err := CheckTemplate(c.event, c.text)
		var fault *domain.Fault
		if c.says == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if !errors.As(err, &fault) || fault.Code != domain.Invalid || fault.Field != "templates" || !strings.Contains(fault.Why, c.says) {
			t.Errorf("%s: %v, want invalid templates with %s", c.name, err, c.says)
		}
	}
}

func TestRender(t *testing.T) {
	params := map[string]string{"patName": "{deptName}", "deptName": "内科", "reason": "$1 \\1 %s {reason}", "empty": ""}
	for template, want := range map[string]string{
		"":                       "",
		"请候诊":                    "请候诊",
		"{deptName}":             "内科",
		"{patName}":              "{deptName}", // what a parameter says is never a placeholder
		"{patName}{deptName}":    "{deptName}内科",
		"{reason}":               "$1 \\1 %s {reason}",
		"[{empty}]":              "[]",
		"[{unknown}]":            "[]",
		"{{deptName}}":           "{内科}",
		"{deptName":              "{deptName",
		"deptName}":              "deptName}",
		"{deptName}，{deptName}！": "内科，内科！",
	} {
		if got := Render(template, params); got != want {
			t.Errorf("%q: %q, want %q", template, got, want)
		}
	}
	if got := Render("[{patName}]", nil); got != "[]" {
		t.Errorf("without parameters: %q", got)
	}
}

// TestCheckedTemplatesLeaveNoPlaceholder: what is good for an event is filled by the event's parameters.
func TestCheckedTemplatesLeaveNoPlaceholder(t *testing.T) {
	for _, e := range Events {
		template, params := "", map[string]string{}
		for _, name := range e.Params {
			template += "{" + name + "}"
			params[name] = name + ";"
		}
		if err := CheckTemplate(e.Code, template); err != nil {
			t.Error(err)
		}
		if got, want := Render(template, params), strings.Join(slices.Concat(e.Params, []string{""}), ";"); got != want {
			t.Errorf("event %s: %q, want %q", e, got, want)
		}
	}
}
