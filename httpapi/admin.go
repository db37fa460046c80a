package httpapi

import (
	"context"
	"net/http"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/qa"
	"orderengine/domain/wallet"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/auth"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

var (
	msgInvalidUsername  = drf.NewMessage("Enter a valid username: 1 to 150 letters, digits and @/./+/-/_.", "请输入有效的用户名：1 至 150 个字母、数字或 @/./+/-/_。")
	msgReservedUsername = drf.NewMessage("The log calls its own actors so: admin, audit, system and platform are no usernames.", "admin、audit、system、platform 是日志自身的操作者名称，不能用作用户名。")
	msgInvalidToken     = drf.NewMessage("A token is 40 hexadecimal digits in lower case.", "令牌须为 40 位小写十六进制数字。")
)

// adminUserJSON is a user as administrators see them.
type adminUserJSON struct {
	PK             int64             `json:"pk"`
	Username       string            `json:"username"`
	InvitationCode string            `json:"invitation_code"`
	Name           string            `json:"name"`
	Avatar         string            `json:"avatar"`
	Prices         map[string]string `json:"prices"`
	Active         bool              `json:"active"`
	Balance        string            `json:"balance,omitempty"`
	Token          string            `json:"token,omitempty"` // shown once, when it is made
}

func renderUser(p account.Profile, prices account.Prices, active bool) adminUserJSON {
	shown := adminUserJSON{PK: p.PK, Username: p.Username, InvitationCode: p.InvitationCode, Name: p.Name,
		Avatar: p.Avatar, Prices: map[string]string{}, Active: active}
	for orderType, amount := range prices {
		shown.Prices[orderType] = amount.Yuan()
	}
	return shown
}

// adminListUsers lists all users, the first pk first.
func (c *call) adminListUsers() (reply, error) {
	return page(c, paging, c.users().All, func(_ context.Context, users []projections.User) ([]adminUserJSON, error) {
		rows := make([]adminUserJSON, len(users))
		for i, u := range users {
			rows[i] = renderUser(u.Profile, u.Prices, u.Active)
		}
		return rows, nil
	})
}

// adminUser shows one user with what is in the wallet.
func (c *call) adminUser() (reply, error) {
	user, err := c.api.Accounts.Users.Load(c.ctx(), c.echo.Param("username"))
	if err != nil {
		return reply{}, err
	}
	return c.userReply(c.ctx(), http.StatusOK, user, "")
}

// adminCreateUser makes a user: username and password, and if wanted token, name, avatar, invitation_code,
// price_online and price_monthly (yuan). A user with a price is a doctor.
func (c *call) adminCreateUser() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	r := auth.Registration{
		Profile: account.Profile{
			Username:       f.String("username", drf.MaxLength(maxUsername)),
			Name:           f.String("name", drf.Optional, drf.AllowBlank, drf.MaxLength(maxName)),
			Avatar:         f.String("avatar", drf.Optional, drf.AllowBlank, drf.MaxLength(maxFileURL)),
			InvitationCode: f.String("invitation_code", drf.Optional, drf.AllowBlank, drf.MaxLength(maxName)),
		},
		Password: f.String("password", drf.KeepSpace, drf.MaxLength(maxPassword)),
		Token:    token(f),
		Prices:   prices(f),
	}
	if f.OK("username") && !account.UsernamePattern.MatchString(r.Profile.Username) {
		f.Add("username", msgInvalidUsername)
	}
	if len(r.Profile.Username) > account.MaxUsername {
		f.Add("username", drf.MsgMaxBytes, account.MaxUsername)
	}
	if domain.IsReserved(r.Profile.Username) {
		f.Add("username", msgReservedUsername)
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Users)
	if err != nil {
		return reply{}, err
	}
	if r.Token == "" {
		r.Token = auth.NewToken()
	}
	r.Profile.PK = op.pk
	user, err := c.api.Accounts.Register(ctx, c.caller(op.id, op.at), r)
	if err != nil {
		return reply{}, err
	}
	return c.userReply(ctx, http.StatusCreated, user, r.Token)
}

