package redisview_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/test/redistest"
)

// TestAPageBringsItsDocuments: the server adds them to the members, which costs less than to be asked again.
func TestAPageBringsItsDocuments(t *testing.T) {
	server := redistest.Start(t)
	store, client := mustOpen(t, server.URL(), redisview.Options{}), raw(t, server)
	fillOrders(t, store)
	wantCommands(t, client, func() { readPage(t, store, "plain", 0) }, map[string]string{"get": "2", "zcard": "1", "sort_ro": "1"})
	// The server cannot make a document's key of a part of a member.
	wantCommands(t, client, func() { readPage(t, store, "ranked", len("rank-")) }, map[string]string{"get": "2", "zcard": "1", "zrange": "1", "mget": "1"})
}

// TestUsersWithoutTheRight: who may read its own keys alone, or not sort at all, may not have the server add documents.
// That is found out once.
func TestUsersWithoutTheRight(t *testing.T) {
	for name, rules := range map[string][]any{"its own keys": {"~{orderd:*", "+@all"}, "no sort": {"allkeys", "+@all", "-sort_ro"}} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			client := raw(t, server)
			if err := client.Do(t.Context(), append([]any{"ACL", "SETUSER", "orders", "on", ">secret"}, rules...)...).Err(); err != nil {
				t.Fatal(err)
			}
			store := mustOpen(t, strings.Replace(server.URL(), "redis://", "redis://orders:secret@", 1), redisview.Options{})
			fillOrders(t, store)
			readPage(t, store, "plain", 0)
			wantCommands(t, client, func() { readPage(t, store, "plain", 0) }, map[string]string{"get": "2", "zcard": "1", "zrange": "1", "mget": "1"})
		})
	}
}

// TestAFullServerIsRead: a server that takes no more writes gives pages with their documents all the same.
func TestAFullServerIsRead(t *testing.T) {
	server := redistest.Start(t)
	store, client := mustOpen(t, server.URL(), redisview.Options{}), raw(t, server)
	fillOrders(t, store)
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	wantCommands(t, client, func() { readPage(t, store, "plain", 0) }, map[string]string{"get": "2", "zcard": "1", "sort_ro": "1"})
}

// TestAReaderWhoIsGone asks nothing: the answer might be there before it is seen that nobody wants it.
func TestAReaderWhoIsGone(t *testing.T) {
	server := redistest.Start(t)
	store, client := mustOpen(t, server.URL(), redisview.Options{}), raw(t, server)
	fillOrders(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCommands(t, client, func() {
		if _, err := store.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
		if _, err := store.Get(t.Context(), "a"); err != nil { // it would come after the other
			t.Error(err)
		}
	}, map[string]string{"mget": "1"})
}

// TestAReaderGoes: who has waited long enough goes, although what it asked is on its way with what others asked.
func TestAReaderGoes(t *testing.T) {
	server := redistest.Start(t)
	store, client := mustOpen(t, server.URL(), redisview.Options{}), raw(t, server)
	fillOrders(t, store)
	if err := client.Do(t.Context(), "CLIENT", "PAUSE", "1000", "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	var patient sync.WaitGroup
	patient.Go(func() { readPage(t, store, "plain", 0) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := store.Get(ctx, "order-1")
	if took := time.Since(began); !errors.Is(err, projections.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || took > 500*time.Millisecond {
		t.Errorf("after %s: %v", took, err)
	}
	patient.Wait()
}

// TestReadersAtTheSameTime each get their own answer.
func TestReadersAtTheSameTime(t *testing.T) {
	store := mustOpen(t, redistest.Start(t).URL(), redisview.Options{})
	fillOrders(t, store)
	var readers sync.WaitGroup
	for n := range 500 {
		readers.Go(func() {
			if n%5 == 0 {
				readPage(t, store, "plain", 0)
				return
			}
			docs, err := store.Get(t.Context(), fmt.Sprint("order-", n%10))
			if want := fmt.Sprint("order ", n%10); err != nil || string(docs.Values[0]) != want || docs.At != position(1) {
				t.Errorf("%q at %s, %v; want %q", docs.Values, docs.At, err, want)
			}
		})
	}
	readers.Wait()
}

func fillOrders(t *testing.T, store *redisview.Store) {
	t.Helper()
	var ops []projections.Op
	for n := range 10 {
		ops = append(ops, put(fmt.Sprint("order-", n), fmt.Sprint("order ", n)), list("plain", fmt.Sprint(n)), list("ranked", fmt.Sprint("rank-", n)))
	}
	commit(t, store, 0, 1, ops...)
}

// readPage reads two orders of ten.
func readPage(t *testing.T, store *redisview.Store, index string, skip int) {
	t.Helper()
	page, err := store.Page(t.Context(), index, projections.Cut{Offset: 1, Limit: 2, NewestFirst: true, Documents: projections.Documents{Of: "order-", Skip: skip}})
	if err != nil || fmt.Sprintf("%q", page.Values) != `["order 8" "order 7"]` || page.Members[0][skip:] != "8" || page.Total != 10 || page.At != position(1) {
		t.Errorf("page: %+v, %v", page, err)
	}
}

// wantCommands fails unless the server does just these commands, so many of each.
func wantCommands(t *testing.T, client *redis.Client, do func(), want map[string]string) {
	t.Helper()
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	do()
	stats, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	did := map[string]string{}
	for line := range strings.Lines(stats) {
		if name, figures, ok := strings.Cut(line, ":calls="); ok && !strings.HasPrefix(name, "cmdstat_config") {
			did[strings.TrimPrefix(name, "cmdstat_")], _, _ = strings.Cut(figures, ",")
		}
	}
	if !maps.Equal(did, want) {
		t.Errorf("the server did %v, want %v", did, want)
	}
}
