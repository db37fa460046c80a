package institution

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/message"
)

var at = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// registered is a hospital with something of everything.
func registered() Hospital {
	return Hospital{Code: "H001", Name: "第一医院", ItemTag: DefaultItemTag, Branches: []Branch{{"B01", "东院"}, {"B02", "西院"}},
		Templates: map[string]string{message.Waiting: "{patName}请候诊"}, SecretHash: "ab12", Webhook: hook, At: at}
}

var hook = Webhook{URL: "https://his.example/events", Secret: []byte("sealed")}

type unknown struct{}

func (unknown) isCommand() {}

func TestDecide(t *testing.T) {
	register := func(code, name string) Register { return Register{code, name, at} }
	templates := func(event, text string) Change { return Change{Templates: map[string]string{event: text}, At: at} }
	branches := func(b ...Branch) Change { return Change{Branches: &b, At: at} }
	long := strings.Repeat("x", 32)
	for _, c := range []struct {
		name    string
		is      Hospital
		command Command
		taken   bool
		code    domain.Code // of a refusal
		field   string
	}{
		{"register", Hospital{}, register("H001", "第一医院"), true, 0, ""},
		{"register the longest code", Hospital{}, register(long, "n"), true, 0, ""},
		{"register all sorts of letters", Hospital{}, register("a-Z_09", "n"), true, 0, ""},
		{"register again", registered(), register("H001", "第一医院"), false, domain.AlreadyExists, "code"},
		{"register no code", Hospital{}, register("", "n"), false, domain.Invalid, "code"},
		{"register too long a code", Hospital{}, register(long+"x", "n"), false, domain.Invalid, "code"},
		{"register a code with a slash", Hospital{}, register("H/1", "n"), false, domain.Invalid, "code"},
		{"register a code with a line", Hospital{}, register("H1\n", "n"), false, domain.Invalid, "code"},
		{"register no name", Hospital{}, register("H001", " \t"), false, domain.Invalid, "name"},
		{"change nothing", registered(), Change{At: at}, false, 0, ""},
		{"change what is not there", Hospital{}, Change{Name: ptr("n")}, false, domain.NotFound, ""},
		{"name", registered(), Change{Name: ptr("第二医院"), At: at}, true, 0, ""},
		{"name as it is", registered(), Change{Name: ptr("第一医院"), At: at}, false, 0, ""},
		{"no name", registered(), Change{Name: ptr(" ")}, false, domain.Invalid, "name"},
		{"tag", registered(), Change{ItemTag: ptr("orderRecord"), At: at}, true, 0, ""},
		{"tag as it is", registered(), Change{ItemTag: ptr(DefaultItemTag), At: at}, false, 0, ""},
		{"no tag", registered(), Change{ItemTag: ptr("")}, false, domain.Invalid, "item_tag"},
		{"tag with a digit first", registered(), Change{ItemTag: ptr("1item")}, false, domain.Invalid, "item_tag"},
		{"tag with a prefix", registered(), Change{ItemTag: ptr("a:item")}, false, domain.Invalid, "item_tag"},
		{"tag that ends itself", registered(), Change{ItemTag: ptr("item><a")}, false, domain.Invalid, "item_tag"},
		{"tag too long", registered(), Change{ItemTag: ptr(long + "x")}, false, domain.Invalid, "item_tag"},
		{"branches", registered(), branches(Branch{"B03", "南院"}), true, 0, ""},
		{"branches in another order", registered(), branches(Branch{"B02", "西院"}, Branch{"B01", "东院"}), true, 0, ""},
		{"branches as they are", registered(), branches(registered().Branches...), false, 0, ""},
		{"no branches", registered(), branches(), true, 0, ""},
		{"no list of branches", registered(), Change{Branches: new([]Branch), At: at}, true, 0, ""},
		{"no branches where there are none", Hospital{Code: "H001"}, branches(), false, 0, ""},
		{"two branches of one code", registered(), branches(Branch{"B01", "东院"}, Branch{"B01", "西院"}), false, domain.Invalid, "branches"},
		{"branch without a code", registered(), branches(Branch{"", "东院"}), false, domain.Invalid, "branches"},
		{"branch without a name", registered(), branches(Branch{"B01", ""}), false, domain.Invalid, "branches"},
		{"template", registered(), templates(message.Unpaid, "{payAmout} 元"), true, 0, ""},
		{"template changed", registered(), templates(message.Waiting, "请候诊"), true, 0, ""},
		{"template as it is", registered(), templates(message.Waiting, "{patName}请候诊"), false, 0, ""},
		{"template taken away", registered(), templates(message.Waiting, ""), true, 0, ""},
		{"template taken away that is not there", registered(), templates(message.Unpaid, ""), false, 0, ""},
		{"template with an unknown parameter", registered(), templates(message.Waiting, "{payAmout}"), false, domain.Invalid, "templates"},
		{"template of an unknown event", registered(), templates("27", "x"), false, domain.Invalid, "templates"},
		{"template of spaces", registered(), templates(message.Waiting, " "), false, domain.Invalid, "templates"},
		{"secret", registered(), SetSecret{"cd34", at}, true, 0, ""},
		{"secret taken away", registered(), SetSecret{"", at}, true, 0, ""},
		{"secret as it is", registered(), SetSecret{"ab12", at}, false, 0, ""},
		{"secret of what is not there", Hospital{}, SetSecret{"cd34", at}, false, domain.NotFound, ""},
		{"webhook", Hospital{Code: "H001"}, SetWebhook{hook, at}, true, 0, ""},
		{"webhook as it is", registered(), SetWebhook{hook, at}, false, 0, ""},
		{"webhook elsewhere", registered(), SetWebhook{Webhook{"http://10.0.0.1:8080/x?a=b", hook.Secret}, at}, true, 0, ""},
		{"webhook with another secret", registered(), SetWebhook{Webhook{hook.URL, []byte("other")}, at}, true, 0, ""},
		{"webhook taken away", registered(), SetWebhook{At: at}, true, 0, ""},
		{"webhook taken away that is not there", Hospital{Code: "H001"}, SetWebhook{At: at}, false, 0, ""},
		{"webhook without a secret", registered(), SetWebhook{Webhook{URL: hook.URL}, at}, false, domain.Invalid, "webhook_secret"},
		{"webhook by mail", registered(), SetWebhook{Webhook{"mailto:a@b", hook.Secret}, at}, false, domain.Invalid, "webhook_url"},
		{"webhook with a space", registered(), SetWebhook{Webhook{"http://a b", hook.Secret}, at}, false, domain.Invalid, "webhook_url"},
		{"webhook of what is not there", Hospital{}, SetWebhook{hook, at}, false, domain.NotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := Decide(c.is, c.command)
			var fault *domain.Fault
			if errors.As(err, &fault) != (c.code != 0) || fault != nil && (fault.Code != c.code || fault.Field != c.field) {
				t.Fatalf("error %v, want %q of %q", err, c.code, c.field)
			}
			if !c.taken {
				if len(events) > 0 {
					t.Errorf("events %v, want none", events)
				}
				return
			}
			if len(events) != 1 || !reflect.DeepEqual(events[0], eventOf(c.command)) {
				t.Fatalf("events %v, want %v", events, eventOf(c.command))
			}
			if read := stored(t, events[0]); !reflect.DeepEqual(read, events[0]) {
				t.Errorf("event %+v is read back as %+v", events[0], read)
			}
			if again, _ := Decide(Evolve(c.is, events[0]), c.command); len(again) > 0 {
				t.Errorf("run again: %v", again)
			}
		})
	}
	if events, err := Decide(registered(), unknown{}); err == nil || events != nil {
		t.Errorf("unknown command: events %v, error %v", events, err)
	}
}

