package httpapi

import (
	"context"
	"crypto/subtle"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/institution"
	"orderengine/eventstore"
	"orderengine/gateways/vault"
	"orderengine/httpapi/auth"
	"orderengine/httpapi/drf"
)

// call is one request on its way to its reply.
type call struct {
	api  *API
	echo echo.Context
	// request names it in the reply, the logs and the events; looking at the reply's header instead is not for several
	// goroutines.
	request string
	lang    drf.Lang
	actor   string       // who calls, as events name them
	user    account.User // zero for an operator
	// operator is who calls by a token of the settings: domain.Admin, domain.Audit, or "" for everybody else.
	operator string
	// hospital is who calls by a secret, zero for everybody else.
	hospital institution.Hospital
	data     *drf.Data // the body
	query    url.Values
	op       operation
	// subject is the patient whose texts the reply tells, "" if it tells none.
	subject string
	texts   vault.Texts // of the patient of whom the last one was opened
	opened  []byte      // room for the next
}

// reply is what a handler answers: a status and a body that becomes JSON or is written already (*drf.Writer), nil for none.
type reply struct {
	status int
	body   any
}

// commandLimit bounds a command, which goes on when its client has gone: half a change helps nobody.
const commandLimit = 10 * time.Second

// serve answers one route, with the checks in DRF's order: who calls (401), may they (403), is there such a
// method (405), can the body be read (400, 413, 415).
func (a *API) serve(r route) echo.HandlerFunc {
	allow := drf.Allow(slices.Collect(maps.Keys(r.on))...)
	return func(ec echo.Context) error {
		c := &call{api: a, echo: ec, request: ec.Response().Header().Get(requestIDHeader), lang: drf.RequestLang(ec.Request())}
		header := ec.Response().Header()
		if r.on != nil {
			header.Set("Allow", allow)
		}
		c.lang.SetHeader(header)
		answer, err := c.answer(r)
		return c.write(answer, err)
	}
}

func (c *call) answer(r route) (reply, error) {
	if r.on == nil {
		return reply{}, drf.NotFound()
	}
	who, looks := r.who.split()
	if err := c.identify(who); err != nil {
		return reply{}, err
	}
	request := c.echo.Request()
	method := request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if method == http.MethodOptions {
		return reply{http.StatusOK, drf.NewMetadata(r.name, "")}, nil
	}
	handle := r.on[method]
	if handle == nil {
		return reply{}, drf.MethodNotAllowed(request.Method)
	}
	c.query, c.data = drf.Query(request), &drf.Data{}
	answer, err := c.run(who, method, handle)
	if looks && c.operator != "" {
		err = c.look(err)
	}
	return answer, err
}

// run reads the body, if the handler is not to, and calls the handler, unless the call's key has its reply already.
func (c *call) run(who audience, method string, handle func(*call) (reply, error)) (reply, error) {
	if method != http.MethodGet && who != platform && who != importers {
		var err error
		if c.data, err = drf.ParseBody(c.echo.Request(), maxBody); err != nil {
			return reply{}, err
		}
		if err := c.replay(); err != nil {
			return reply{}, err
		}
	}
	answer, err := handle(c)
	return c.settle(answer, err)
}

// identify finds out who calls and whether they are among those the route is for.
func (c *call) identify(who audience) error {
	if who == anyone || who == platform {
		return nil
	}
	if secret, ok := hospitalSecret(c.echo.Request().Header.Get("Authorization")); ok && who == replayers {
		return c.identifyHospital(secret)
	}
	token, err := drf.ParseToken(c.echo.Request().Header.Get("Authorization"))
	if err != nil {
		return err
	}
	if operator := c.api.operator(token); operator != "" {
		if operator != operatorOf[who] {
			return drf.PermissionDenied()
		}
		c.actor, c.operator = operator, operator
		return nil
	}
	user, err := c.api.Accounts.Authenticate(c.ctx(), token)
	switch {
	case errors.Is(err, auth.ErrUnknown):
		return drf.Unauthorized(drf.MsgTokenUnknown)
	case errors.Is(err, auth.ErrInactive):
		return drf.Unauthorized(drf.MsgUserInactive)
	case err != nil:
		return err
	case operatorOf[who] != "":
		return drf.PermissionDenied()
	}
	c.user, c.actor = user, user.Username
	return nil
}

// operatorOf names who may call a route that is not for users.
var operatorOf = map[audience]string{administrators: domain.Admin, importers: domain.Admin, auditors: domain.Audit, replayers: domain.Audit}

// operator is whose token of the settings it is, "" if nobody's.
func (a *API) operator(token string) string {
	switch {
	case isToken(token, a.AdminToken):
		return domain.Admin
	case isToken(token, a.AuditToken):
		return domain.Audit
	default:
		return ""
	}
}

// isToken says that a token is the one of a setting, which is none if it is empty.
func isToken(token, known string) bool {
	return known != "" && subtle.ConstantTimeCompare([]byte(token), []byte(known)) == 1
}

// ctx ends when the client goes; reads use it.
func (c *call) ctx() context.Context { return c.echo.Request().Context() }

// commandCtx outlives the client; commands use it.
func (c *call) commandCtx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.ctx()), commandLimit)
}

// await lets the views catch up with a command. If they do not, the reply is as true: it is made from the state.
func (c *call) await(position eventstore.Position) {
	_ = c.api.Await(c.ctx(), position)
}

// write sends the reply, or what became of it.
func (c *call) write(answer reply, err error) error {
	var recorded *recordedReply
	if errors.As(err, &recorded) {
		return c.send(recorded.status, recorded.body)
	}
	if err != nil {
		return c.send(c.refusal(err))
	}
	if raw, ok := answer.body.(rawBody); ok {
		return c.blob(answer.status, raw.contentType, raw.data)
	}
	if stream, ok := answer.body.(streamed); ok {
		return stream(c.echo.Response())
	}
	if w, ok := answer.body.(*drf.Writer); ok {
		defer w.Release()
	}
	body, err := answer.json()
	if err != nil {
		return c.send(c.refusal(err))
	}
	return c.send(answer.status, body)
}

// json is the body in its form on the wire, nil for none.
func (r reply) json() ([]byte, error) {
	switch body := r.body.(type) {
	case nil:
		return nil, nil
	case *drf.Writer:
		return body.JSON()
	default:
		return drf.Marshal(body)
	}
}

func (c *call) send(status int, body []byte) error {
	if body == nil {
		return c.echo.NoContent(status)
	}
	return c.blob(status, "application/json", body)
}

// blob says how long the body is: beyond its buffers net/http does not know, and HEAD would not tell.
func (c *call) blob(status int, contentType string, body []byte) error {
	c.echo.Response().Header().Set("Content-Length", strconv.Itoa(len(body)))
	return c.echo.Blob(status, contentType, body)
}

// rawBody is a reply that is not JSON.
type rawBody struct {
	contentType string
	data        []byte
}

// streamed writes a reply as it comes, its header included. An error after the first byte cuts the reply off
// (http.ErrAbortHandler), so that the client sees that it is not whole.
type streamed func(w *echo.Response) error
