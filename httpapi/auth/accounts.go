package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/link"
	"orderengine/eventstore/decider"
)

// ErrUnknown: the token or the password is nobody's.
var ErrUnknown = errors.New("unknown credentials")

// ErrInactive: the user is shut out.
var ErrInactive = errors.New("user is not active")

// The deciders of accounts: users by name, and links from a token's hash to a name.
type (
	Users = decider.Decider[account.User, account.Command, account.Event]
	Links = decider.Decider[link.Link, link.Command, link.Event]
)

// Accounts makes users and tells who a caller is. It asks the log alone, so it works while views are down.
type Accounts struct {
	Users  *Users
	Tokens *Links
}

// Registration is a user to be made.
type Registration struct {
	Profile  account.Profile
	Password string
	Token    string // a new one is made if it is empty
	Prices   account.Prices
	// Credential is what [NewCredential] made of a password and a token before; zero makes it of those above.
	Credential account.Credential
}

// Register makes a user. A username that is taken is refused with [domain.AlreadyExists].
func (a Accounts) Register(ctx context.Context, call decider.Call, r Registration) (result decider.Result[account.User], err error) {
	if r.Credential.Verifier == "" {
		if r.Credential, err = newCredential(ctx, r.Password, r.Token); err != nil {
			return result, err
		}
	}
	register := account.Register{Profile: r.Profile, Credential: r.Credential, At: call.At}
	result, err = a.lead(ctx, call, call, r.Profile.Username, r.Credential, register)
	if err != nil || len(r.Prices) == 0 {
		return result, err
	}
	return a.SetPrices(ctx, call, r.Profile.Username, r.Prices)
}

// SetPrices sets what a doctor asks; a negative amount takes an offer away.
func (a Accounts) SetPrices(ctx context.Context, call decider.Call, username string, prices account.Prices) (result decider.Result[account.User], err error) {
	for _, orderType := range slices.Sorted(maps.Keys(prices)) {
		set := account.SetPrice{OrderType: orderType, Amount: prices[orderType], At: call.At}
		if result, err = a.Users.Execute(ctx, username, call.Step("price/"+orderType), set); err != nil {
			return result, err
		}
	}
	return result, nil
}

// SetPassword changes a user's password and token; a new token is made if it is empty.
func (a Accounts) SetPassword(ctx context.Context, call decider.Call, username, password, token string) (decider.Result[account.User], error) {
	credential, err := newCredential(ctx, password, token)
	if err != nil {
		return decider.Result[account.User]{}, err
	}
	set := account.SetCredential{Credential: credential, At: call.At}
	return a.lead(ctx, call, call.Step("credential"), username, credential, set)
}

// newCredential is [NewCredential] with a new token if there is none.
func newCredential(ctx context.Context, password, token string) (account.Credential, error) {
	if token == "" {
		token = NewToken()
	}
	return NewCredential(ctx, password, token)
}

// lead runs the step of a call that gives a user a credential, after the token's hash leads to the user. Nothing leads to who
// would refuse the step: a token leads to one user, for ever.
func (a Accounts) lead(ctx context.Context, call, step decider.Call, username string, c account.Credential, command account.Command) (decider.Result[account.User], error) {
	user, run, err := a.Users.Find(ctx, username, step.ID)
	if err != nil || run {
		return user, err
	}
	if _, err := account.Decide(user.State, command); err != nil {
		return user, err
	}
	_, err = a.Tokens.Execute(ctx, c.TokenHash, call.Step("token"), link.Command{To: username})
	if domain.IsRefused(err, domain.AlreadyExists) {
		err = domain.RefuseField(domain.AlreadyExists, "token", "the token is another user's")
	}
	if err != nil {
		return user, err
	}
	return a.Users.Execute(ctx, username, step, command)
}

// Authenticate is the user with a token, [ErrUnknown] or [ErrInactive].
func (a Accounts) Authenticate(ctx context.Context, token string) (account.User, error) {
	hash := HashToken(token)
	to, err := a.Tokens.Recent(ctx, hash)
	if err != nil {
		return account.User{}, err
	}
	if to.State.To == "" {
		return account.User{}, ErrUnknown
	}
	user, err := a.Users.Recent(ctx, to.State.To)
	if err == nil && proves(user.State, hash) != nil {
		user, err = a.Users.Load(ctx, to.State.To) // it may have changed this moment, at another server
	}
	if err != nil {
		return account.User{}, err
	}
	return user.State, proves(user.State, hash)
}

// proves checks the hash of a token: [ErrUnknown] or [ErrInactive].
func proves(u account.User, hash string) error {
	switch {
	case subtle.ConstantTimeCompare([]byte(u.Credential.TokenHash), []byte(hash)) != 1:
		return ErrUnknown
	case !u.Active:
		return ErrInactive
	default:
		return nil
	}
}

// loginWait bounds how long a login waits for those before it, and so how many wait: those that come in so long a time.
const loginWait = 2 * time.Second

// Login gives the token of who knows the password, [ErrUnknown] else, and as slowly for who is not known. With too many
// before it the error is [context.DeadlineExceeded]: answer 503 with Retry-After.
func (a Accounts) Login(ctx context.Context, username, password string) (token string, err error) {
	var user account.User
	if account.UsernamePattern.MatchString(username) {
		loaded, err := a.Users.Load(ctx, username)
		if err != nil {
			return "", err
		}
		user = loaded.State
	}
	waits, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	token, err = Open(waits, user.Credential, password)
	if err == nil && !user.Active {
		return "", ErrUnknown
	}
	return token, err
}

// People gives users by name; who is not known is left out.
func (a Accounts) People(ctx context.Context, usernames ...string) (map[string]account.Person, error) {
	people := make(map[string]account.Person, len(usernames))
	for _, name := range usernames {
		user, err := a.Users.Recent(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		if user.State.Registered() {
			people[name] = user.State.Person()
		}
	}
	return people, nil
}

// SetActive lets a user in or shuts them out.
func (a Accounts) SetActive(ctx context.Context, call decider.Call, username string, active bool) (decider.Result[account.User], error) {
	return a.Users.Execute(ctx, username, call.Step("active"), account.SetActive{Active: active, At: call.At})
}
