package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"orderengine/eventstore/proof"
	"orderengine/test/e2e/orderdtest"
)

// auditToken is the demo's.
const auditToken = "demo-audit"

func verifierOf(t testing.TB, s *orderdtest.Server) note.Verifier {
	t.Helper()
	key, err := proof.NewVerifier(s.As(auditToken).Get("/audit/key/").Want(t, http.StatusOK).Body)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// verifiedBundle is what the bundle of an order tells, once it is verified.
func verifiedBundle(t testing.TB, s *orderdtest.Server, number string) proof.Verdict {
	t.Helper()
	v, err := proof.Verify([]byte(s.As(auditToken).Get("/audit/orders/"+number+"/bundle/").Want(t, http.StatusOK).Body), verifierOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func checkpointOf(t testing.TB, s *orderdtest.Server, query string) proof.Checkpoint {
	t.Helper()
	c, err := proof.OpenCheckpoint([]byte(s.As(auditToken).Get("/audit/checkpoint/"+query).Want(t, http.StatusOK).Body), verifierOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// consistent asks for the proof between two checkpoints and verifies it.
func consistent(t testing.TB, s *orderdtest.Server, older, newer proof.Checkpoint) {
	t.Helper()
	var p struct{ Proof [][]byte }
	s.As(auditToken).Get(fmt.Sprintf("/audit/consistency/?from=%d&to=%d", older.Size, newer.Size)).Want(t, http.StatusOK).Into(t, &p)
	if err := proof.VerifyConsistency(older, newer, p.Proof); err != nil {
		t.Error(err)
	}
}

// TestProofsOverTheServersLife: each bundle tells all, what was signed stays in what is signed later, and a restart
// changes nothing.
func TestProofsOverTheServersLife(t *testing.T) { everywhere(t, testProofsOverTheServersLife) }

func testProofsOverTheServersLife(t *testing.T, on setup) {
	s := on.demo(t, "--checkpoint-every", "10ms", "--audit-origin", "clinic.example/orders")
	o := place(t, s)
	first := verifiedBundle(t, s, o.OrderNumber)
	key := s.As(auditToken).Get("/audit/key/").Body
	if !strings.HasPrefix(key, "clinic.example/orders+") || first.Streams[0].Events != 1 || first.Streams[1].Stream != "refusal-qaorder-"+o.OrderNumber {
		t.Fatalf("%s %+v", key, first.Streams)
	}
	advance(t, s, o.OrderNumber, evaluated)
	second := verifiedBundle(t, s, o.OrderNumber)
	if second.Streams[0].Events < 6 || second.Bundle.Events[0].Type != "OrderPlaced" {
		t.Errorf("%+v", second.Streams)
	}
	consistent(t, s, first.Checkpoint, second.Checkpoint)
	s.Stop()
	s.Start()
	if again := s.As(auditToken).Get("/audit/key/").Body; again != key {
		t.Errorf("the key is %s and was %s", again, key)
	}
	if kept := checkpointOf(t, s, fmt.Sprintf("?size=%d", first.Checkpoint.Size)); string(kept.Root) != string(first.Checkpoint.Root) {
		t.Errorf("kept %+v, was %+v", kept, first.Checkpoint)
	}
	place(t, s)
	s.Eventually("a newer checkpoint", func() bool { return checkpointOf(t, s, "").Size > second.Checkpoint.Size })
	consistent(t, s, second.Checkpoint, checkpointOf(t, s, ""))
	hospitalBundle(t, s)
}

// hospitalBundle is of an order of the other kind.
func hospitalBundle(t *testing.T, s *orderdtest.Server) {
	t.Helper()
	var made struct {
		Number string `json:"order_no"`
	}
	r := s.As(patient1).Send("POST", "/hospital/order/create/", jsonBody(`{"hospital":"H001","branch":"B01","kind":1,"amount":600,"his_order_no":"HIS-P1","platform":1,"reg_type":2,"book_date":"2099-12-01","department":"内科","doctor":"刘医生"}`)).Want(t, http.StatusCreated)
	r.Into(t, &made)
	if v := verifiedBundle(t, s, made.Number); v.Streams[0].Stream != "hospitalorder-"+made.Number || v.Streams[0].Events == 0 {
		t.Errorf("%+v", v.Streams)
	}
}

func TestProofCallsThatCannotBe(t *testing.T) { everywhere(t, testProofCallsThatCannotBe) }

func testProofCallsThatCannotBe(t *testing.T, on setup) {
	s := on.demo(t, "--checkpoint-every", "10ms")
	s.Eventually("a checkpoint", func() bool { return s.As(auditToken).Get("/audit/checkpoint/").Status == http.StatusOK })
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/audit/checkpoint/?size=x":                          {400, `"size"`},
		"/audit/checkpoint/?size=999999":                     {404, "no such checkpoint"},
		"/audit/consistency/":                                {400, `"from"`},
		"/audit/consistency/?from=1":                         {400, `"to"`},
		"/audit/consistency/?from=2&to=1":                    {400, "less than from"},
		"/audit/consistency/?from=1&to=999999":               {409, "fewer events"},
		"/audit/orders/1/bundle/":                            {404, "detail"},
		"/audit/orders/12345678901234567890123456/bundle/":   {404, "detail"},
		"/audit/orders/1234567890123456789/bundle/":          {404, "detail"},
		"/audit/orders/..%2F12345678901234567890123/bundle/": {404, "detail"},
	} {
		r := s.As(auditToken).Get(path).Want(t, want.status)
		if !strings.Contains(r.Body, want.says) || !json.Valid([]byte(r.Body)) {
			t.Errorf("%s: %s, want %q", path, r.Body, want.says)
		}
	}
	for _, path := range []string{"/audit/checkpoint/", "/audit/key/", "/audit/consistency/?from=0&to=1", "/audit/orders/12345678901234567890123456/bundle/"} {
		s.As("").Get(path).Want(t, http.StatusUnauthorized)
		s.As(admin).Get(path).Want(t, http.StatusForbidden)
		s.As(patient1).Get(path).Want(t, http.StatusForbidden)
	}
}

// TestARolledBackLogIsSeenAtTheStart: the server takes orders, says what is wrong, and signs nothing.
func TestARolledBackLogIsSeenAtTheStart(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t, "--checkpoint-every", "10ms")
	place(t, s)
	s.Stop()
	log, old := filepath.Join(s.Data, "log"), filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(old, os.DirFS(log)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	for range 3 {
		place(t, s)
	}
	s.Stop()
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(log, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	s.Serve()
	s.Eventually("the roll-back is told of", func() bool {
		return strings.Contains(s.As("").Get("/readyz?verbose").Body, "[-] tree")
	})
	ready := s.As("").Get("/readyz?verbose").Want(t, http.StatusOK) // or a load balancer would take it for down
	mustContain(t, ready, "rolled back")
	mustContain(t, ready, "orderctl check")
	mustContain(t, s.As("").Get("/metrics"), "orderd_tree_ok 0")
	signed := checkpointOf(t, s, "")
	o := place(t, s)
	s.As(auditToken).Get("/audit/orders/"+o.OrderNumber+"/bundle/").Want(t, http.StatusServiceUnavailable)
	if latest := checkpointOf(t, s, ""); latest.Size != signed.Size {
		t.Errorf("%d events were signed after it, %d before", latest.Size, signed.Size)
	}
}
