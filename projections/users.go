package projections

import (
	"context"
	"strconv"

	"orderengine/domain/account"
	"orderengine/domain/process"
)

// User is what the views know of a user: nothing that proves who they are.
type User struct {
	account.Profile
	Prices account.Prices `json:"prices,omitempty"`
	Active bool           `json:"active"`
	// Privacy is how the texts about a patient are kept.
	Privacy account.Privacy `json:"privacy,omitzero"`
}

func userProjection(periods process.Periods) Projection {
	return Fold[User, account.Event]{Of: account.Category, Codec: account.Codec, Evolve: evolveUser,
		Rows: func(username string, v User) Rows {
			rows := userRows(username, v)
			rows.Listings = append(rows.Listings, due(process.Patient(username, v.Privacy, periods))...)
			return rows
		}}
}

func evolveUser(v User, e account.Event) User {
	u := account.Evolve(account.User{Profile: v.Profile, Prices: v.Prices, Active: v.Active, Privacy: v.Privacy}, e)
	return User{Profile: u.Profile, Prices: u.Prices, Active: u.Active, Privacy: u.Privacy}
}

// usersIndex has usernames, ranked by pk.
const usersIndex = "users"

func userByPK(pk int64) string { return "userpk/" + strconv.FormatInt(pk, 10) }

func userRows(username string, v User) Rows {
	if v.Username == "" {
		return Rows{}
	}
	return Rows{
		Docs:     []Doc{{userByPK(v.PK), []byte(username)}},
		Listings: []Listing{{usersIndex, ranked(v.PK, username)}},
	}
}

// Users reads the users' views.
type Users struct{ Views Reader }

// People reads users by name; who is not known is left out.
func (q Users) People(ctx context.Context, usernames ...string) (map[string]account.Person, error) {
	users, err := getAll[User](ctx, q.Views, account.Category, usernames)
	if err != nil {
		return nil, err
	}
	people := make(map[string]account.Person, len(users))
	for _, u := range users {
		people[u.Username] = account.Person{Profile: u.Profile, Privacy: u.Privacy}
	}
	return people, nil
}

// ByPK is the username of the user with a pk, "" if there is none.
func (q Users) ByPK(ctx context.Context, pk int64) (string, error) {
	docs, err := q.Views.Get(ctx, userByPK(pk))
	if err != nil {
		return "", err
	}
	return string(docs.Values[0]), nil
}

// All lists the users, the first pk first.
func (q Users) All(ctx context.Context, w Window) ([]User, int, error) {
	return listed[User](ctx, q.Views, usersIndex, w.oldest(), rankedStatesOf(account.Category))
}
