package xmlapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"orderengine/domain"
	"orderengine/domain/institution"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/gateways"
	"orderengine/projections"
	"orderengine/xmlapi/envelope"
)

// methods is the whole table: the document's methodCode, and what answers it.
var methods = map[string]func(*call) error{
	"refundGeneral":  (*call).refundGeneral,  // 2.1
	"stopReg":        (*call).stopReg,        // 2.2
	"ordersQuery":    (*call).ordersQuery,    // 2.3
	"orderQuery":     (*call).ordersQuery,    // as the document's envelope spells it
	"regOrdersQuery": (*call).regOrdersQuery, // 2.4
	"msgPush":        (*call).msgPush,        // 2.5
	"eventsReplay":   (*call).eventsReplay,   // ours
}

// call is one call on its way to its reply.
type call struct {
	api      *API
	ctx      context.Context // bounds the call, and outlives its client
	client   context.Context // ends when the client has gone
	w        http.ResponseWriter
	request  *envelope.Request
	params   params
	hospital institution.Hospital // who calls
	at       time.Time
	code     envelope.Code // that was answered
}

// outcome is a reply other than success, on its way out.
type outcome struct {
	code   envelope.Code
	desc   string
	fields []envelope.Field
}

func (o *outcome) Error() string { return strconv.Itoa(int(o.code)) + ": " + o.desc }

func notAllowed(desc string) error   { return &outcome{code: envelope.NotAllowed, desc: desc} }
func nothingFound(desc string) error { return &outcome{code: envelope.NothingFound, desc: desc} }
func repeated(desc string, fields ...envelope.Field) error {
	return &outcome{code: envelope.Repeated, desc: desc, fields: fields}
}

// clientClosed is nginx's status for a client that has gone before the reply.
const clientClosed = 499

// answer runs the method; whatever it does not answer itself is answered here.
func (c *call) answer() {
	began := c.api.Now()
	name := c.request.Method
	run := methods[name]
	var err error
	switch {
	case run == nil:
		err, name = notAllowed("methodCode：未知的接口 "+cut(name)), "unknown"
	default:
		if err = c.identify(); err == nil {
			err = run(c)
		}
	}
	if errors.Is(err, context.Canceled) && c.client.Err() != nil {
		c.w.WriteHeader(clientClosed) // nobody hears a result code, so none is counted
		return
	}
	if err != nil {
		c.refuse(err)
	}
	c.api.Calls.WithLabelValues(name, codeLabel(c.code)).Inc()
	c.api.Logger.Debug("open call", "request", c.id(), "method", name, "hospital", c.hospital.Code,
		"code", int(c.code), "took", c.api.Now().Sub(began))
}

// reply is the reply to a call that succeeded.
func (c *call) reply(fields ...envelope.Field) {
	c.code = envelope.Done
	c.api.gone(c.request.Reply(c.w, envelope.Done, "", fields...))
}

// refuse tells what went wrong; this is the one table from errors to result codes.
func (c *call) refuse(err error) {
	var told *outcome
	var fault *domain.Fault
	switch {
	case errors.As(err, &told):
	case errors.As(err, &fault):
		told = &outcome{code: envelope.NotAllowed, desc: describe(fault)}
		if fault.Code == domain.NotFound {
			told.code = envelope.NothingFound
		}
	case unavailable(err):
		c.api.Logger.Warn("a call could not be served now", "request", c.id(), "error", err.Error())
		told = &outcome{code: envelope.Failed, desc: "系统繁忙，请稍后重试"}
	default:
		c.api.Logger.Error("a call failed", "request", c.id(), "error", err.Error())
		told = &outcome{code: envelope.Failed, desc: "系统错误，请稍后重试"}
	}
	c.code = told.code
	c.api.gone(c.request.Reply(c.w, told.code, told.desc, told.fields...))
}

func describe(f *domain.Fault) string {
	if f.Field != "" {
		return f.Field + "：" + f.Why
	}
	return f.Why
}

// unavailable says that the same call may well succeed later.
func unavailable(err error) bool {
	return decider.MayPass(err) || projections.MayPass(err) || errors.Is(err, context.DeadlineExceeded)
}

// identify finds the hospital that the secret names. It says no more of a wrong one than that it is wrong, so one that is
// too long is wrong too: a description would quote it.
func (c *call) identify() error {
	secret := c.params.required("secret", envelope.MaxBody)
	if err := c.params.err; err != nil {
		return err
	}
	found, err := gateways.Secrets{Links: c.api.Secrets, Hospitals: c.api.Hospitals}.Hospital(c.ctx, secret)
	if errors.Is(err, gateways.ErrSecret) {
		return &outcome{code: envelope.Failed, desc: "secret：接口密钥错误"}
	}
	if err != nil {
		return err
	}
	c.hospital = found
	return nil
}

// await lets the views catch up with a command. If they do not, the reply is as true.
func (c *call) await(position eventstore.Position) { _ = c.api.Await(c.client, position) }

func codeLabel(code envelope.Code) string { return strconv.Itoa(int(code)) }
