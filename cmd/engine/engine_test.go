package engine

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderengine/eventstore"
)

// silent is a log that takes a question and never answers.
type silent struct{ logStore }

func (silent) Head(ctx context.Context) (eventstore.Position, error) {
	<-ctx.Done()
	return eventstore.Position{}, ctx.Err()
}

// TestASilentLogHoldsNoScrape: what else the metrics tell is wanted most while the log is away.
func TestASilentLogHoldsNoScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, metrics := &Engine{store: silent{}}, prometheus.NewRegistry()
		e.observe(metrics)
		began := time.Now()
		families, err := metrics.Gather()
		if took := time.Since(began); err != nil || len(families) != 1 || took > 2*time.Second {
			t.Errorf("%d metrics after %s, %v", len(families), took, err)
		}
	})
}

// TestALogThatIsServedNoLongerIsTold has the listener of esdb-listen fail: orders go on, the person on call hears of it.
func TestALogThatIsServedNoLongerIsTold(t *testing.T) {
	c, logs := Defaults, new(bytes.Buffer)
	c.Addr, c.Data, c.ESDB = "127.0.0.1:0", t.TempDir(), ESDBConfig{Listen: "127.0.0.1:0", Insecure: true}
	e, err := Open(c, slog.New(slog.NewTextHandler(logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, io.Discard) }()
	ready := func(want string) {
		t.Helper()
		status, body := 0, ""
		for end := time.Now().Add(20 * time.Second); status != http.StatusOK || !strings.Contains(body, want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("readiness is %d %s, want %s", status, body, want)
			}
			status, body = get(t, "http://"+e.Addr()+"/readyz?verbose")
		}
	}
	ready("[+] esdb-listen: at " + e.LogAddr())
	if err := e.logListen.Close(); err != nil {
		t.Fatal(err)
	}
	ready("[-] esdb-listen: at " + e.LogAddr())
	stop()
	if err := <-ended; err == nil {
		t.Error("the server ends as if nothing had happened")
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(logs.String(), "the log is served no longer"); n != 1 {
		t.Errorf("told %d times: %s", n, logs)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
