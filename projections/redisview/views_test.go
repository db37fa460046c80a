package redisview_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"orderengine/eventstore"
	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/projections/viewtest"
	"orderengine/test/redistest"
)

func TestMain(m *testing.M) {
	// After many failed dials go-redis probes the server once a second, and ends that only at the next probe.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

var _ viewtest.Dumper = (*redisview.Store)(nil)

func TestViews(t *testing.T) { runSuite(t, redistest.Start(t).URL(), false) }

// runSuite runs the suite of all view stores on a server or a cluster.
func runSuite(t *testing.T, serverURL string, parted bool) {
	t.Helper()
	sets := 0
	viewtest.Run(t, func(t *testing.T) viewtest.Harness {
		sets++
		opts := redisview.Options{Namespace: fmt.Sprint("set-", sets)}
		store := mustOpen(t, serverURL, opts)
		return viewtest.Harness{Views: store, Parted: parted, Reopen: func(t *testing.T) projections.Views {
			if err := store.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			store = mustOpen(t, serverURL, opts)
			return store
		}}
	})
}

func mustOpen(t testing.TB, url string, opts redisview.Options) *redisview.Store {
	t.Helper()
	store, err := redisview.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store
}

func raw(t testing.TB, server *redistest.Server) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}

func position(n uint64) eventstore.Position { return eventstore.Position{Commit: n, Prepare: n} }

func put(key, value string) projections.Op {
	return projections.Op{Kind: projections.Put, Key: key, Value: []byte(value)}
}

func list(index, member string) projections.Op {
	return projections.Op{Kind: projections.List, Key: index, Member: member}
}

func commit(t testing.TB, store *redisview.Store, from, to uint64, ops ...projections.Op) {
	t.Helper()
	b := projections.Batch{From: position(from), To: position(to), Ops: ops}
	if err := store.Commit(t.Context(), b); err != nil {
		t.Fatalf("commit to %d: %v", to, err)
	}
}

// calls is every call of a store, each once.
func calls(ctx context.Context, store *redisview.Store) map[string]error {
	_, get := store.Get(ctx, "a")
	_, page := store.Page(ctx, "i", projections.Cut{Limit: 1})
	_, checkpoint := store.Checkpoint(ctx)
	return map[string]error{
		"Get": get, "Page": page, "Checkpoint": checkpoint, "Wipe": store.Wipe(ctx),
		"Commit": store.Commit(ctx, projections.Batch{To: position(1), Ops: []projections.Op{put("a", "1")}}),
	}
}

// eventually polls until the server is noticed to be back.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

func TestStoppedServerIsUnavailableAndComesBack(t *testing.T) {
	server := redistest.Start(t)
	store := mustOpen(t, server.URL(), redisview.Options{})
	commit(t, store, 0, 1, put("a", "1"), list("i", "a"))

	for _, empty := range []bool{false, true} {
		server.Stop()
		for range 10 { // long enough for the pool to stop dialling on demand
			begin := time.Now()
			for call, err := range calls(t.Context(), store) {
				if !errors.Is(err, projections.ErrUnavailable) {
					t.Errorf("%s without a server: %v, want %v", call, err, projections.ErrUnavailable)
				}
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("five calls without a server took %s", took)
			}
		}
		server.Restart(empty)
		eventually(t, "the store works again", func() bool {
			_, err := store.Checkpoint(t.Context())
			return err == nil
		})
		wantAt, wantTotal := position(1), 1
		if empty {
			wantAt, wantTotal = eventstore.Position{}, 0
		}
		docs, err := store.Get(t.Context(), "a")
		if err != nil || docs.At != wantAt || (docs.Values[0] == nil) != empty {
			t.Errorf("after a restart (empty: %t): %q at %s, %v", empty, docs.Values, docs.At, err)
		}
		page, err := store.Page(t.Context(), "i", projections.Cut{Limit: 1, NewestFirst: true})
		if err != nil || page.At != wantAt || page.Total != wantTotal {
			t.Errorf("after a restart (empty: %t): %+v, %v", empty, page, err)
		}
	}
	commit(t, store, 0, 5, put("a", "rebuilt"))
}

