package httpapi

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/domain/access"
	"orderengine/eventstore"
	"orderengine/eventstore/backup"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/proof"
)

// copying is a log of one file, which is copied when it may be.
type copying struct {
	bytes int64
	may   chan struct{} // nil: at once
}

func (l copying) Checkpoint(ctx context.Context, dir string) (eventstore.Position, error) {
	if l.may != nil {
		select {
		case <-l.may:
		case <-ctx.Done():
			return eventstore.Position{}, ctx.Err()
		}
	}
	file := filepath.Join(dir, "000001.log")
	return eventstore.Position{Commit: 1, Prepare: 1}, errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(file, nil, 0o600), os.Truncate(file, l.bytes))
}

func (copying) CheckpointAt(context.Context, eventstore.Position) ([]byte, proof.Checkpoint, error) {
	return []byte("signed"), proof.Checkpoint{Size: 1, Root: make([]byte, proof.HashSize)}, nil
}

// backingUp serves backups of a log as a server does, and gives its address and where copies stand.
func backingUp(t *testing.T, log copying) (url, copies string, server *http.Server) {
	t.Helper()
	a := bare()
	data := t.TempDir()
	backups, err := backup.New(data, log, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	a.AdminToken, a.Backups = "admin", backups
	a.Looks = decider.New(store, decider.Model[access.Look, access.Record, access.Event]{Category: access.Category,
		Decide: access.Decide, Evolve: access.Evolve, Encode: access.Codec.Encode, Decode: access.Codec.Decode}, decider.Options{})
	server = a.Server()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-served })
	return "http://" + listener.Addr().String() + "/admin/backup/", filepath.Join(data, "backup"), server
}

func askBackup(t *testing.T, method, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token admin")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// askFree asks until no other backup is under way: its copy is gone a moment before it has ended.
func askFree(t *testing.T, url string) (r *http.Response) {
	t.Helper()
	eventually(t, "a backup may be taken", func() bool {
		r = askBackup(t, http.MethodGet, url)
		if r.StatusCode == http.StatusConflict {
			r.Body.Close()
		}
		return r.StatusCode != http.StatusConflict
	})
	return r
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// TestOneBackupAtATime: the second is refused while the first is under way, and its copy is gone when it has ended.
func TestOneBackupAtATime(t *testing.T) {
	t.Parallel()
	may := make(chan struct{})
	url, copies, _ := backingUp(t, copying{bytes: 10, may: may})
	first := make(chan string, 1)
	go func() { first <- body(t, askBackup(t, http.MethodGet, url)) }()
	eventually(t, "the first has begun", func() bool { return exists(copies) })
	second := askBackup(t, http.MethodGet, url)
	if text := body(t, second); second.StatusCode != http.StatusConflict || text != `{"detail":"A backup is under way; ask again when it has ended."}` {
		t.Errorf("%d %s", second.StatusCode, text)
	}
	close(may)
	var names []string
	for in := tar.NewReader(strings.NewReader(<-first)); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if want := []string{"checkpoint", "log/000001.log", "manifest.json"}; !slices.Equal(names, want) {
		t.Errorf("the backup has %q, want %q", names, want)
	}
	eventually(t, "the copy is gone", func() bool { return !exists(copies) })
	third := askFree(t, url)
	if body(t, third); third.StatusCode != http.StatusOK || third.Header.Get("Content-Type") != "application/x-tar" {
		t.Errorf("the next one: %d %s", third.StatusCode, third.Header.Get("Content-Type"))
	}
	if head := askBackup(t, http.MethodHead, url); body(t, head) != "" || head.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", head.StatusCode)
	}
}

// TestACutBackupLeavesNothing: a client that goes, and a server that stops, end the stream, which the client sees to be broken.
func TestACutBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	url, copies, server := backingUp(t, copying{bytes: 256 << 20})
	begun := func() *http.Response {
		r := askFree(t, url)
		if _, err := io.ReadFull(r.Body, make([]byte, 4096)); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", r.StatusCode, err)
		}
		return r
	}
	begun().Body.Close()
	eventually(t, "the copy is gone after its client", func() bool { return !exists(copies) })

	r := begun()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(context.Background()) }()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client sees %v", err)
	}
	r.Body.Close()
	if exists(copies) {
		t.Error("the copy is left after the server")
	}
}

func TestAClustersLogIsBackedUpElsewhere(t *testing.T) {
	t.Parallel()
	a := bare()
	a.AdminToken = "admin"
	c := &call{api: a}
	if _, err := c.adminBackup(); err == nil || !strings.Contains(err.Error(), "cluster's own tools") {
		t.Errorf("%v", err)
	}
}
