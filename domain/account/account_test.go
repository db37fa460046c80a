package account

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/wallet"
	"orderengine/eventstore"
)

var (
	at    = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	proof = Credential{Verifier: "v", TokenHash: "h", Sealed: []byte{1}}
)

func ptr(s string) *string { return &s }

func active() User {
	return User{Profile: Profile{PK: 3, Username: "doctor1", Name: "d"}, Prices: Prices{"online": 1500}, Credential: proof, Active: true}
}

func inactive() User {
	u := active()
	u.Active = false
	return u
}

func TestDecide(t *testing.T) {
	profile := Profile{PK: 3, Username: "doctor1", Name: "d"}
	for _, c := range []decision{
		{"register", User{}, Register{profile, proof, at}, UserRegistered{profile, proof, at}, 0},
		{"register again", active(), Register{profile, proof, at}, nil, domain.AlreadyExists},
		{"register who is shut out", inactive(), Register{profile, proof, at}, nil, domain.AlreadyExists},
		{"register a bad name", User{}, Register{Profile{Username: "a b"}, proof, at}, nil, domain.Invalid},
		{"register an operator's name", User{}, Register{Profile{Username: "admin"}, proof, at}, nil, domain.Invalid},
		{"register nobody's name in capitals", User{}, Register{Profile{Username: "SYSTEM"}, proof, at}, nil, domain.Invalid},
		{"register a name like an operator's", User{}, Register{Profile{Username: "admin2"}, proof, at}, UserRegistered{Profile{Username: "admin2"}, proof, at}, 0},
		{"register no name", User{}, Register{Profile{}, proof, at}, nil, domain.Invalid},
		{"profile", active(), ChangeProfile{Name: ptr("n"), At: at}, ProfileChanged{Name: ptr("n"), At: at}, 0},
		{"profile cleared", active(), ChangeProfile{Name: ptr(""), At: at}, ProfileChanged{Name: ptr(""), At: at}, 0},
		{"profile as it is", active(), ChangeProfile{Name: ptr("d"), Avatar: ptr(""), At: at}, nil, 0},
		{"profile of nothing", active(), ChangeProfile{At: at}, nil, 0},
		{"profile in part as it is", active(), ChangeProfile{Name: ptr("d"), InvitationCode: ptr("1"), At: at}, ProfileChanged{Name: ptr("d"), InvitationCode: ptr("1"), At: at}, 0},
		{"profile of nobody", User{}, ChangeProfile{Name: ptr("n")}, nil, domain.NotFound},
		{"price", active(), SetPrice{"monthly", 7000, at}, PriceSet{"monthly", 7000, at}, 0},
		{"price changed", active(), SetPrice{"online", 1501, at}, PriceSet{"online", 1501, at}, 0},
		{"price as it is", active(), SetPrice{"online", 1500, at}, nil, 0},
		{"price of nothing", active(), SetPrice{"online", 0, at}, PriceSet{"online", 0, at}, 0},
		{"price taken away", active(), SetPrice{"online", -1, at}, PriceSet{"online", -1, at}, 0},
		{"price taken away that is not there", active(), SetPrice{"monthly", -1, at}, nil, 0},
		{"highest price", active(), SetPrice{"online", domain.MaxFen, at}, PriceSet{"online", domain.MaxFen, at}, 0},
		{"price too high", active(), SetPrice{"online", domain.MaxFen + 1, at}, nil, domain.Invalid},
		{"price of nobody", User{}, SetPrice{"online", 1, at}, nil, domain.NotFound},
		{"credential", active(), SetCredential{proof, at}, CredentialSet{proof, at}, 0},
		{"credential of nobody", User{}, SetCredential{proof, at}, nil, domain.NotFound},
		{"shut out", active(), SetActive{false, at}, UserDeactivated{at}, 0},
		{"shut out who is", inactive(), SetActive{false, at}, nil, 0},
		{"let in", inactive(), SetActive{true, at}, UserActivated{at}, 0},
		{"let in who is", active(), SetActive{true, at}, nil, 0},
		{"let nobody in", User{}, SetActive{true, at}, nil, domain.NotFound},
	} {
		t.Run(c.name, c.check)
	}
}

// decision is what a command must make of a user.
type decision struct {
	name    string
	user    User
	command Command
	event   Event       // nil: none
	code    domain.Code // of a refusal
}

func (c decision) check(t *testing.T) {
	events, err := Decide(c.user, c.command)
	var fault *domain.Fault
	if errors.As(err, &fault) != (c.code != 0) || fault != nil && fault.Code != c.code {
		t.Fatalf("error %v, want %q", err, c.code)
	}
	if c.event == nil {
		if len(events) > 0 {
			t.Errorf("events %v, want none", events)
		}
		return
	}
	if len(events) != 1 || !reflect.DeepEqual(events[0], c.event) {
		t.Fatalf("events %+v, want %+v", events, c.event)
	}
	if _, always := c.command.(SetCredential); always {
		return // told apart by the command's id alone
	}
	if again, _ := Decide(Evolve(c.user, events[0]), c.command); len(again) > 0 {
		t.Errorf("run again: %+v", again)
	}
}

