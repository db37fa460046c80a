package auth

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/link"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
)

const (
	token    = "48cebaf1955b6f45ee76515dbed221a1f229dd69"
	password = "demo 密码"
)

// stored is one credential for all tests: argon2 is slow, and slower with -race.
var stored = sync.OnceValue(newStored)

func newStored() account.Credential {
	c, err := NewCredential(context.Background(), password, token)
	if err != nil {
		panic(err) // it has all the time there is
	}
	return c
}

func TestCredentialRoundTrip(t *testing.T) {
	c := stored()
	if got, err := Open(t.Context(), c, password); got != token || err != nil {
		t.Errorf("opened %q, %v", got, err)
	}
	for _, wrong := range []string{"", password + " "} {
		if got, err := Open(t.Context(), c, wrong); err != ErrUnknown || got != "" {
			t.Errorf("password %q opens %q, %v", wrong, got, err)
		}
	}
}

func TestCredentialHoldsNeitherPasswordNorToken(t *testing.T) {
	c := stored()
	for name, text := range map[string][]byte{"verifier": []byte(c.Verifier), "hash": []byte(c.TokenHash), "sealed": c.Sealed} {
		if bytes.Contains(text, []byte(token)) || bytes.Contains(text, []byte(password)) {
			t.Errorf("%s holds what it must not: %q", name, text)
		}
	}
	if !strings.HasPrefix(c.Verifier, "$argon2id$v=19$m=19456,t=2,p=1$") || c.TokenHash != HashToken(token) || len(c.TokenHash) != 64 {
		t.Errorf("credential %+v", c)
	}
	if again := newStored(); again.Verifier == c.Verifier || bytes.Equal(again.Sealed, c.Sealed) {
		t.Error("the salt is not fresh")
	}
}

func TestTokensAreFreshAndOfTheDocumentsForm(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b || !TokenPattern.MatchString(a) || !TokenPattern.MatchString(b) {
		t.Errorf("tokens %q and %q", a, b)
	}
	for _, bad := range []string{"", token[1:], token + "0", strings.ToUpper(token), token[:39] + "g", token + "\n"} {
		if TokenPattern.MatchString(bad) {
			t.Errorf("%q passes for a token", bad)
		}
	}
}

// TestDamagedCredentialsOpenNothing changes what is stored in every part.
func TestDamagedCredentialsOpenNothing(t *testing.T) {
	whole := stored()
	parts := strings.Split(whole.Verifier, "$")
	with := func(i int, part string) string {
		changed := append([]string{}, parts...)
		changed[i] = part
		return strings.Join(changed, "$")
	}
	for name, c := range map[string]account.Credential{
		"none":           {},
		"empty parts":    {Verifier: "$$$$$", Sealed: whole.Sealed},
		"salt no base64": {Verifier: with(4, "?"), Sealed: whole.Sealed},
		"no salt":        {Verifier: with(4, ""), Sealed: whole.Sealed},
		"no proof":       {Verifier: with(5, ""), Sealed: whole.Sealed},
		"short proof":    {Verifier: with(5, parts[5][:8]), Sealed: whole.Sealed},
		"nothing sealed": {Verifier: whole.Verifier},
		"cut seal":       {Verifier: whole.Verifier, Sealed: whole.Sealed[:7]},
		"changed seal":   {Verifier: whole.Verifier, Sealed: append([]byte{whole.Sealed[0] ^ 1}, whole.Sealed[1:]...)},
		"another's seal": {Verifier: whole.Verifier, Sealed: newStored().Sealed},
		"nobody's":       {Verifier: nobody, Sealed: whole.Sealed},
	} {
		if got, err := Open(t.Context(), c, password); err != ErrUnknown || got != "" {
			t.Errorf("%s: opens %q, %v", name, got, err)
		}
	}
}

