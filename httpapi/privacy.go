package httpapi

import (
	"context"
	"net/http"
	"time"

	"orderengine/domain/account"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/drf"
)

var msgInvalidUntil = drf.NewMessage("Give a day as 2041-12-31, or a time as 2041-12-31T08:00:00+08:00.", "请给出日期（如 2041-12-31）或时间（如 2041-12-31T08:00:00+08:00）。")

// kept is the name of [account.Kept] in the API.
const kept = "kept"

var standings = []string{kept, string(account.Restricted), string(account.Erased)}

// privacyJSON is how the texts about a patient are kept. A patient who is erased becomes shredded when the data key is
// gone, which takes a moment.
type privacyJSON struct {
	Username string  `json:"username"`
	Standing string  `json:"standing"`
	Why      string  `json:"why"`
	Since    *string `json:"since"`
	Until    *string `json:"until"` // when what is restricted is erased
}

func (a *API) renderPrivacy(u account.User) privacyJSON {
	p := u.Privacy
	shown := privacyJSON{Username: u.Username, Standing: string(p.Standing), Why: p.Why}
	if p.Standing == account.Kept {
		shown.Standing = kept
	}
	when := func(at time.Time) *string {
		if at.IsZero() {
			return nil
		}
		text := drf.Time(at, a.Location)
		return &text
	}
	shown.Since, shown.Until = when(p.At), when(p.Until)
	return shown
}

// adminPrivacy shows how a patient's texts are kept.
func (c *call) adminPrivacy() (reply, error) {
	user, err := c.api.Accounts.Users.Load(c.ctx(), c.echo.Param("username"))
	if err != nil {
		return reply{}, err
	}
	return c.privacyReply(user)
}

// adminChangePrivacy restricts the texts about a patient until a day ("restricted"), lifts that ("kept"), or erases them
// for ever ("erased").
func (c *call) adminChangePrivacy() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	standing := f.Choice("standing", standings)
	why := f.String("why", drf.MaxLength(maxName))
	var until time.Time
	if standing == string(account.Restricted) {
		until = c.until8601(f, "until")
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	var command account.Command
	switch standing {
	case kept:
		command = account.Lift{By: c.actor, Why: why, At: op.at}
	case string(account.Restricted):
		command = account.Restrict{By: c.actor, Why: why, Until: until, At: op.at}
	default:
		command = account.Erase{By: c.actor, Why: why, At: op.at}
	}
	name := c.echo.Param("username")
	user, err := c.api.Accounts.Users.Execute(ctx, name, c.caller(op.id, op.at), command)
	if err != nil {
		return reply{}, err
	}
	if user.State.Privacy.Standing == account.Erased {
		user = c.shred(ctx, name, user)
	}
	c.await(user.Position)
	return c.privacyReply(user)
}

// shred destroys the data key of who was erased; what fails is tried again by the reactor.
func (c *call) shred(ctx context.Context, name string, erased decider.Result[account.User]) decider.Result[account.User] {
	if err := c.api.Vault.AtOnce(ctx, name); err != nil {
		c.api.Logger.Error("a data key is still to be destroyed; it is tried again", "user", name, "error", err.Error())
		return erased
	}
	if user, err := c.api.Accounts.Users.Load(ctx, name); err == nil {
		return user
	}
	return erased
}

func (c *call) privacyReply(user decider.Result[account.User]) (reply, error) {
	if !user.State.Registered() {
		return reply{}, drf.NotFound()
	}
	return reply{http.StatusOK, c.api.renderPrivacy(user.State)}, nil
}

// until8601 reads a time, or a day, which ends where the server's time zone has its midnight.
func (c *call) until8601(f *drf.Fields, field string) time.Time {
	text := f.String(field)
	if !f.OK(field) {
		return time.Time{}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC()
	}
	day, err := time.ParseInLocation(time.DateOnly, text, c.api.Location)
	if err != nil {
		f.Add(field, msgInvalidUntil)
		return time.Time{}
	}
	return day.AddDate(0, 0, 1).UTC()
}