// adminChangeUser changes what the request names of a user; a new password brings a new token.
func (c *call) adminChangeUser() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	change := account.ChangeProfile{Name: changed(f, "name", maxName), Avatar: changed(f, "avatar", maxFileURL),
		InvitationCode: changed(f, "invitation_code", maxName)}
	password := f.String("password", drf.Optional, drf.KeepSpace, drf.MaxLength(maxPassword))
	newToken, offers := token(f), prices(f)
	active := f.Bool("active", drf.Default(true))
	setActive := f.Has("active")
	if newToken != "" && password == "" {
		f.Add("password", drf.MsgRequired)
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	change.At = op.at
	name, caller := c.echo.Param("username"), c.caller(op.id, op.at)
	// The token may be another's, so it comes first: nothing after it is refused.
	if password != "" {
		if newToken == "" {
			newToken = auth.NewToken()
		}
		if _, err := c.api.Accounts.SetPassword(ctx, caller, name, password, newToken); err != nil {
			return reply{}, err
		}
	}
	user, err := c.api.Accounts.Users.Execute(ctx, name, caller, change)
	if err == nil && len(offers) > 0 {
		user, err = c.api.Accounts.SetPrices(ctx, caller, name, offers)
	}
	if err == nil && setActive {
		user, err = c.api.Accounts.SetActive(ctx, caller, name, active)
	}
	if err != nil {
		return reply{}, err
	}
	return c.userReply(ctx, http.StatusOK, user, newToken)
}

// adminTopUp adds money to a user's wallet.
func (c *call) adminTopUp() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	amount := domain.Fen(f.Decimal2("amount", drf.Between(1, int64(domain.MaxFen))))
	note := f.String("note", drf.Optional, drf.AllowBlank, drf.MaxLength(maxName))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	name := c.echo.Param("username")
	user, err := c.api.Accounts.Users.Load(ctx, name)
	if err != nil {
		return reply{}, err
	}
	if !user.State.Registered() {
		return reply{}, drf.NotFound()
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	filled, err := c.api.Wallets.Execute(ctx, name, c.caller(op.id, op.at), wallet.TopUp{Amount: amount, By: c.actor, Note: note, At: op.at})
	if err != nil {
		return reply{}, err
	}
	c.await(filled.Position)
	return c.userReply(ctx, http.StatusOK, user, "")
}

// userReply answers with a user as the log has them, once the views have them too.
func (c *call) userReply(ctx context.Context, status int, user decider.Result[account.User], token string) (reply, error) {
	if !user.State.Registered() {
		return reply{}, drf.NotFound()
	}
	w, err := c.api.Wallets.Load(ctx, user.State.Username)
	if err != nil {
		return reply{}, err
	}
	c.await(user.Position)
	shown := renderUser(user.State.Profile, user.State.Prices, user.State.Active)
	shown.Balance = w.State.Balance.Yuan()
	// Not if the same request, sent twice, made another; and not under a key, for a keyed reply is kept in the log,
	// which must give nobody a token: a login gives it.
	if !c.keyed() && auth.HashToken(token) == user.State.Credential.TokenHash {
		shown.Token = token
	}
	return reply{status, shown}, nil
}

// changed is a text to be set, nil if the request does not name it.
func changed(f *drf.Fields, field string, limit int) *string {
	if !f.Has(field) {
		return nil
	}
	text := f.String(field, drf.AllowBlank, drf.MaxLength(limit))
	return &text
}

func token(f *drf.Fields) string {
	given := f.String("token", drf.Optional)
	if given != "" && !auth.TokenPattern.MatchString(given) {
		f.Add("token", msgInvalidToken)
	}
	return given
}

// prices reads price_online and price_monthly, in yuan; a blank or null one takes the offer away.
func prices(f *drf.Fields) account.Prices {
	set := account.Prices{}
	for _, orderType := range qa.Types {
		field := "price_" + string(orderType)
		if !f.Has(field) {
			continue
		}
		if f.String(field, drf.AllowNull, drf.AllowBlank) == "" {
			set[string(orderType)] = -1
			continue
		}
		set[string(orderType)] = domain.Fen(f.Decimal2(field, drf.Between(0, int64(domain.MaxFen))))
	}
	return set
}
