package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"

	"orderengine/cmd/engine"
)

const embeddedViews, redisViews = "embedded", "redis"

// TestMain lets the collector work as in the server, for the ceilings too.
func TestMain(m *testing.M) {
	engine.TuneMemory()
	os.Exit(m.Run())
}

// server is the product, whole, on a free port.
type server struct {
	base   string
	client *http.Client
	stop   func(*testing.B)

	mu   sync.Mutex
	took []time.Duration
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
}

// startServer is a server that ends with the benchmark.
func startServer(b *testing.B, views string) *server {
	b.Helper()
	s := openServer(b, b.TempDir(), views)
	b.Cleanup(func() { s.stop(b) })
	return s
}

// openServer is a server on a folder; the caller stops it.
func openServer(b *testing.B, dir, views string) *server {
	b.Helper()
	config := engine.Defaults
	config.Addr, config.Data, config.Views, config.AdminToken, config.AuditToken = "127.0.0.1:0", dir, views, "admin", "audit"
	e, err := engine.Open(config, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, io.Discard) }()
	stop := func(b *testing.B) {
		cancel()
		if err := errors.Join(<-ended, e.Close()); err != nil {
			b.Error(err)
		}
	}
	return &server{base: "http://" + e.Addr(), client: newClient(), stop: stop}
}

// awaitReady returns when the views have caught up with the log.
func (s *server) awaitReady(b *testing.B) {
	for {
		response, err := s.client.Get(s.base + "/readyz")
		if err != nil {
			b.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(time.Millisecond) // a poll: how long it takes is what is measured
	}
}

// person is a user with a token.
type person struct{ name, token string }

type people struct{ patients, doctors []person }

func (s *server) makePeople(b *testing.B, patients, doctors int) people {
	b.Helper()
	var p people
	for i := range patients {
		who := person{fmt.Sprintf("p%d", i), fmt.Sprintf("%040x", i)}
		s.must(b, "admin", http.MethodPost, "/admin/users/", "password=x&username="+who.name+"&token="+who.token, http.StatusCreated)
		s.must(b, "admin", http.MethodPost, "/admin/users/"+who.name+"/topup/", "amount=1000000000.00", http.StatusOK)
		p.patients = append(p.patients, who)
	}
	for i := range doctors {
		who := person{fmt.Sprintf("d%d", i), fmt.Sprintf("d%039x", i)}
		s.must(b, "admin", http.MethodPost, "/admin/users/", "password=x&price_online=15.00&username="+who.name+"&token="+who.token, http.StatusCreated)
		p.doctors = append(p.doctors, who)
	}
	return p
}

// live takes one order through its whole life.
func (s *server) live(b *testing.B, p people, caller int) {
	patient, doctor := p.patients[caller%len(p.patients)], p.doctors[caller%len(p.doctors)]
	number, question := "", ""
	took := make([]time.Duration, 0, len(lifecycle))
	for i, step := range lifecycle {
		who := patient
		if step.doctor {
			who = doctor
		}
		began := time.Now()
		body := s.must(b, who.token, step.method, fill(step.path, doctor.name, number, question), fill(step.body, doctor.name, number, question), step.status)
		took = append(took, time.Since(began))
		switch i {
		case 0:
			number = between(body, `"order_number":"`, `"`)
		case 2:
			question = between(body, `"pk":`, `,`)
		}
	}
	s.mu.Lock()
	s.took = append(s.took, took...)
	s.mu.Unlock()
}

// fill puts the names into the first of the braces, of which there is at most one.
func fill(text, doctor, number, question string) string {
	left, rest, ok := strings.Cut(text, "{")
	if !ok {
		return text
	}
	name, right, _ := strings.Cut(rest, "}")
	switch name {
	case "doctor":
		return left + doctor + right
	case "number":
		return left + number + right
	default:
		return left + question + right
	}
}

// drive warms the server up.
func (s *server) drive(b *testing.B, p people, callers, orders int) {
	measure(callers, orders, func(caller, n int) {
		for range n {
			s.live(b, p, caller)
		}
	})
	s.median()
}

// median is the middle of the request times since it was last asked, in microseconds.
func (s *server) median() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.took)
	m := s.took[len(s.took)/2]
	s.took = nil
	return float64(m.Nanoseconds()) / 1000
}

func between(body []byte, left, right string) string {
	_, rest, _ := bytes.Cut(body, []byte(left))
	found, _, _ := bytes.Cut(rest, []byte(right))
	return string(found)
}

func (s *server) must(b *testing.B, token, method, path, body string, status int) []byte {
	request, err := http.NewRequest(method, s.base+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+token)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	if response.StatusCode != status {
		b.Fatalf("%s %s: %d %s", method, path, response.StatusCode, got)
	}
	return got
}

// startCeiling is G with a Redis and S without one.
func startCeiling(b *testing.B, redis string, size int) (s *server, unit string) {
	if redis != "" {
		return startGet(b, redis, size), "G"
	}
	return startStatic(b, size), "S"
}

// startStatic is S: echo sending a static body.
func startStatic(b *testing.B, size int) *server {
	body := bytes.Repeat([]byte("x"), size)
	return startEcho(b, func(c echo.Context) error { return c.Blob(http.StatusOK, "application/json", body) })
}

// startGet is G: echo sending what one GET of Redis gave.
func startGet(b *testing.B, url string, size int) *server {
	options, err := redis.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	client := redis.NewClient(options)
	b.Cleanup(func() { client.Close() })
	if err := client.Set(context.Background(), "body", strings.Repeat("x", size), 0).Err(); err != nil {
		b.Fatal(err)
	}
	return startEcho(b, func(c echo.Context) error {
		body, err := client.Get(c.Request().Context(), "body").Bytes()
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "application/json", body)
	})
}

func startEcho(b *testing.B, handler echo.HandlerFunc) *server {
	b.Helper()
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Any("/static", handler)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	e.Listener = listener
	go e.Start("") //nolint:errcheck // ends with the benchmark
	b.Cleanup(func() { e.Close() })
	return &server{base: "http://" + listener.Addr().String(), client: newClient()}
}

// requests sends n requests of the lifecycle's size to an echo of startEcho.
func (s *server) requests(b *testing.B, n int) {
	for i := range n {
		step := lifecycle[i%len(lifecycle)]
		s.must(b, strings.Repeat("0", 40), step.method, "/static", step.body, http.StatusOK)
	}
}