func TestUsernames(t *testing.T) {
	for name, want := range map[string]bool{
		"patient1": true, "张三": true, "a.b@c+d-e_f": true, "é１": true, strings.Repeat("x", 150): true, strings.Repeat("字", 150): true,
		"": false, " ": false, "a b": false, "a/b": false, "a\n": false, "\x00": false, "😀": false, strings.Repeat("x", 151): false, "a$": false,
	} {
		if got := UsernamePattern.MatchString(name); got != want {
			t.Errorf("%.20q: %v, want %v", name, got, want)
		}
	}
}

// TestTheLongestUsernameFitsItsStreams: a name is bounded in characters by its pattern, in bytes by the streams' names.
func TestTheLongestUsernameFitsItsStreams(t *testing.T) {
	for name, want := range map[string]bool{strings.Repeat("字", 80): true, strings.Repeat("字", 81): false, strings.Repeat("字", 150): false} {
		_, err := Decide(User{}, Register{Profile: Profile{Username: name}, At: at})
		if (err == nil) != want || !want && !domain.IsRefused(err, domain.Invalid) {
			t.Errorf("%d bytes: %v", len(name), err)
		}
	}
	for _, category := range []string{Category, wallet.Category} {
		if n := len(category) + len("-") + MaxUsername; n > eventstore.MaxStreamName {
			t.Errorf("%s: %d bytes, more than %d", category, n, eventstore.MaxStreamName)
		}
	}
}

func TestEvolve(t *testing.T) {
	u := Evolve(User{}, UserRegistered{Profile: Profile{PK: 3, Username: "u", Name: "n", Avatar: "a"}, Credential: proof, At: at})
	for _, c := range []struct {
		event Event
		check func(User) bool
	}{
		{UserActivated{}, func(u User) bool { return u.Active && u.PK == 3 && u.Credential.TokenHash == "h" && !u.Doctor() }},
		{ProfileChanged{Avatar: ptr("b")}, func(u User) bool { return u.Avatar == "b" && u.Name == "n" }},
		{ProfileChanged{Name: ptr(""), InvitationCode: ptr("7")}, func(u User) bool { return u.Name == "" && u.InvitationCode == "7" }},
		{PriceSet{OrderType: "online", Amount: 0}, func(u User) bool { return u.Doctor() && maps.Equal(u.Prices, Prices{"online": 0}) }},
		{PriceSet{OrderType: "monthly", Amount: 5}, func(u User) bool { return maps.Equal(u.Prices, Prices{"online": 0, "monthly": 5}) }},
		{PriceSet{OrderType: "online", Amount: -1}, func(u User) bool { return maps.Equal(u.Prices, Prices{"monthly": 5}) }},
		{PriceSet{OrderType: "monthly", Amount: -1}, func(u User) bool { return !u.Doctor() }},
		{CredentialSet{Credential: Credential{TokenHash: "new"}}, func(u User) bool { return u.Credential.TokenHash == "new" }},
		{UserDeactivated{}, func(u User) bool { return !u.Active && u.Registered() }},
		{UserActivated{}, func(u User) bool { return u.Active }},
	} {
		if u = Evolve(u, c.event); !c.check(u) {
			t.Errorf("after %T: %+v", c.event, u)
		}
	}
}

func TestEvolveLeavesSharedPricesAlone(t *testing.T) {
	before := active()
	Evolve(before, PriceSet{OrderType: "online", Amount: 9})
	Evolve(before, PriceSet{OrderType: "online", Amount: -1})
	if !maps.Equal(before.Prices, Prices{"online": 1500}) {
		t.Errorf("prices %v", before.Prices)
	}
}

// TestEvolveGoesWhereTheTableSays compares the two, for Evolve does not read the table.
func TestEvolveGoesWhereTheTableSays(t *testing.T) {
	users := map[string]User{stateUnknown: {}, stateActive: active(), stateInactive: inactive()}
	events := map[string]Event{"register": UserRegistered{Profile: Profile{Username: "u"}}, "activate": UserActivated{}, "deactivate": UserDeactivated{}}
	for _, m := range Lifecycle.Moves() {
		for _, src := range m.Src {
			if got := stateOf(users[src]); got != src {
				t.Fatalf("user is %s, want %s", got, src)
			}
			if got := stateOf(Evolve(users[src], events[m.Name])); got != m.Dst {
				t.Errorf("%s from %s leads to %s; the table says %s", m.Name, src, got, m.Dst)
			}
		}
	}
}