func accounts() Accounts {
	store := memory.New()
	return Accounts{
		Users: decider.New(store, decider.Model[account.User, account.Command, account.Event]{Category: account.Category, Decide: account.Decide,
			Evolve: account.Evolve, Encode: account.Codec.Encode, Decode: account.Codec.Decode}, decider.Options{}),
		Tokens: decider.New(store, decider.Model[link.Link, link.Command, link.Event]{Category: link.TokenCategory, Decide: link.Decide,
			Evolve: link.Evolve, Encode: link.Codec.Encode, Decode: link.Codec.Decode}, decider.Options{}),
	}
}

func call() decider.Call {
	return decider.Call{ID: uuid.New(), Actor: "admin", At: time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)}
}

func register(t *testing.T, a Accounts, name, token string, prices account.Prices) {
	t.Helper()
	_, err := a.Register(t.Context(), call(), Registration{Profile: account.Profile{PK: 3, Username: name}, Password: password, Token: token, Prices: prices})
	if err != nil {
		t.Fatal(err)
	}
}

func code(err error) (c domain.Code, field string) {
	var fault *domain.Fault
	if errors.As(err, &fault) {
		return fault.Code, fault.Field
	}
	return 0, ""
}

func TestLoginGivesTheSameTokenThatAuthenticates(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	register(t, a, "patient2", "", nil)
	for range 2 {
		if got, err := a.Login(t.Context(), "patient1", password); got != token || err != nil {
			t.Errorf("login gives %q, %v", got, err)
		}
	}
	made, err := a.Login(t.Context(), "patient2", password)
	if err != nil || !TokenPattern.MatchString(made) {
		t.Fatalf("a token that was made: %q, %v", made, err)
	}
	for name, tok := range map[string]string{"patient1": token, "patient2": made} {
		if u, err := a.Authenticate(t.Context(), tok); err != nil || u.Username != name {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

func TestUnknownCallers(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	for _, tok := range []string{"", "x", strings.Repeat("0", 40), strings.ToUpper(token), token + "0", HashToken(token)} {
		if u, err := a.Authenticate(t.Context(), tok); !errors.Is(err, ErrUnknown) || u.Registered() {
			t.Errorf("token %q: %+v, %v", tok, u, err)
		}
	}
	for _, c := range [][2]string{{"patient1", "wrong"}, {"nobody", password}, {"", ""}, {"a\x00", password}} {
		if got, err := a.Login(t.Context(), c[0], c[1]); !errors.Is(err, ErrUnknown) || got != "" {
			t.Errorf("login of %.20q with %q: %q, %v", c[0], c[1], got, err)
		}
	}
}

// TestLoginsDoNotQueueForEver: who has gone waits no longer, who comes behind too many is sent away, and neither holds
// up administrators.
func TestLoginsDoNotQueueForEver(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	for range cap(logins) {
		logins <- struct{}{}
	}
	gone, leave := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, leave)
	for ctx, want := range map[context.Context]error{gone: context.Canceled, t.Context(): context.DeadlineExceeded} {
		if got, err := a.Login(ctx, "patient1", password); !errors.Is(err, want) || got != "" {
			t.Errorf("behind too many: %q, %v, want %v", got, err, want)
		}
	}
	register(t, a, "patient2", "", nil)
	if _, err := a.SetPassword(t.Context(), call(), "patient2", "new", ""); err != nil {
		t.Error(err)
	}
	for range cap(logins) {
		<-logins
	}
	if got, err := a.Login(t.Context(), "patient1", password); got != token || err != nil {
		t.Errorf("after them: %q, %v", got, err)
	}
}

func TestInactiveUsersAreShutOut(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	if _, err := a.SetActive(t.Context(), call(), "patient1", false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), token); !errors.Is(err, ErrInactive) {
		t.Errorf("token: %v, want %v", err, ErrInactive)
	}
	if got, err := a.Login(t.Context(), "patient1", password); !errors.Is(err, ErrUnknown) || got != "" {
		t.Errorf("login: %q, %v", got, err)
	}
	if _, err := a.SetActive(t.Context(), call(), "patient1", true); err != nil {
		t.Fatal(err)
	}
	if u, err := a.Authenticate(t.Context(), token); err != nil || u.Username != "patient1" {
		t.Errorf("let in again: %+v, %v", u, err)
	}
}

func TestNewPasswordVoidsTheFormerToken(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	if _, err := a.SetPassword(t.Context(), call(), "patient1", "new", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), token); !errors.Is(err, ErrUnknown) {
		t.Errorf("the former token: %v, want %v", err, ErrUnknown)
	}
	if _, err := a.Login(t.Context(), "patient1", password); !errors.Is(err, ErrUnknown) {
		t.Errorf("the former password: %v, want %v", err, ErrUnknown)
	}
	made, err := a.Login(t.Context(), "patient1", "new")
	if u, err2 := a.Authenticate(t.Context(), made); err != nil || err2 != nil || made == token || u.Username != "patient1" {
		t.Errorf("the new token %q: %v, %v", made, err, err2)
	}
	if _, err := a.SetPassword(t.Context(), call(), "patient1", "newer", token); err != nil { // its own former token again
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestRegisterRefusals(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	for _, c := range []struct {
		name, token string
		code        domain.Code
		field       string
	}{
		{"patient1", "", domain.AlreadyExists, "username"},
		{"patient2", token, domain.AlreadyExists, "token"},
		{"a b", "", domain.Invalid, "username"},
	} {
		_, err := a.Register(t.Context(), call(), Registration{Profile: account.Profile{Username: c.name}, Password: "x", Token: c.token})
		if got, field := code(err); got != c.code || field != c.field {
			t.Errorf("%s: %v, want %s of %s", c.name, err, c.code, c.field)
		}
	}
	if got, err := a.Login(t.Context(), "patient1", password); got != token || err != nil {
		t.Errorf("who was there first: %q, %v", got, err)
	}
	if _, err := a.SetPassword(t.Context(), call(), "nobody", "x", ""); err == nil {
		t.Error("nobody has a password")
	}
}

// TestARefusalTakesNoToken: the token that was named is still free for others.
func TestARefusalTakesNoToken(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", "", nil)
	if _, err := a.Register(t.Context(), call(), Registration{Profile: account.Profile{Username: "patient1"}, Password: "x", Token: token}); err == nil {
		t.Fatal("patient1 is made twice")
	}
	if _, err := a.SetPassword(t.Context(), call(), "nobody", "x", token); err == nil {
		t.Fatal("nobody has a password")
	}
	register(t, a, "patient2", token, nil)
	if u, err := a.Authenticate(t.Context(), token); err != nil || u.Username != "patient2" {
		t.Errorf("the token is of %+v, %v", u, err)
	}
}

func TestRegisterAgainWithTheSameCallIsOnce(t *testing.T) {
	a := accounts()
	c := call()
	r := Registration{Profile: account.Profile{PK: 4, Username: "doctor1"}, Password: password, Token: token, Prices: account.Prices{"online": 1500, "monthly": 7000}}
	for range 2 {
		result, err := a.Register(t.Context(), c, r)
		if err != nil || !maps.Equal(result.State.Prices, r.Prices) || result.Revision != 2 {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	if got, err := a.Login(t.Context(), "doctor1", password); got != token || err != nil {
		t.Errorf("login gives %q, %v", got, err)
	}
	result, err := a.SetPrices(t.Context(), call(), "doctor1", account.Prices{"online": -1})
	if err != nil || !maps.Equal(result.State.Prices, account.Prices{"monthly": 7000}) {
		t.Errorf("prices %v, %v", result.State.Prices, err)
	}
}

func TestPeopleLeaveOutWhoIsNotKnown(t *testing.T) {
	a := accounts()
	register(t, a, "patient1", token, nil)
	got, err := a.People(t.Context(), "patient1", "nobody")
	if want := map[string]account.Person{"patient1": {Profile: account.Profile{PK: 3, Username: "patient1"}}}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}