func TestOpenWithoutAServer(t *testing.T) {
	server := redistest.Start(t)
	server.Stop()
	store := mustOpen(t, server.URL(), redisview.Options{})
	if _, err := store.Checkpoint(t.Context()); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("checkpoint without a server: %v, want %v", err, projections.ErrUnavailable)
	}
	server.Restart(false)
	eventually(t, "the first commit succeeds", func() bool {
		return store.Commit(t.Context(), projections.Batch{To: position(1)}) == nil
	})
}

func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	store := mustOpen(t, "redis://"+listener.Addr().String()+"?read_timeout=300ms", redisview.Options{})

	begin := time.Now()
	if _, err := store.Get(t.Context(), "a"); !errors.Is(err, projections.ErrUnavailable) {
		t.Errorf("get from a silent server: %v, want %v", err, projections.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = store.Get(ctx, "a")
	if !errors.Is(err, projections.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get with a deadline: %v, want %v and %v", err, projections.ErrUnavailable, context.DeadlineExceeded)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("a time-out of 300 ms and a deadline of 50 ms took %s", took)
	}
}

func TestFlushedServerIsAtZero(t *testing.T) {
	server := redistest.Start(t)
	store, client := mustOpen(t, server.URL(), redisview.Options{}), raw(t, server)
	commit(t, store, 0, 1, put("a", "1"))
	for _, drop := range []string{"FLUSHALL", "SCRIPT FLUSH"} {
		args := []any{}
		for _, word := range strings.Fields(drop) {
			args = append(args, word)
		}
		if err := client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := store.Get(t.Context(), "a")
	if err != nil || docs.At != (eventstore.Position{}) || docs.Values[0] != nil {
		t.Errorf("a flushed server answers %q at %s, %v", docs.Values, docs.At, err)
	}
	err = store.Commit(t.Context(), projections.Batch{From: position(1), To: position(2)})
	if !errors.Is(err, projections.ErrStale) {
		t.Errorf("commit after a flush: %v, want %v", err, projections.ErrStale)
	}
	commit(t, store, 0, 2, put("a", "2"))
}

func TestWipeLeavesForeignKeys(t *testing.T) {
	server := redistest.Start(t)
	client := raw(t, server)
	mine := mustOpen(t, server.URL(), redisview.Options{Namespace: "mine"})
	next := mustOpen(t, server.URL(), redisview.Options{Namespace: "mine", Version: 2})
	foreign := []string{"foreign", "{mine}:d:a", "mine:v1:d:a", "{mine:v1}", "{mine:v10}:d:a"}
	for _, key := range foreign {
		if err := client.Set(t.Context(), key, "kept", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var ops []projections.Op
	for i := range 3000 {
		ops = append(ops, put(fmt.Sprint("doc", i), "1"), list(fmt.Sprint("index", i), "a"))
	}
	commit(t, mine, 0, 1, ops...)
	commit(t, next, 0, 7, put("a", "next"))

	if err := mine.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := client.Keys(t.Context(), "{mine:v1}:*").Result(); err != nil || len(left) != 0 {
		t.Errorf("%d keys are left after a wipe, %v", len(left), err)
	}
	for _, key := range foreign {
		if value, err := client.Get(t.Context(), key).Result(); value != "kept" {
			t.Errorf("foreign key %s is %q after a wipe, %v", key, value, err)
		}
	}
	if docs, err := next.Get(t.Context(), "a"); err != nil || string(docs.Values[0]) != "next" || docs.At != position(7) {
		t.Errorf("the next version's document is %q at %s after a wipe, %v", docs.Values, docs.At, err)
	}
}

// TestWipeCutShort leaves the views as a follower does that dies in the middle of a wipe.
func TestWipeCutShort(t *testing.T) {
	server := redistest.Start(t)
	client, store := raw(t, server), mustOpen(t, server.URL(), redisview.Options{})
	commit(t, store, 0, 1, put("a", "1"), list("i", "a"))
	if err := client.Set(t.Context(), "{orderd:v1}:k", "wiping", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, from := range []uint64{0, 1} {
		err := store.Commit(t.Context(), projections.Batch{From: position(from), To: position(2)})
		if !errors.Is(err, projections.ErrStale) {
			t.Errorf("commit from %d during a wipe: %v, want %v", from, err, projections.ErrStale)
		}
	}
	if docs, err := store.Get(t.Context(), "a"); err != nil || docs.At != (eventstore.Position{}) {
		t.Errorf("get during a wipe is at %s, %v", docs.At, err)
	}
	if at, err := store.Checkpoint(t.Context()); err != nil || at != (eventstore.Position{}) {
		t.Errorf("checkpoint during a wipe: %s, %v", at, err)
	}
	if err := store.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := client.DBSize(t.Context()).Result(); err != nil || left != 0 {
		t.Errorf("%d keys are left when the wipe is completed, %v", left, err)
	}
	commit(t, store, 0, 2)
}

// TestWipesSpareARebuild races wipes with a follower that begins to rebuild as soon as one has ended.
func TestWipesSpareARebuild(t *testing.T) {
	server := redistest.Start(t)
	store := mustOpen(t, server.URL(), redisview.Options{})
	var ops []projections.Op
	for i := range 3000 {
		ops = append(ops, put(fmt.Sprint("doc", i), "1"))
	}
	for round := range 5 {
		if err := store.Wipe(t.Context()); err != nil {
			t.Fatal(err)
		}
		commit(t, store, 0, 9, ops...)
		wipes := make(chan error)
		for range 3 {
			go func() { wipes <- store.Wipe(t.Context()) }()
		}
		rebuilt := 0
		for done := 0; done < 3; {
			select {
			case err := <-wipes:
				if err != nil && !errors.Is(err, projections.ErrStale) {
					t.Errorf("wipe: %v", err)
				}
				done++
			default:
				if store.Commit(t.Context(), projections.Batch{To: position(1), Ops: ops}) == nil {
					rebuilt++
				}
			}
		}
		checkAllOrNothing(t, store, len(ops))
		t.Logf("round %d: rebuilt %d times between the wipes", round, rebuilt)
	}
}

func checkAllOrNothing(t *testing.T, store *redisview.Store, documents int) {
	t.Helper()
	keys := make([]string, documents)
	for i := range keys {
		keys[i] = fmt.Sprint("doc", i)
	}
	docs, err := store.Get(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, value := range docs.Values {
		if value != nil {
			found++
		}
	}
	if want := int(docs.At.Commit) * documents; found != want {
		t.Errorf("%d documents at %s, want %d", found, docs.At, want)
	}
}

func TestForeignKeyInTheWay(t *testing.T) {
	server := redistest.Start(t)
	client, store := raw(t, server), mustOpen(t, server.URL(), redisview.Options{})
	if err := client.Set(t.Context(), "{orderd:v1}:i:i", "not an index", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := store.Page(t.Context(), "i", projections.Cut{Limit: 1})
	if err == nil || errors.Is(err, projections.ErrUnavailable) || !strings.Contains(err.Error(), "wipe the views") {
		t.Errorf("page of a key that is no index: %v, want what to do about it", err)
	}
	if err := store.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(t, store, 0, 1, list("i", "a"))
}

func TestMalformedSettings(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "http://h", "unix:///s", "redis://", "redis://:secret/word@h", "redis://:secret@h:port",
		"redis://:secret@h/notanumber", "redis://:secret@h?no_such_option=1", "redis://:secret@h?read_timeout=soon", "redis://:sec\x7fret@h",
		"redis://,", "redis://:secret@h,", "redis://:secret@h1,:1", "redis://:secret@h1:x,h2", "redis://:secret@h1,h2:y", "redis://:secret@h1,h2/3",
	} {
		store, err := redisview.Open(t.Context(), url, redisview.Options{})
		if err == nil {
			store.Close()
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "views URL") {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, opts := range []redisview.Options{{Namespace: "a}b"}, {Namespace: "a*"}, {Namespace: strings.Repeat("a", 65)}, {Version: -1}} {
		if store, err := redisview.Open(t.Context(), "redis://h", opts); err == nil {
			store.Close()
			t.Errorf("%+v is taken", opts)
		}
	}
	for _, url := range []string{"redis://h", "rediss://user:word@h:6380/3?pool_size=4&read_timeout=1s",
		"redis://h1,h2", "rediss://user:word@h1:1,[::1]:2,h3/0?pool_size=4"} {
		mustOpen(t, url, redisview.Options{})
	}
}
