package e2e

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/redis/go-redis/v9"

	"orderengine/eventstore/proof"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/redistest"
)

// The texts that must be found nowhere.
var secrets = []string{"grass-pollen-allergy", "twenty-a-day", "cough-since-monday", "http://x-ray.example/1.jpg", "bronchitis-it-is", "tea-and-rest", "a-kind-doctor"}

// told leads an order of patient1 to 已评价, with all of the secrets in it; each call has a key.
func told(t *testing.T, s *orderdtest.Server) order {
	t.Helper()
	o := placed(t, s, paid)
	send := func(token, method, path, key, body string) orderdtest.Reply {
		return s.As(token).With("Idempotency-Key", key).Send(method, path, jsonBody(body))
	}
	asked := send(patient1, "POST", "/qaorder/question/create/", "ask", `{"order":"`+o.OrderNumber+`","allergy_history":"grass-pollen-allergy",
		"smoke_history":"twenty-a-day","condition_description":"cough-since-monday","file_list":["http://x-ray.example/1.jpg"]}`).Want(t, 201)
	mustContain(t, asked, "cough-since-monday")
	o = orderOf(t, s.As(patient1).Get(path("detail", o.OrderNumber)))
	mustContain(t, send(doctor1, "POST", "/qaorder/answer/create/", "answer", `{"question":`+strconv.FormatInt(o.Question.PK, 10)+`,"diagnosis_tag":[3],"drug":[3],
		"diagnosis_result":"bronchitis-it-is","extra_suggestion":"tea-and-rest"}`).Want(t, 201), "bronchitis-it-is")
	mustContain(t, send(patient1, "PUT", path("finish", o.OrderNumber), "finish", `{}`).Want(t, 200), "tea-and-rest")
	mustContain(t, send(patient1, "PUT", path("evaluate", o.OrderNumber), "evaluate", `{"scores":5,"content":"a-kind-doctor"}`).Want(t, 200), "a-kind-doctor")
	return orderOf(t, s.As(patient1).Get(path("detail", o.OrderNumber)))
}

// TestNoTextStandsAnywhere: what patients and doctors write is sealed in every file, in Redis, and in the server's log.
func TestNoTextStandsAnywhere(t *testing.T) {
	t.Parallel()
	redisServer := redistest.Start(t)
	for name, flags := range map[string][]string{"embedded": nil, "redis": {"--views", redisServer.URL()}} {
		t.Run(name, func(t *testing.T) {
			s := orderdtest.Demo(t, append(flags, "--log-level", "debug", "--checkpoint-every", "10ms")...)
			told(t, s)
			if flags != nil {
				inRedis(t, redisServer.URL(), noSecret)
			}
			s.Stop()
			inFiles(t, s.Data, noSecret)
			noSecret(t, "the server's log", []byte(s.Log()))
		})
	}
}

func noSecret(t *testing.T, where string, content []byte) {
	t.Helper()
	for _, secret := range secrets {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s has %q: %.300q", where, secret, content)
		}
	}
}

