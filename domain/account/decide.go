package account

import (
	"fmt"
	"regexp"

	"orderengine/domain"
)

// UsernamePattern is what a username may be: Django's rule, at most 150 characters.
var UsernamePattern = regexp.MustCompile(`^[\p{L}\p{N}_.@+-]{1,150}$`)

// MaxUsername is the length of the longest username, in bytes: it stands behind a category in the names of its user's
// streams, which have at most 255.
const MaxUsername = 240

// Decide says what a command makes of a user: events, none if it is so already, or a refusal.
func Decide(u User, c Command) ([]Event, error) {
	if register, ok := c.(Register); ok {
		return decideRegister(u, register)
	}
	if !u.Registered() {
		return nil, domain.Refuse(domain.NotFound, "no such user")
	}
	if events, ok, err := decidePrivacy(u.Privacy, c); ok {
		return events, err
	}
	switch c := c.(type) {
	case ChangeProfile:
		return decideChangeProfile(u, c)
	case SetPrice:
		return decideSetPrice(u, c)
	case SetCredential:
		return []Event{CredentialSet(c)}, nil
	case SetActive:
		return decideSetActive(u, c)
	default:
		return nil, fmt.Errorf("account: command %T is not known", c)
	}
}

func decideRegister(u User, c Register) ([]Event, error) {
	if !Lifecycle.Allows(stateOf(u), "register") {
		return nil, domain.RefuseField(domain.AlreadyExists, "username", "%s", c.Profile.Username)
	}
	if !UsernamePattern.MatchString(c.Profile.Username) {
		return nil, domain.RefuseField(domain.Invalid, "username", "%.160q", c.Profile.Username)
	}
	if len(c.Profile.Username) > MaxUsername {
		return nil, domain.RefuseField(domain.Invalid, "username", "%.160q has more than %d bytes in UTF-8", c.Profile.Username, MaxUsername)
	}
	if domain.IsReserved(c.Profile.Username) {
		return nil, domain.RefuseField(domain.Invalid, "username", "%s is an actor of the log; take another name", c.Profile.Username)
	}
	return []Event{UserRegistered(c)}, nil
}

func decideChangeProfile(u User, c ChangeProfile) ([]Event, error) {
	if same(c.Name, u.Name) && same(c.Avatar, u.Avatar) && same(c.InvitationCode, u.InvitationCode) {
		return nil, nil
	}
	return []Event{ProfileChanged(c)}, nil
}

func same(wanted *string, is string) bool { return wanted == nil || *wanted == is }

func decideSetPrice(u User, c SetPrice) ([]Event, error) {
	if c.Amount > domain.MaxFen {
		return nil, domain.RefuseField(domain.Invalid, "prices", "%d fen", c.Amount)
	}
	now, has := u.Prices[c.OrderType]
	if has && now == c.Amount || !has && c.Amount < 0 {
		return nil, nil
	}
	return []Event{PriceSet(c)}, nil
}

func decideSetActive(u User, c SetActive) ([]Event, error) {
	switch {
	case c.Active && Lifecycle.Allows(stateOf(u), "activate"):
		return []Event{UserActivated{At: c.At}}, nil
	case !c.Active && Lifecycle.Allows(stateOf(u), "deactivate"):
		return []Event{UserDeactivated{At: c.At}}, nil
	default:
		return nil, nil
	}
}
