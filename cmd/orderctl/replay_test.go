package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func envelope(n int) string { return fmt.Sprintf(`{"specversion":"1.0","position":"%d"}`, n) }

// lined are envelopes, one a line.
func lined(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		b.WriteString(envelope(n) + "\n")
	}
	return b.String()
}

// sse are envelopes as Server-Sent Events.
func sse(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintf(&b, "id: %d\ndata: %s\n\n", n, envelope(n))
	}
	return b.String()
}

// cut is a reply that breaks off.
func cut(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text) // the client may have gone
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// scripted answers one request after the other, and keeps what was asked.
type scripted struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func script(t *testing.T, answers ...func(w http.ResponseWriter)) *scripted {
	t.Helper()
	s := &scripted{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.asked)
		s.asked = append(s.asked, r.URL.Query().Get("after")+" "+r.Header.Get("Accept")+r.Header.Get("Authorization"))
		s.mu.Unlock()
		if n >= len(answers) {
			t.Errorf("request %d: %s", n+1, r.URL)
			return
		}
		answers[n](w)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, "\n")
}

// replays runs the command and gives its two outputs.
func replays(ctx context.Context, s *scripted, args ...string) (stdout, stderr string, err error) {
	var out, told bytes.Buffer
	cmd := root()
	cmd.SetArgs(append([]string{"replay", "--server", s.URL, "--audit-token", "x"}, args...))
	cmd.SetOut(&out)
	cmd.SetErr(&told)
	err = cmd.ExecuteContext(ctx)
	return out.String(), told.String(), err
}

// TestReplayFollowComesBack has a server that goes away in every way, until it refuses.
func TestReplayFollowComesBack(t *testing.T) {
	t.Parallel()
	const live = " text/event-streamToken x"
	s := script(t,
		func(w http.ResponseWriter) { cut(w, ":\n\n"+sse(4, 6)+"id: 7\ndata: "+envelope(7)[:20]) },
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(w http.ResponseWriter) { cut(w, sse(7, 8)+"id: 9\n") },
		func(w http.ResponseWriter) { fmt.Fprint(w, ":\n\n"+sse(9, 9)) }, // the server stops in good order
		func(w http.ResponseWriter) { http.Error(w, `{"after":["no position"]}`, http.StatusBadRequest) },
	)
	stdout, stderr, err := replays(t.Context(), s, "--follow", "--after", "3")
	if stdout != lined(4, 9) {
		t.Errorf("written:\n%s", stdout)
	}
	if refused := (*refusedError)(nil); !errors.As(err, &refused) || refused.status != http.StatusBadRequest {
		t.Errorf("error %v", err)
	}
	if want := strings.Join([]string{"3" + live, "6" + live, "6" + live, "8" + live, "9" + live}, "\n"); s.requests() != want {
		t.Errorf("asked\n%s\nwant\n%s", s.requests(), want)
	}
	if strings.Count(stderr, "the server is away") != 4 || strings.Count(stderr, "coming back after position 6 in ") != 2 ||
		!strings.Contains(stderr, "503") || !strings.HasSuffix(stderr, "6 events\n") || strings.Contains(stderr, "\r") {
		t.Errorf("told:\n%s", stderr)
	}
}

// TestReplayFollowInterrupted ends well: what was written is whole.
func TestReplayFollowInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	s := script(t, func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, sse(1, 2))
		_ = http.NewResponseController(w).Flush()
		interrupt()
		<-ctx.Done()
	})
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if _, stderr, err := replays(ctx, s, "--follow", "--output", file); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(lined(1, 2), string(text)) {
		t.Errorf("%v: %s", err, text)
	}
}

// TestReplayGoesOnWithItsFile after it broke off in the middle of a line.
func TestReplayGoesOnWithItsFile(t *testing.T) {
	t.Parallel()
	const once = " Token x"
	s := script(t,
		func(w http.ResponseWriter) { cut(w, lined(1, 3)+envelope(4)[:25]) },
		func(w http.ResponseWriter) { fmt.Fprint(w, lined(4, 5)) },
		func(http.ResponseWriter) {},
	)
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if _, stderr, err := replays(t.Context(), s, "--output", file); err == nil || !strings.Contains(err.Error(), "run it again") || !strings.HasSuffix(stderr, "3 events\n") {
		t.Errorf("%v: %s", err, stderr)
	}
	for range 2 {
		if _, _, err := replays(t.Context(), s, "--output", file); err != nil {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != lined(1, 5) {
		t.Errorf("%v:\n%s", err, text)
	}
	if want := strings.Join([]string{"0" + once, "3" + once, "5" + once}, "\n"); s.requests() != want {
		t.Errorf("asked\n%s\nwant\n%s", s.requests(), want)
	}
}

// TestReplayFails where it cannot go on, following or not, at once and with a reason.
func TestReplayFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		args   []string
		says   string
	}{
		{"refused", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, nil, "401"},
		{"refused to follow", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, []string{"--follow"}, "403"},
		{"ended early", func(w http.ResponseWriter) { cut(w, "") }, nil, "unexpected EOF"},
		{"no server", nil, []string{"--follow", "--server", "127.0.0.1:1"}, "cannot ask the server: --server"},
		{"no host", nil, []string{"--follow", "--server", "http://"}, "is not http(s)://host:port"},
		{"no token", nil, []string{"--follow", "--audit-token", ""}, "ORDERCTL_AUDIT_TOKEN"},
		{"no replay", nil, []string{"--output", os.Args[0]}, os.Args[0]},
	} {
		s := script(t)
		if c.answer != nil {
			s = script(t, c.answer)
		}
		if stdout, _, err := replays(t.Context(), s, c.args...); err == nil || !strings.Contains(err.Error(), c.says) || stdout != "" {
			t.Errorf("%s: %v, want %q; wrote %q", c.name, err, c.says, stdout)
		}
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestReplayEndsWhenNothingCanBeWritten, since coming back would not help.
func TestReplayEndsWhenNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s := script(t, func(w http.ResponseWriter) { fmt.Fprint(w, sse(1, 3)) })
	cmd := root()
	cmd.SetArgs([]string{"replay", "--follow", "--server", s.URL, "--audit-token", "x"})
	cmd.SetOut(full{})
	cmd.SetErr(io.Discard)
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

// TestAReplyThatSaysNothingIsLeft: a machine that is gone sends no end.
func TestAReplyThatSaysNothingIsLeft(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	defer write.Close()
	w := watch(read, 50*time.Millisecond)
	defer w.stop()
	go func() { _, _ = write.Write([]byte("x")) }()
	if n, err := w.Read(make([]byte, 9)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := w.Read(make([]byte, 9)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

func TestProgressIsPlainWithoutATerminal(t *testing.T) {
	t.Parallel()
	var told bytes.Buffer
	p := newProgress(&told)
	p.add()
	p.told = p.told.Add(-10 * time.Second)
	p.add()
	p.add()
	p.say("coming back")
	p.finish()
	if want := "replay: 2 events, 0 a second\nreplay: coming back\n3 events\n"; told.String() != want {
		t.Errorf("told %q, want %q", told.String(), want)
	}
}