// inFiles looks at every file below a folder, and at all that the databases there hold, which their files may compress.
func inFiles(t *testing.T, dir string, look func(t *testing.T, where string, content []byte)) {
	t.Helper()
	databases, entries := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			content, err := os.ReadFile(path)
			look(t, path, content)
			return err
		}
		if manifests, _ := filepath.Glob(filepath.Join(path, "MANIFEST-*")); len(manifests) == 0 {
			return nil
		}
		databases++
		db, err := pebble.Open(path, &pebble.Options{ReadOnly: true, Logger: quiet{}})
		if err != nil {
			return err
		}
		all, err := db.NewIter(nil)
		if err != nil {
			return err
		}
		for all.First(); all.Valid(); all.Next() {
			entries++
			look(t, path, append(bytes.Clone(all.Key()), all.Value()...))
		}
		return errors.Join(all.Error(), all.Close(), db.Close())
	})
	if err != nil || databases == 0 || entries < 50 {
		t.Errorf("%d entries in %d databases, %v", entries, databases, err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func inRedis(t *testing.T, url string, look func(t *testing.T, where string, content []byte)) {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, client := context.Background(), redis.NewClient(options)
	defer client.Close()
	if err := client.ConfigSet(ctx, "rdbcompression", "no").Err(); err != nil { // DUMP would compress
		t.Fatal(err)
	}
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil || len(keys) < 10 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		value, err := client.Dump(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		look(t, "redis "+key, []byte(key+value))
	}
}

// TestAnErasedPatient: nothing that was written about them is told any more, by anybody, nor taken; money and proofs are
// what they were.
func TestAnErasedPatient(t *testing.T) {
	everywhere(t, func(t *testing.T, setup setup) {
		s := setup.demo(t, "--checkpoint-every", "10ms")
		o, others := told(t, s), placeFrom(t, s.As(patient2), "doctor1", "online")
		bundle := s.As(auditToken).Get("/audit/orders/"+o.OrderNumber+"/bundle/").Want(t, 200).Body
		open, g := placed(t, s, paid), newGolden(t, setup)
		money := balance(t, s, "patient1")
		change(t, s, `{"standing":"erased","why":"asked for it"}`, `"standing":"shredded","why":"asked for it"`)
		change(t, s, `{"standing":"erased","why":"again"}`, `"standing":"shredded","why":"asked for it"`)

		for range 2 {
			for _, token := range []string{patient1, doctor1} {
				side := map[string]string{patient1: "patient", doctor1: "doctor"}[token]
				g.check("privacy/erased", caller{s.As(patient1), "patient1"}.get(path("detail", o.OrderNumber)))
				listed := s.As(token).Get("/qaorder/order/"+side+"/list/").Want(t, 200)
				noSecret(t, "the list", []byte(listed.Body))
				mustContain(t, listed, `"erased":true`)
			}
			evaluations := s.As(patient1).Get("/qaorder/user/doctor1/").Want(t, 200)
			mustContain(t, evaluations, `"content":null`)
			history := s.As(auditToken).Get("/audit/orders/"+o.OrderNumber+"/history/").Want(t, 200)
			noSecret(t, "the history", []byte(history.Body))
			mustContain(t, history, `"text":null`)
			noSecret(t, "the order as it was", []byte(s.As(auditToken).Get("/audit/orders/"+o.OrderNumber+"/history/?revision=6").Want(t, 200).Body))
			again := s.As(patient1).With("Idempotency-Key", "evaluate").Send("PUT", path("evaluate", o.OrderNumber), jsonBody(`{"scores":5,"content":"a-kind-doctor"}`))
			if again.Want(t, http.StatusGone); detail(t, again) != "The patient's data was erased." {
				t.Errorf("the kept reply: %s", again.Body)
			}
			refused := s.As(patient1).Send("POST", "/qaorder/question/create/", question(open.OrderNumber)).Want(t, http.StatusGone)
			mustContain(t, refused, "erased")
			if got := balance(t, s, "patient1"); got != money {
				t.Errorf("the wallet has %s and had %s", got, money)
			}
			if v, err := proof.Verify([]byte(bundle), verifierOf(t, s)); err != nil || len(v.Bundle.Events) == 0 {
				t.Errorf("the bundle of before: %v", err)
			}
			verifiedBundle(t, s, o.OrderNumber)
			s.Stop() // and all of it again after a restart
			s.Start()
		}
		told := s.As(auditToken).Get("/audit/orders/"+open.OrderNumber+"/history/").Want(t, 200)
		mustContain(t, told, `"command":"Ask","code":"erased"`)
		s.As(patient2).Send("PATCH", path("pay", others.OrderNumber), form("channel=balance")).Want(t, 200)
		mustContain(t, s.As(patient2).Send("POST", "/qaorder/question/create/", question(others.OrderNumber)).Want(t, 201), "咳嗽三天")
		s.Stop()
		inFiles(t, s.Data, noSecret)
		if keys, err := filepath.Glob(filepath.Join(s.PatientKeys(), "*", "*")); len(keys) != 1 || err != nil {
			t.Errorf("the data keys are %v (%v), want patient2's", keys, err)
		}
	})
}

// change changes how patient1's texts are kept.
func change(t *testing.T, s *orderdtest.Server, body, want string) {
	t.Helper()
	mustContain(t, s.As(admin).Send("PUT", "/admin/users/patient1/privacy/", jsonBody(body)).Want(t, 200), want)
	mustContain(t, s.As(admin).Get("/admin/users/patient1/privacy/").Want(t, 200), want)
}

// TestARestrictedPatient: auditors still see what everybody else does not, until the restriction is lifted.
func TestARestrictedPatient(t *testing.T) {
	everywhere(t, func(t *testing.T, setup setup) {
		s := setup.demo(t)
		o := told(t, s)
		before := s.As(patient1).Get(path("detail", o.OrderNumber)).Body
		change(t, s, `{"standing":"restricted","until":"2099-12-31","why":"the law asks for it"}`, `"standing":"restricted","why":"the law asks for it","since":"`)
		change(t, s, `{"standing":"restricted","until":"2100-01-01T00:00:00+08:00","why":"x"}`, `"until":"2100-01-01T00:00:00`)
		noSecret(t, "the doctor's detail", []byte(s.As(doctor1).Get(path("detail", o.OrderNumber)).Want(t, 200).Body))
		newGolden(t, setup).check("privacy/restricted", caller{s.As(patient1), "patient1"}.get(path("detail", o.OrderNumber)))
		audited := s.As(auditToken).Get("/audit/orders/"+o.OrderNumber+"/history/").Want(t, 200)
		for _, secret := range secrets {
			mustContain(t, audited, secret)
		}
		if was := s.As(auditToken).Get("/audit/orders/"+o.OrderNumber+"/history/?revision="+strconv.Itoa(len(historyOf(t, s, o.OrderNumber))-1)).Want(t, 200).Body; was != before {
			t.Errorf("to the auditor it was\n%s\nand to the patient\n%s", was, before)
		}
		s.As(patient1).With("Idempotency-Key", "ask").Send("POST", "/qaorder/question/create/", jsonBody(`{"order":"`+o.OrderNumber+`","allergy_history":"grass-pollen-allergy",
		"smoke_history":"twenty-a-day","condition_description":"cough-since-monday","file_list":["http://x-ray.example/1.jpg"]}`)).Want(t, http.StatusForbidden)
		change(t, s, `{"standing":"kept","why":"withdrawn"}`, `"standing":"kept","why":"","since":null,"until":null`)
		if after := s.As(patient1).Get(path("detail", o.OrderNumber)).Body; after != before {
			t.Errorf("lifted, it is\n%s\nand was\n%s", after, before)
		}
		mustContain(t, s.As(patient1).With("Idempotency-Key", "finish").Send("PUT", path("finish", o.OrderNumber), jsonBody(`{}`)).Want(t, 200), "tea-and-rest")
	})
}

func TestPrivacyCallsThatCannotBe(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	const one = "/admin/users/patient1/privacy/"
	for body, says := range map[string]string{
		`{}`:                                  `"standing"`,
		`{"standing":"gone","why":"w"}`:       `"standing"`,
		`{"standing":"erased"}`:               `"why"`,
		`{"standing":"restricted","why":"w"}`: `"until"`,
		`{"standing":"restricted","why":"w","until":"soon"}`:       "2041-12-31",
		`{"standing":"restricted","why":"w","until":"2020-01-01"}`: "not in the future",
	} {
		mustContain(t, s.As(admin).Send("PUT", one, jsonBody(body)).Want(t, 400), says)
	}
	s.As(admin).Send("PUT", "/admin/users/nobody/privacy/", jsonBody(`{"standing":"erased","why":"w"}`)).Want(t, 404)
	s.As(admin).Get("/admin/users/nobody/privacy/").Want(t, 404)
	for _, token := range []string{patient1, auditToken} {
		s.As(token).Send("PUT", one, jsonBody(`{"standing":"erased","why":"w"}`)).Want(t, 403)
	}
	change(t, s, `{"standing":"erased","why":"w"}`, `"standing":"shredded"`)
	s.As(admin).Send("PUT", one, jsonBody(`{"standing":"kept","why":"w"}`)).Want(t, http.StatusGone)
	s.As(admin).Send("PUT", one, jsonBody(`{"standing":"restricted","why":"w","until":"2099-12-31"}`)).Want(t, http.StatusGone)
}

// TestTheMasterKeyIsNotReplaced: a server whose master key is lost says so, and goes on when it is put back.
func TestTheMasterKeyIsNotReplaced(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	o := told(t, s)
	s.Stop()
	file, away := filepath.Join(s.Data, "keys", "master.key"), filepath.Join(t.TempDir(), "master.key")
	if err := os.Rename(file, away); err != nil {
		t.Fatal(err)
	}
	refused := func(env []string, says ...string) {
		t.Helper()
		code, _, stderr := orderdtest.Launch(t, env, "serve", "--data", s.Data, "--addr", "127.0.0.1:0").Wait(t)
		for _, text := range append(says, "ORDERD_MASTER_KEY_FILE") {
			if code == 0 || !strings.Contains(stderr, text) {
				t.Errorf("exit %d without %q: %s", code, text, stderr)
			}
		}
	}
	refused(nil, file, "put it back")
	refused([]string{"ORDERD_MASTER_KEY_FILE=" + filepath.Join(t.TempDir(), "none")}, "none")
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused([]string{"ORDERD_MASTER_KEY_FILE=" + other}, "not the master key")
	if err := os.Rename(away, file); err != nil {
		t.Fatal(err)
	}
	s.Start()
	mustContain(t, s.As(patient1).Get(path("detail", o.OrderNumber)).Want(t, 200), "bronchitis-it-is")
}

// TestAStrangerIsToldNothing: with a key or without, somebody else's order is not found, whatever its patient asked for.
func TestAStrangerIsToldNothing(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	finishedOne := placed(t, s, finished)
	evaluate := func(c orderdtest.Client, key string) orderdtest.Reply {
		return c.With("Idempotency-Key", key).Send("PUT", path("evaluate", finishedOne.OrderNumber), form("scores=5&content=x"))
	}
	before := evaluate(s.As(patient2), "").Want(t, 404)
	change(t, s, `{"standing":"restricted","until":"2099-12-31","why":"w"}`, `"restricted"`)
	for i, key := range []string{"", "k1"} {
		if r := evaluate(s.As(patient2), key); r.Status != 404 || r.Body != before.Body {
			t.Errorf("%d: %d %s", i, r.Status, r.Body)
		}
		s.As(patient1).With("Idempotency-Key", key).Send("POST", "/qaorder/question/create/", question(finishedOne.OrderNumber)).Want(t, 400) // 不能提问
	}
	evaluate(s.As(patient1), "k2").Want(t, 403)
	change(t, s, `{"standing":"kept","why":"w"}`, `"kept"`)
	evaluate(s.As(patient1), "k2").Want(t, 200) // what may pass was not kept for the key
}

// TestALostDataKey: it hides its patient's texts, and nobody else's, and is never taken for an erasure.
func TestALostDataKey(t *testing.T) {
	t.Parallel()
	s := orderdtest.Demo(t)
	o := told(t, s)
	theirs := placeFrom(t, s.As(patient2), "doctor1", "online")
	s.As(patient2).Send("PATCH", path("pay", theirs.OrderNumber), form("channel=balance")).Want(t, 200)
	s.Stop()
	keys, err := filepath.Glob(filepath.Join(s.PatientKeys(), "*", "*"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	if err := os.Rename(keys[0], keys[0]+".lost"); err != nil {
		t.Fatal(err)
	}
	s.Start()
	s.As(patient2).Send("POST", "/qaorder/question/create/", question(theirs.OrderNumber)).Want(t, 201)
	listed := s.As(doctor1).Get("/qaorder/order/doctor/list/").Want(t, 200)
	mustContain(t, listed, "咳嗽三天")
	mustContain(t, listed, `"condition_description":null`)
	mustContain(t, listed, `"unreadable":true`)
	if strings.Contains(listed.Body, `"erased"`) {
		t.Errorf("a lost key is taken for an erasure: %s", listed.Body)
	}
	if !strings.Contains(s.Log(), "a text cannot be read; put the data key back") {
		t.Error("the log does not tell of it")
	}
	if err := os.Rename(keys[0]+".lost", keys[0]); err != nil {
		t.Fatal(err)
	}
	mustContain(t, s.As(patient1).Get(path("detail", o.OrderNumber)).Want(t, 200), "bronchitis-it-is")
}
