// Package account is a user: who they are, how they prove it, and, for a doctor, what an answer costs.
package account

import (
	"maps"

	"orderengine/domain"
)

// Category is the first part of a user's stream name, "user-<username>".
const Category = "user"

// Profile is what other users see of a user; every order that embeds it shows it as it is now.
type Profile struct {
	PK             int64  `json:"pk"`
	Username       string `json:"username"`
	InvitationCode string `json:"invitation_code"`
	Name           string `json:"name"`
	Avatar         string `json:"avatar"`
}

// Prices are what a doctor asks, by order type; who has none is not a doctor.
type Prices map[string]domain.Fen

// Credential is how a user proves to be one: nothing in it is the password or the token. Sealed is the token
// encrypted with a key that only the password gives, so that a login hands out the same token again.
type Credential struct {
	Verifier  string `json:"verifier"`   // of the password: parameters, salt and hash
	TokenHash string `json:"token_hash"` // SHA-256 of the token, hex
	Sealed    []byte `json:"sealed"`
}

// User is what its events fold to. The zero User is one that was not registered.
type User struct {
	Profile
	Prices     Prices     `json:"prices,omitempty"`
	Credential Credential `json:"credential"`
	Active     bool       `json:"active"`
	Privacy    Privacy    `json:"privacy,omitzero"`
}

// Person is what is needed to show a user, and what was written about them, to others.
type Person struct {
	Profile
	Privacy Privacy
}

// Person is the user as others are shown them.
func (u User) Person() Person { return Person{u.Profile, u.Privacy} }

// Registered says that the user exists.
func (u User) Registered() bool { return u.Username != "" }

// Doctor says that the user can be ordered from.
func (u User) Doctor() bool { return len(u.Prices) > 0 }

// With is the prices with one changed; a negative amount takes it away.
func (p Prices) With(orderType string, amount domain.Fen) Prices {
	changed := maps.Clone(p)
	if changed == nil {
		changed = Prices{}
	}
	if amount < 0 {
		delete(changed, orderType)
	} else {
		changed[orderType] = amount
	}
	return changed
}
