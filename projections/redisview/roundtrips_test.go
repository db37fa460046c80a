package redisview_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"orderengine/projections"
	"orderengine/projections/redisview"
	"orderengine/test/redistest"
)

// TestAReadIsOneCommand: documents are, and so is a page of an index with the documents of its members.
func TestAReadIsOneCommand(t *testing.T) {
	server := redistest.Start(t)
	store, client := mustOpen(t, server.URL(), redisview.Options{}), raw(t, server)
	var ops []projections.Op
	for n := range 10 {
		ops = append(ops, put(fmt.Sprint("order-", n), fmt.Sprint("order ", n)), list("i", fmt.Sprint("rank-", n)))
	}
	commit(t, store, 0, 1, ops...)
	read := func() {
		t.Helper()
		page, err := store.Page(t.Context(), "i", projections.Cut{Offset: 1, Limit: 2, NewestFirst: true,
			Documents: projections.Documents{Of: "order-", Skip: len("rank-")}})
		if err != nil || fmt.Sprintf("%s %q", page.Members, page.Values) != `[rank-8 rank-7] ["order 8" "order 7"]` || page.Total != 10 || page.At != position(1) {
			t.Errorf("page: %+v, %v", page, err)
		}
		if docs, err := store.Get(t.Context(), "order-1", "none", "order-2"); err != nil || fmt.Sprintf("%q", docs.Values) != `["order 1" "" "order 2"]` {
			t.Errorf("documents: %q, %v", docs.Values, err)
		}
	}
	read() // the server learns the script
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	read()
	// A script's own commands are counted too: they give the members, two documents and the checkpoint, and the total.
	want := map[string]string{"mget": "1", "evalsha": "1", "zrevrange": "1", "get": "3", "zcard": "1"}
	if did := commands(t, client); !maps.Equal(did, want) {
		t.Errorf("a page and documents took %v, want %v", did, want)
	}
}

// commands says how often the server did which command since its figures were reset.
func commands(t *testing.T, client *redis.Client) map[string]string {
	t.Helper()
	stats, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	did := map[string]string{}
	for line := range strings.Lines(stats) {
		if name, figures, ok := strings.Cut(line, ":calls="); ok {
			did[strings.TrimPrefix(name, "cmdstat_")], _, _ = strings.Cut(figures, ",")
		}
	}
	delete(did, "config|resetstat") // that which reset them
	delete(did, "config")           // in servers before 7.0
	return did
}
