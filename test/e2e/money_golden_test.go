package e2e

import (
	"crypto/rsa"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderengine/gateways/pingpp"
)

var succeedForm = regexp.MustCompile(`"time_succeed":[0-9]{10}\b`)

// settledAt is an exchange without the time of a refund's end, which golden files of other things do not have.
func settledAt(x exchange) exchange {
	x.reply.Body = succeedForm.ReplaceAllString(x.reply.Body, `"time_succeed":1000000000`)
	return x
}

// TestGoldenRefunds pays, gives back, fails, retries and gives up in the sandbox.
func TestGoldenRefunds(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		nobody, p, boss := caller{server.As(""), "nobody"}, caller{server.As(patient1), "patient1"}, caller{server.As(admin), "admin"}
		const fifteen = "12257268238541425696240003"
		detail := path("detail", fifteen) + "?expand=charge"
		var made struct{ Charge struct{ ID string } }
		alipay := p.do("PATCH", path("pay", fifteen), form("channel=alipay"))
		alipay.reply.Into(t, &made)
		first := made.Charge.ID
		p.Send("PATCH", path("pay", fifteen), form("channel=wx")).Want(t, http.StatusOK).Into(t, &made)
		g.check("money/detail-charges-unpaid", p.get(detail))
		nobody.Send("POST", "/sandbox/pay/"+first+"/").Want(t, http.StatusOK)
		g.check("money/detail-charges-paid", p.get(detail))
		p.Send("PUT", path("refund", fifteen)).Want(t, http.StatusOK)
		taken := func(no string) {
			t.Helper()
			server.Eventually(no+" taken by the platform", func() bool {
				body := p.Get(detail).Body
				i := strings.Index(body, `"order_no":"`+no+`"`)
				return i > 0 && !strings.HasSuffix(body[:i], `"id":"","object":"refund",`)
			})
		}
		taken(fifteen + "R1")
		g.check("money/sandbox-refund-fail", nobody.do("POST", "/sandbox/refund/"+fifteen+"R1/fail/"), nobody.do("POST", "/sandbox/refund/"+fifteen+"R1/fail/"))
		g.check("money/parked-failed", boss.get("/admin/parked/"), nobody.get("/admin/parked/"), p.get("/admin/parked/"))
		g.check("money/parked-retry", boss.do("POST", "/admin/parked/"+fifteen+"R1/retry/"), boss.do("POST", "/admin/parked/"+fifteen+"R1/retry/"))
		taken(fifteen + "R2")
		g.check("money/sandbox-refund-succeed", settledAt(nobody.do("POST", "/sandbox/refund/"+fifteen+"R2/succeed/")), settledAt(p.get(detail)))
		g.check("money/sandbox-refund-unknown", nobody.do("POST", "/sandbox/refund/"+fifteen+"R9/fail/"), nobody.do("POST", "/sandbox/refund/x/succeed/"), nobody.get("/sandbox/refund/x/succeed/"))

		// The wx charge is paid too, which nobody waits for any more.
		nobody.Send("POST", "/sandbox/pay/"+made.Charge.ID+"/").Want(t, http.StatusOK)
		taken(fifteen + "R3")
		nobody.Send("POST", "/sandbox/refund/"+fifteen+"R3/fail/").Want(t, http.StatusOK)
		g.check("money/detail-charges-surplus", settledAt(p.get(detail)))
		g.check("money/parked-given-up", boss.do("POST", "/admin/parked/"+fifteen+"R3/give-up/", form("why=paid in cash")), boss.get("/admin/parked/"))
	})
}

// TestGoldenNotices has every way to answer the platform's webhook.
func TestGoldenNotices(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server, g := s.demo(t), newGolden(t, s)
		key, err := pingpp.LoadPrivateKey(filepath.Join(server.Data, "keys", "sandbox.pem"))
		if err != nil {
			t.Fatal(err)
		}
		const fifteen = "12257268238541425696240003"
		charge := `{"id":"evt_1","object":"event","livemode":false,"type":"charge.succeeded","data":{"object":{"id":"ch_1","object":"charge","order_no":"` + fifteen + `","channel":"wx","paid":true,"amount":1500}}}`
		for name, body := range map[string]string{
			"taken":          charge,
			"ignored":        `{"id":"evt_2","object":"event","type":"summary.daily.available","data":{"object":{}}}`,
			"no-event":       `[]`,
			"unpaid-charge":  strings.Replace(charge, `"paid":true`, `"paid":false`, 1),
			"unknown-order":  strings.Replace(charge, fifteen, "12257268238541425696249999", 1),
			"odd-order":      strings.Replace(charge, fifteen, "x", 1),
			"no-refund":      `{"id":"evt_3","type":"refund.succeeded","data":{"object":{"object":"charge"}}}`,
			"unknown-refund": `{"id":"evt_4","type":"refund.succeeded","data":{"object":{"id":"re_1","object":"refund","status":"succeeded","order_no":"` + fifteen + `R7"}}}`,
			"foreign-refund": `{"id":"evt_5","type":"refund.succeeded","data":{"object":{"id":"re_1","object":"refund","status":"succeeded","order_no":"1"}}}`,
		} {
			platform := caller{server.As("").With(pingpp.WebhookSignature, signature(t, key, body)), "the platform"}
			send := func() exchange { return platform.do("POST", "/qaorder/pay/notify/", jsonBody(body)) }
			g.check("money/notice-"+name, send(), send()) // the same again is answered the same
		}
		nobody := caller{server.As(""), "nobody"}
		g.check("money/notice-unsigned", nobody.do("POST", "/qaorder/pay/notify/", jsonBody(charge)), nobody.do("POST", "/qaorder/pay/notify/"), nobody.get("/qaorder/pay/notify/"))
		var shown []string
		for line := range strings.Lines(server.Metrics()) {
			if strings.HasPrefix(line, "orderd_notices_total") {
				shown = append(shown, strings.TrimSpace(line))
			}
		}
		want := `orderd_notices_total{outcome="forged"} 2,orderd_notices_total{outcome="ignored"} 2,orderd_notices_total{outcome="malformed"} 2,` +
			`orderd_notices_total{outcome="refused"} 12,orderd_notices_total{outcome="taken"} 2`
		if got := strings.Join(shown, ","); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
	})
}

func signature(t *testing.T, key *rsa.PrivateKey, body string) string {
	t.Helper()
	text, err := pingpp.Sign(key, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
