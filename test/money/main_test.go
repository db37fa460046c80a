package money

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/embedded"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

func TestMain(m *testing.M) { orderdtest.Main(m) }

const (
	adminToken = "the-token-of-the-administrators"
	password   = "a-password-of-somebody"
	patients   = 4
)

// shop is a server with its people and its payment platform.
type shop struct {
	t        *testing.T
	server   *orderdtest.Server
	platform *pingpp.Platform
	secrets  []string // that no log may hold
	patients []orderdtest.Client
	doctor   orderdtest.Client
}

// open starts a shop; with process its server can be killed.
func open(t *testing.T, options pingpp.Options, start func(t testing.TB, flags ...string) *orderdtest.Server, flags ...string) *shop {
	t.Helper()
	s := &shop{t: t, platform: pingpp.Start(t, options)}
	private, public := s.platform.KeyFiles(t)
	config := s.platform.Config()
	s.server = start(t, append([]string{"--payment", "pingpp", "--pingpp-url", config.BaseURL, "--pingpp-key", config.APIKey, "--pingpp-app", config.App,
		"--pingpp-private-key", private, "--pingpp-public-key", public, "--admin-token", adminToken, "--retry", "200ms,400ms,800ms", "--log-level", "debug"}, flags...)...)
	s.secrets = []string{config.APIKey, base64.StdEncoding.EncodeToString([]byte(config.APIKey + ":")), adminToken, password, "orderInfo", "prepayId"}
	text, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "-----") {
			s.secrets = append(s.secrets, strings.TrimSpace(line))
		}
	}
	s.hear()
	s.doctor = s.register("doctor", "&price_online=15.00&price_monthly=70.00")
	for i := range patients {
		s.patients = append(s.patients, s.register(fmt.Sprintf("patient%d", i), ""))
	}
	t.Cleanup(s.keepsSecrets)
	return s
}

// hear has the platform send its notices to where the server is now.
func (s *shop) hear() { s.platform.SetWebhook("http://" + s.server.Addr() + "/qaorder/pay/notify/") }

func (s *shop) admin() orderdtest.Client { return s.server.As(adminToken) }

func (s *shop) register(name, fields string) orderdtest.Client {
	s.t.Helper()
	var made struct{ Token string }
	s.admin().Send("POST", "/admin/users/", orderdtest.Form("username="+name+"&password="+password+fields)).Want(s.t, http.StatusCreated).Into(s.t, &made)
	s.secrets = append(s.secrets, made.Token)
	return s.server.As(made.Token)
}

// signed is what a signature in base64 looks like; nothing else in a log is as long without a break.
var signed = regexp.MustCompile(`[A-Za-z0-9+/]{100,}`)

// keepsSecrets looks through all that the server logged.
func (s *shop) keepsSecrets() {
	log := s.server.Log()
	if !strings.Contains(log, `"msg"`) {
		s.t.Error("the server logged nothing")
	}
	for _, secret := range s.secrets {
		if i := strings.Index(log, secret); i >= 0 {
			s.t.Errorf("the log holds the secret %q: %.300s", secret, log[max(0, i-150):])
		}
	}
	if found := signed.FindString(log); found != "" {
		s.t.Errorf("the log holds what may be a signature: %s", found)
	}
}

// metric is the value of a line of /metrics, 0 if there is none.
func (s *shop) metric(name string) int {
	s.t.Helper()
	for line := range strings.Lines(s.server.As("").Get("/metrics").Want(s.t, http.StatusOK).Body) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return int(n)
		}
	}
	return 0
}

// order is what clients see of one.
type order struct {
	Number   string `json:"order_number"`
	Status   int    `json:"status"`
	Question *struct {
		PK int64 `json:"pk"`
	} `json:"question"`
	Charge *charge  `json:"charge"`
	Others []charge `json:"other_charges"`
}

type charge struct {
	ID             string
	Channel        string
	Paid           bool
	Amount         int
	AmountRefunded int `json:"amount_refunded"`
	Refunded       bool
	Refunds        struct {
		Data []struct {
			OrderNo string `json:"order_no"`
			Amount  int
			Status  string
		}
	}
	TimeExpire int64 `json:"time_expire"`
}

// charges are all that the order knows of. The first may be missing: if only the money of a charge has come.
func (o order) charges() []charge {
	if o.Charge == nil {
		return o.Others
	}
	return append([]charge{*o.Charge}, o.Others...)
}

// The documents' statuses.
const (
	unpaid = iota
	paid
	asked
	answered
	finished
	evaluated
	cancelled
)

func path(call, number string) string { return "/qaorder/order/" + call + "/" + number + "/" }

func (s *shop) place(p orderdtest.Client, kind string) order {
	s.t.Helper()
	var o order
	p.Send("POST", "/qaorder/order/create/", orderdtest.Form("doctor=doctor&order_type="+kind)).Want(s.t, http.StatusCreated).Into(s.t, &o)
	return o
}

func (s *shop) show(p orderdtest.Client, number string) order {
	s.t.Helper()
	var o order
	p.Get(path("detail", number)+"?expand=charge").Want(s.t, http.StatusOK).Into(s.t, &o)
	return o
}

func (s *shop) await(p orderdtest.Client, number string, what string, holds func(order) bool) order {
	s.t.Helper()
	var o order
	s.server.Eventually(what+" of order "+number, func() bool { o = s.show(p, number); return holds(o) })
	return o
}

// pay asks for a charge and gives its id.
func (s *shop) pay(p orderdtest.Client, number, channel string) string {
	s.t.Helper()
	var made struct{ Charge struct{ ID string } }
	p.Send("PATCH", path("pay", number), orderdtest.Form("channel="+channel)).Want(s.t, http.StatusOK).Into(s.t, &made)
	return made.Charge.ID
}

// inStatus is a condition for await.
func inStatus(want int) func(order) bool { return func(o order) bool { return o.Status == want } }

// history folds every order from the log of a server that has stopped, and counts each one's events by type.
func (s *shop) history() (orders map[string]qa.Order, kinds map[string]map[string]int) {
	s.t.Helper()
	s.server.Stop()
	return history(s.t, s.server.Data)
}

func history(t *testing.T, data string) (orders map[string]qa.Order, kinds map[string]map[string]int) {
	t.Helper()
	log, err := embedded.Open(filepath.Join(data, "log"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	return folded(t, log)
}

func folded(t *testing.T, log eventstore.Store) (orders map[string]qa.Order, kinds map[string]map[string]int) {
	t.Helper()
	orders, kinds = map[string]qa.Order{}, map[string]map[string]int{}
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range log.Follow(t.Context(), eventstore.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch {
			if kinds[e.Stream] == nil {
				kinds[e.Stream] = map[string]int{}
			}
			kinds[e.Stream][e.Type]++
			if number, ok := strings.CutPrefix(e.Stream, qa.Category+"-"); ok {
				event, err := decider.Decode(qa.Codec.Decode, e)
				if err != nil {
					t.Fatal(err)
				}
				orders[number] = qa.Evolve(orders[number], event)
			}
		}
		if !batch[len(batch)-1].Position.Before(head) {
			break
		}
	}
	return orders, kinds
}

// each runs something for every number at once, so many at a time.
func each(n, atOnce int, do func(i int)) {
	var work sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		work.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	work.Wait()
}

const patience = 10 * time.Minute // of the long runs
