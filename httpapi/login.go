package httpapi

import (
	"errors"
	"net/http"

	"orderengine/httpapi/auth"
	"orderengine/httpapi/drf"
)

const maxPassword = 1024 // characters

type tokenJSON struct {
	Token string `json:"token"`
}

// login gives the token of who knows the password; it is the same one every time.
func (c *call) login() (reply, error) {
	f := c.data.Fields()
	username := f.String("username")
	password := f.String("password", drf.KeepSpace, drf.MaxLength(maxPassword))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	token, err := c.api.Accounts.Login(c.ctx(), username, password)
	if errors.Is(err, auth.ErrUnknown) {
		return reply{}, drf.NonFieldInvalid(drf.MsgBadLogin)
	}
	return reply{http.StatusOK, tokenJSON{token}}, err
}
