package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"orderengine/domain/message"
	"orderengine/gateways/vault"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// messageJSON is a message as administrators and auditors see it; params and text are null where they are hidden.
type messageJSON struct {
	ID         string            `json:"id"`
	Hospital   string            `json:"hospital"`
	Event      string            `json:"event"`
	Patient    string            `json:"patient"`
	Voucher    string            `json:"voucher"`
	Params     map[string]string `json:"params"`
	Text       *string           `json:"text"`
	Status     message.Status    `json:"status"`
	Why        string            `json:"why"`
	Tries      int               `json:"tries"`
	CreateTime string            `json:"create_time"`
	SendTime   *string           `json:"send_time"`
	hiddenJSON
}

func (c *call) renderMessage(m message.Message, who people) (messageJSON, error) {
	var text message.Text
	opened, hidden, err := c.open(who[m.Patient], m.Purpose(), m.Content.Text)
	if err == nil {
		err = vault.Decode([]byte(opened), &text)
	}
	shown := messageJSON{ID: m.ID, Hospital: m.Hospital, Event: m.Event, Patient: m.Patient, Voucher: m.Voucher,
		Params: text.Params, Status: m.Status, Why: m.Why, Tries: m.Tries,
		CreateTime: drf.Time(m.At, c.api.Location), hiddenJSON: hidden}
	if !hidden.isSet() {
		shown.Text = &text.Text
	}
	if !m.SentAt.IsZero() {
		sent := drf.Time(m.SentAt, c.api.Location)
		shown.SendTime = &sent
	}
	return shown, err
}

var messageStatuses = []string{string(message.Queued), string(message.Sent), string(message.Parked), string(message.Dropped)}

// listMessages lists the messages to patients, the newest first: ?hospital= and ?status= choose. Auditors see those of
// restricted patients too.
func (c *call) listMessages() (reply, error) {
	f := drf.QueryData(c.query).Fields()
	code := f.String("hospital", drf.Optional, drf.AllowBlank)
	status := message.Status(f.Choice("status", messageStatuses, drf.Optional, drf.AllowBlank))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	messages := func(ctx context.Context, w projections.Window) ([]message.Message, int, error) {
		return projections.Messages(ctx, c.api.Views, code, status, w)
	}
	return page(c, paging, messages, func(ctx context.Context, messages []message.Message) ([]messageJSON, error) {
		patients := make([]string, len(messages))
		for i, m := range messages {
			patients[i] = m.Patient
		}
		who, err := c.api.People.each(ctx, patients)
		if err != nil {
			return nil, err
		}
		rows := make([]messageJSON, len(messages))
		for i, m := range messages {
			if rows[i], err = c.renderMessage(m, who); err != nil {
				return nil, err
			}
		}
		return rows, nil
	})
}

// adminRetryMessage has a parked message sent again; the reactor does it at once.
func (c *call) adminRetryMessage() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	if _, err := uuid.Parse(c.echo.Param("id")); err != nil {
		return reply{}, drf.NotFound()
	}
	retried, err := c.api.Messages.Execute(ctx, c.echo.Param("id"), c.caller(op.id, op.at), message.Retry{By: c.actor, At: op.at})
	if err != nil {
		return reply{}, err
	}
	c.await(retried.Position)
	who, err := c.api.Accounts.People(ctx, retried.State.Patient)
	if err != nil {
		return reply{}, err
	}
	shown, err := c.renderMessage(retried.State, who)
	return reply{http.StatusOK, shown}, err
}