func eventOf(c Command) Event {
	switch c := c.(type) {
	case Register:
		return HospitalRegistered(c)
	case Change:
		if c.Branches != nil && len(*c.Branches) == 0 {
			c.Branches = &[]Branch{}
		}
		return HospitalChanged(c)
	case SetSecret:
		return SecretSet(c)
	case SetWebhook:
		return WebhookSet(c)
	default:
		return nil
	}
}

// stored is the event as the log gives it back.
func stored(t *testing.T, e Event) Event {
	t.Helper()
	name, schema, data, err := Codec.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Codec.Decode(name, schema, data)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestEvolve(t *testing.T) {
	for _, c := range []struct {
		name  string
		is    Hospital
		event Event
		want  func(*Hospital) // what of the hospital before is changed
	}{
		{"registered", Hospital{}, HospitalRegistered{"H001", "第一医院", at}, func(h *Hospital) { *h = Hospital{Code: "H001", Name: "第一医院", ItemTag: "item", At: at} }},
		{"nothing", registered(), HospitalChanged{At: at.Add(1)}, func(*Hospital) {}},
		{"name", registered(), HospitalChanged{Name: ptr("n")}, func(h *Hospital) { h.Name = "n" }},
		{"tag", registered(), HospitalChanged{ItemTag: ptr("orderRecord")}, func(h *Hospital) { h.ItemTag = "orderRecord" }},
		{"branches", registered(), HospitalChanged{Branches: &[]Branch{{"B03", "南院"}}}, func(h *Hospital) { h.Branches = []Branch{{"B03", "南院"}} }},
		{"templates", registered(), HospitalChanged{Templates: map[string]string{message.Waiting: "", message.Unpaid: "x", message.Stopped: ""}},
			func(h *Hospital) { h.Templates = map[string]string{message.Unpaid: "x"} }},
		{"first template", Hospital{Code: "H001"}, HospitalChanged{Templates: map[string]string{message.Unpaid: "x"}}, func(h *Hospital) { h.Templates = map[string]string{message.Unpaid: "x"} }},
		{"secret", registered(), SecretSet{"cd34", at}, func(h *Hospital) { h.SecretHash = "cd34" }},
		{"webhook", Hospital{Code: "H001"}, WebhookSet{hook, at}, func(h *Hospital) { h.Webhook = hook }},
		{"no webhook", registered(), WebhookSet{At: at}, func(h *Hospital) { h.Webhook = Webhook{} }},
	} {
		want := c.is
		if c.want(&want); !reflect.DeepEqual(Evolve(c.is, c.event), want) {
			t.Errorf("%s: %+v, want %+v", c.name, Evolve(c.is, c.event), want)
		}
	}
}

func TestBranch(t *testing.T) {
	for _, want := range registered().Branches {
		if b, ok := registered().Branch(want.Code); !ok || b != want {
			t.Errorf("%+v, %v; want %+v", b, ok, want)
		}
	}
	for _, code := range []string{"", "B03", "b01"} {
		if b, ok := registered().Branch(code); ok || b != (Branch{}) {
			t.Errorf("%q: %+v", code, b)
		}
	}
}

func TestSecrets(t *testing.T) {
	// The hash is the SHA-256 of "abc" as FIPS 180 has it.
	if hash := HashSecret("abc"); hash != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("hash %s", hash)
	}
	for secret, want := range map[string]bool{
		strings.Repeat("x", 16): true, strings.Repeat("~", 128): true, "!\"#$%&'()*+,-./<>": true,
		"": false, strings.Repeat("x", 15): false, strings.Repeat("x", 129): false, "sixteen letters!": false,
		strings.Repeat("x", 16) + "\n": false, strings.Repeat("密", 16): false,
	} {
		if got := SecretPattern.MatchString(secret); got != want {
			t.Errorf("%q: %v, want %v", secret, got, want)
		}
	}
}

// TestStatesStayAsTheyAre: none may change when an older one goes another way.
func TestStatesStayAsTheyAre(t *testing.T) {
	text := func(t *rapid.T, h Hospital) string {
		data, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	rapid.Check(t, func(t *rapid.T) {
		states := []Hospital{registered()}
		was := []string{text(t, states[0])}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			event := rapid.SampledFrom(message.Events).Draw(t, "event").Code
			words := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "words")
			h := rapid.SampledFrom(states).Draw(t, "from")
			events, err := Decide(h, rapid.SampledFrom([]Command{
				Change{Templates: map[string]string{event: words}}, Change{Branches: &[]Branch{{"B" + words, "n"}}},
				Change{Name: ptr("n" + words)}, SetSecret{Hash: words},
			}).Draw(t, "command"))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				h = Evolve(h, e)
			}
			states, was = append(states, h), append(was, text(t, h))
		}
		for i, h := range states {
			if is := text(t, h); is != was[i] {
				t.Fatalf("state %d was changed by what came after it:\nwas %s\nis  %s", i, was[i], is)
			}
		}
	})
}
