package vault

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/process"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
)

var at = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

const purpose = "qaorder-1/question/1"

// world is a vault with the patients p1 and p2.
type world struct {
	Vault
	t      *testing.T
	dir    string
	master []byte
	now    time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), master: bytes.Repeat([]byte{7}, keySize), now: at}
	users := decider.New(memory.New(), decider.Model[account.User, account.Command, account.Event]{Category: account.Category,
		Decide: account.Decide, Evolve: account.Evolve, Encode: account.Codec.Encode, Decode: account.Codec.Decode}, decider.Options{})
	w.Vault = Vault{Users: users, Keys: w.keyring(), Periods: process.Defaults, Now: func() time.Time { return w.now }}
	for _, name := range []string{"p1", "p2"} {
		w.do(name, account.Register{Profile: account.Profile{Username: name}, At: at})
	}
	return w
}

// keyring opens the folder as another server would: with nothing in memory.
func (w *world) keyring() *Keyring {
	w.t.Helper()
	k, err := OpenKeyring(w.dir, w.master)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func call() decider.Call { return decider.Call{ID: uuid.New(), Actor: "p1", At: at} }

func (w *world) do(name string, c account.Command) {
	w.t.Helper()
	if _, err := w.Users.Execute(w.t.Context(), name, call(), c); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) person(name string) account.Person {
	w.t.Helper()
	u, err := w.Users.Load(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return u.State.Person()
}

func (w *world) seal(name, text string) domain.Sealed {
	w.t.Helper()
	sealed, err := w.Seal(w.t.Context(), call(), name, purpose, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return sealed
}

// files are the data keys in the folder.
func (w *world) files() []string {
	w.t.Helper()
	var found []string
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != checkFile {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(r *rapid.T) {
		want := rapid.String().Draw(r, "text")
		sealed := w.seal("p1", want)
		if len(want) > 3 && bytes.Contains(sealed, []byte(want)) {
			r.Fatalf("%q can be read in %q", want, sealed)
		}
		var got string
		if err := w.Open(w.person("p1"), purpose, sealed, &got); err != nil || got != strings.ToValidUTF8(want, "\ufffd") {
			r.Fatalf("%q, %v; want %q", got, err, want)
		}
	})
	if files := w.files(); len(files) != 1 {
		t.Errorf("data keys %v, want one", files)
	}
	if again := w.seal("p1", "a"); bytes.Equal(again, w.seal("p1", "a")) {
		t.Error("the same text is sealed the same twice")
	}
	later := Vault{Users: w.Users, Keys: w.keyring(), Now: w.Now}
	var got string
	if err := later.Open(w.person("p1"), purpose, w.seal("p1", "x"), &got); err != nil || got != "x" {
		t.Errorf("another server reads %q, %v", got, err)
	}
}

// TestTextsOfOnePatient: whoever opens many finds the data key once, and knows whose they are.
func TestTextsOfOnePatient(t *testing.T) {
	w := newWorld(t)
	first, second, other := w.seal("p1", "a"), w.seal("p1", "b"), w.seal("p2", "c")
	texts := w.Of(w.person("p1"))
	got, err := texts.Open([]byte("["), purpose, first)
	if err == nil {
		got, err = texts.Open(append(got, ','), purpose, second)
	}
	if string(got) != `["a","b"` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := texts.Open(nil, purpose, other); !errors.Is(err, ErrSealed) {
		t.Errorf("another's: %v", err)
	}
	newKey := w.person("p1")
	newKey.Privacy.Key = w.person("p2").Privacy.Key
	if !texts.Are(w.person("p1")) || texts.Are(w.person("p2")) || texts.Are(newKey) || new(Texts).Are(account.Person{}) {
		t.Error("whose texts they are")
	}
}

func TestNothingElseOpensIt(t *testing.T) {
	w := newWorld(t)
	sealed := w.seal("p1", "a text")
	w.seal("p2", "another")
	var got string
	for name, open := range map[string]func() error{
		"another patient":  func() error { return w.Open(w.person("p2"), purpose, sealed, &got) },
		"another purpose":  func() error { return w.Open(w.person("p1"), "qaorder-2/question/1", sealed, &got) },
		"cut off":          func() error { return w.Open(w.person("p1"), purpose, sealed[:len(sealed)-1], &got) },
		"nonce only":       func() error { return w.Open(w.person("p1"), purpose, sealed[:13], &got) },
		"an unknown form":  func() error { return w.Open(w.person("p1"), purpose, append(domain.Sealed{2}, sealed[1:]...), &got) },
		"a patient's none": func() error { return w.Open(account.Person{}, purpose, sealed, &got) },
	} {
		if err := open(); err == nil || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if err := w.Open(w.person("p1"), purpose, changed, &got); err == nil && i > 0 {
			t.Errorf("byte %d changed: %q", i, got)
		}
	}
}

func TestWhatWasStoredBeforeIsRead(t *testing.T) {
	w := newWorld(t)
	var got string
	if err := w.Open(account.Person{}, purpose, append(domain.Sealed{domain.SealedPlain}, `"old"`...), &got); err != nil || got != "old" {
		t.Errorf("%q, %v", got, err)
	}
	if err := w.Open(account.Person{}, purpose, nil, &got); err != nil || got != "old" {
		t.Errorf("nothing opens to %q, %v", got, err)
	}
}

// TestOneKeyAPatient: whoever seals first at the same time, on several servers, there is one key.
func TestOneKeyAPatient(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	sealed := make([]domain.Sealed, 32)
	rings := []*Keyring{w.keyring(), w.keyring(), w.Keys}
	for i := range sealed {
		wg.Go(func() {
			v := Vault{Users: w.Users, Keys: rings[i%len(rings)], Now: w.Now}
			sealed[i], _ = v.Seal(context.Background(), call(), "p1", purpose, i)
		})
	}
	wg.Wait()
	for i, s := range sealed {
		got := -1
		if err := w.Open(w.person("p1"), purpose, s, &got); err != nil || got != i || s == nil {
			t.Errorf("text %d opens to %d, %v", i, got, err)
		}
	}
	if files := w.files(); len(files) != 1 {
		t.Errorf("data keys %v, want one", files)
	}
}

// TestOneKeyIsMadeForAllWhoWait: a key is a file that must be durable. Sixty-four first texts at once must not make as many.
func TestOneKeyIsMadeForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		users := &slow{Users: w.Users, release: make(chan struct{})}
		v := Vault{Users: users, Keys: w.Keys, Now: w.Now}
		for range 64 {
			go func() {
				if _, err := v.Seal(t.Context(), call(), "p1", purpose, "text"); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if n := users.asked.Load(); n != 1 {
			t.Errorf("%d keys are made", n)
		}
		close(users.release)
		synctest.Wait()
	})
}

// slow names no key before it may.
type slow struct {
	Users
	asked   atomic.Int32
	release chan struct{}
}

func (s *slow) Execute(ctx context.Context, name string, c decider.Call, command account.Command) (decider.Result[account.User], error) {
	if _, makes := command.(account.MakeKey); makes {
		s.asked.Add(1)
		<-s.release
	}
	return s.Users.Execute(ctx, name, c, command)
}

func TestErasing(t *testing.T) {
	w := newWorld(t)
	sealed, other := w.seal("p1", "a text"), w.seal("p2", "another")
	before := w.person("p1")
	w.do("p1", account.Erase{By: "admin", Why: "w", At: w.now})
	if err := w.Perform(t.Context(), "p1"); err != nil || len(w.files()) != 2 {
		t.Fatalf("the one who erased has time to shred: %v, keys %v", err, w.files())
	}
	for range 2 {
		if err := w.AtOnce(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.person("p1").Privacy.Standing; got != account.Shredded || len(w.files()) != 1 {
		t.Fatalf("%s, keys %v", got, w.files())
	}
	var got string
	if err := w.Open(before, purpose, sealed, &got); !errors.Is(err, ErrNoKey) || got != "" {
		t.Errorf("it opens to %q, %v", got, err)
	}
	if err := w.Open(w.person("p2"), purpose, other, &got); err != nil || got != "another" {
		t.Errorf("the other patient's opens to %q, %v", got, err)
	}
	if s, err := w.Seal(t.Context(), call(), "p1", purpose, "more"); !domain.IsRefused(err, domain.Erased) || s != nil || len(w.files()) != 1 {
		t.Errorf("sealed %v, %v, keys %v", s, err, w.files())
	}
}

// TestErasingWhoWroteNothing: the tombstone keeps a key from ever being made.
func TestErasingWhoWroteNothing(t *testing.T) {
	w := newWorld(t)
	w.do("p1", account.Erase{By: "admin", Why: "w", At: w.now})
	if err := w.AtOnce(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal(t.Context(), call(), "p1", purpose, "more"); !domain.IsRefused(err, domain.Erased) || len(w.files()) != 0 {
		t.Errorf("%v, keys %v", err, w.files())
	}
}

func TestShreddingGoesOnAfterACrash(t *testing.T) {
	w := newWorld(t)
	w.seal("p1", "a text")
	w.do("p1", account.Erase{By: "admin", Why: "w", At: w.now})
	if err := w.Keys.destroy(w.person("p1").Privacy.Key); err != nil { // and here it crashed
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	if err := w.Perform(t.Context(), "p1"); err != nil || w.person("p1").Privacy.Standing != account.Shredded {
		t.Errorf("%v, %+v", err, w.person("p1").Privacy)
	}
}

func TestARestrictionEndsInAnErasure(t *testing.T) {
	w := newWorld(t)
	w.seal("p1", "a text")
	until := at.AddDate(15, 0, 0)
	w.do("p1", account.Restrict{By: "admin", Why: "w", Until: until, At: w.now})
	if _, err := w.Seal(t.Context(), call(), "p1", purpose, "more"); !domain.IsRefused(err, domain.Restricted) {
		t.Errorf("a restricted patient's text: %v", err)
	}
	for _, c := range []struct {
		at   time.Time
		want account.Standing
		keys int
	}{{until.Add(-time.Microsecond), account.Restricted, 1}, {until, account.Shredded, 0}} {
		w.now = c.at
		if err := w.Perform(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		if got := w.person("p1").Privacy.Standing; got != c.want || len(w.files()) != c.keys {
			t.Errorf("at %s: %s, keys %v", c.at, got, w.files())
		}
	}
}

// TestAnUnknownOutcomeKeepsTheKey: it may have been named, and then texts are sealed with it.
func TestAnUnknownOutcomeKeepsTheKey(t *testing.T) {
	w := newWorld(t)
	away := errors.New("away")
	v := Vault{Users: failing{w.Users, away}, Keys: w.Keys, Now: w.Now}
	if _, err := v.Seal(t.Context(), call(), "p1", purpose, "a"); !errors.Is(err, away) || len(w.files()) != 1 {
		t.Errorf("%v, keys %v", err, w.files())
	}
}

type failing struct {
	Users
	err error
}

func (f failing) Execute(ctx context.Context, name string, c decider.Call, command account.Command) (decider.Result[account.User], error) {
	_, _ = f.Users.Execute(ctx, name, c, command)
	return decider.Result[account.User]{}, f.err
}

// TestAKeyOfAnotherFolder: servers that do not share the folder say so; neither seals with another key, nor records
// that a key is gone which it never had.
func TestAKeyOfAnotherFolder(t *testing.T) {
	w := newWorld(t)
	sealed := w.seal("p1", "a text")
	elsewhere, err := OpenKeyring(t.TempDir(), w.master)
	if err != nil {
		t.Fatal(err)
	}
	other := Vault{Users: w.Users, Keys: elsewhere, Now: w.Now}
	var got string
	if err := other.Open(w.person("p1"), purpose, sealed, &got); !errors.Is(err, ErrOtherFolder) || errors.Is(err, ErrNoKey) {
		t.Errorf("it opens to %q, %v", got, err)
	}
	if _, err := other.Seal(t.Context(), call(), "p1", purpose, "more"); !errors.Is(err, ErrOtherFolder) {
		t.Errorf("it is sealed: %v", err)
	}
	w.do("p1", account.Erase{By: "admin", Why: "w", At: w.now})
	if err := other.AtOnce(t.Context(), "p1"); !errors.Is(err, ErrOtherFolder) || w.person("p1").Privacy.Standing != account.Erased {
		t.Errorf("%v, %+v", err, w.person("p1").Privacy)
	}
	if err := w.AtOnce(t.Context(), "p1"); err != nil || w.person("p1").Privacy.Standing != account.Shredded || len(w.files()) != 0 {
		t.Errorf("%v, %+v, keys %v", err, w.person("p1").Privacy, w.files())
	}
}

// TestAFolderThatIsAway is no destroyed key.
func TestAFolderThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.seal("p1", "a text")
	w.do("p1", account.Erase{By: "admin", Why: "w", At: w.now})
	if err := os.Rename(w.dir, w.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := w.AtOnce(t.Context(), "p1"); err == nil || w.person("p1").Privacy.Standing != account.Erased {
		t.Errorf("%v, %+v", err, w.person("p1").Privacy)
	}
	if err := os.Rename(w.dir+"-away", w.dir); err != nil {
		t.Fatal(err)
	}
	if err := w.AtOnce(t.Context(), "p1"); err != nil || w.person("p1").Privacy.Standing != account.Shredded {
		t.Errorf("%v, %+v", err, w.person("p1").Privacy)
	}
}

// TestADestroyedKeyDoesNotComeBack reads a key while it is destroyed, again and again.
func TestADestroyedKeyDoesNotComeBack(t *testing.T) {
	w := newWorld(t)
	for range 300 {
		name, err := w.Keys.make()
		if err != nil {
			t.Fatal(err)
		}
		w.Keys.cache.Purge()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = w.Keys.key(name) })
		}
		err = w.Keys.destroy(name)
		wg.Wait()
		if _, found := w.Keys.key(name); err != nil || !errors.Is(found, ErrNoKey) || w.Keys.cache.Contains(name) {
			t.Fatalf("%v, then %v", err, found)
		}
	}
}
