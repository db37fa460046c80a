package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"orderengine/projections"
	"orderengine/projections/embeddedview"
	"orderengine/test/e2e/orderdtest"
)

const rebuildPath = "/admin/rebuild/"

type rebuildReply struct {
	Serving  string
	Building *struct {
		Set            string
		Position, Head int64
	}
}

func rebuildOf(t testing.TB, s *orderdtest.Server) (r rebuildReply) {
	t.Helper()
	s.As(admin).Get(rebuildPath).Want(t, http.StatusOK).Into(t, &r)
	return r
}

// rebuild has the views built anew, and waits until a set serves.
func rebuild(t testing.TB, s *orderdtest.Server, set string) {
	t.Helper()
	s.As(admin).Send("POST", rebuildPath).Want(t, http.StatusAccepted)
	awaitSet(t, s, set)
}

func awaitSet(t testing.TB, s *orderdtest.Server, set string) {
	t.Helper()
	s.Eventually(set+" serves", func() bool { r := rebuildOf(t, s); return r.Serving == set && r.Building == nil })
}

// TestRebuildUnderLoad builds the views anew, again and again, while clients place, pay and read: every read is
// answered, and none shows less than before.
func TestRebuildUnderLoad(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		stop := make(chan struct{})
		var work sync.WaitGroup
		for i := range 4 {
			name := fmt.Sprint("buyer", i)
			token := register(t, server, name, "")
			topUp(t, server, name, "100000")
			work.Go(func() {
				p := server.As(token)
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					o := orderOf(t, p.Send("POST", create, form("doctor=doctor1&order_type=online")))
					p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance"))
					if r := p.Get(path("detail", o.OrderNumber)); r.Status != http.StatusOK || orderOf(t, r).Status != paid {
						t.Errorf("%s: %d %s %v", r.Request, r.Status, r.Body, r.Err)
						return
					}
					if r := p.Get("/qaorder/order/patient/list/?status=1"); r.Status != http.StatusOK || listOf(t, r).Count != n {
						t.Errorf("%s: %d %.100s %v, want %d orders", r.Request, r.Status, r.Body, r.Err, n)
						return
					}
				}
			})
		}
		for n := 1; n <= 5 && !t.Failed(); n++ {
			rebuild(t, server, fmt.Sprint("v", projections.Version, ".", n))
		}
		close(stop)
		work.Wait()
		server.As("").Get("/readyz").Want(t, http.StatusOK)
	})
}

// TestRebuildDoesNothingAgain compares what the log tells of money and messages before and after: a rebuild adds
// nothing, though the reactor has looked at the new views.
func TestRebuildDoesNothingAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		refunded := func() string {
			o := placed(t, server, paid)
			server.As(patient1).Send("PUT", path("refund", o.OrderNumber)).Want(t, http.StatusOK)
			server.Eventually("refunded", func() bool {
				rows := historyOf(t, server, o.OrderNumber)
				return rows[len(rows)-1].Type == "RefundSucceeded"
			})
			return o.OrderNumber
		}
		number := refunded()
		placed(t, server, evaluated)
		told := func() (money string) {
			for line := range strings.Lines(server.As(auditToken).Get("/replay/events").Want(t, http.StatusOK).Body) {
				if !strings.Contains(line, "PatientDataRead") {
					money += line
				}
			}
			return money
		}
		before, shown := told(), picture(t, server, number)
		rebuild(t, server, fmt.Sprint("v", projections.Version, ".1"))
		if got := picture(t, server, number); got != shown {
			t.Errorf("rebuilt\n%s\nwas\n%s", got, shown)
		}
		again := refunded() // by the reactor, which has looked at what is due in the new views
		after := told()
		if !strings.HasPrefix(after, before) {
			t.Fatal("the log is another")
		}
		for line := range strings.Lines(strings.TrimPrefix(after, before)) {
			if !strings.Contains(line, again) && !strings.Contains(line, `"stream":"sequence`) {
				t.Errorf("beside the new order: %s", line)
			}
		}
	})
}

// TestRebuildIsKilled kills the server during rebuilds: the old views serve, the rebuild goes on, and at the end
// there is one set and it is right.
func TestRebuildIsKilled(t *testing.T) {
	t.Parallel()
	for _, s := range orderdtest.Setups {
		if s.Servers > 1 {
			continue // what one of them does alone is what this is about
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			server := orderdtest.DemoProcess(t, s.Flags(t)...)
			server.Eventually("the demo is made", func() bool { return server.Welcome() != "" })
			number := placed(t, server, evaluated).OrderNumber
			want := picture(t, server, number)
			for range 5 {
				is := rebuildOf(t, server).Serving
				server.As(admin).Send("POST", rebuildPath).Want(t, http.StatusAccepted)
				server.Kill()
				server.Start()
				if got := picture(t, server, number); got != want {
					t.Fatalf("after the kill\n%s\nwas\n%s", got, want)
				}
				server.Eventually("the new set serves", func() bool { r := rebuildOf(t, server); return r.Building == nil && r.Serving != is })
				if got := picture(t, server, number); got != want {
					t.Fatalf("rebuilt\n%s\nwas\n%s", got, want)
				}
			}
		})
	}
}

// TestRebuildRightsWrongViews has an embedded view that says something else than the log. The sets that served before
// are removed, those of older versions too.
func TestRebuildRightsWrongViews(t *testing.T) {
	t.Parallel()
	server := orderdtest.Demo(t)
	number := placed(t, server, paid).OrderNumber
	want := picture(t, server, number)
	server.Stop()
	folder := filepath.Join(server.Data, "views")
	first := fmt.Sprint("v", projections.Version)
	damage(t, filepath.Join(folder, first), "qaorder-"+number)
	if err := os.MkdirAll(filepath.Join(folder, "v1"), 0o700); err != nil {
		t.Fatal(err)
	}
	server.Start()
	if got := picture(t, server, number); got == want {
		t.Fatal("the damage is not seen")
	}
	rebuild(t, server, first+".1")
	if got := picture(t, server, number); got != want {
		t.Errorf("rebuilt\n%s\nwant\n%s", got, want)
	}
	server.Eventually("one set is left", func() bool {
		entries, err := os.ReadDir(folder)
		return err == nil && len(entries) == 2 && entries[0].Name() == first+".1" && entries[1].Name() == first+".lineup"
	})
}

// damage empties a document in a set that nobody has open.
func damage(t testing.TB, folder, key string) {
	t.Helper()
	views, err := embeddedview.Open(folder, embeddedview.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	at, err := views.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := views.Commit(t.Context(), projections.Batch{From: at, To: at, Ops: []projections.Op{{Kind: projections.Put, Key: key, Value: []byte(`{}`)}}}); err != nil {
		t.Fatal(err)
	}
}
