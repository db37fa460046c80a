// Package messages tells patients: it composes what an order says that its patient is to be told, and sends what
// was composed, through a channel that the settings name.
package messages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/hospital"
	"orderengine/domain/institution"
	"orderengine/domain/message"
	"orderengine/domain/process"
	"orderengine/eventstore/decider"
	"orderengine/gateways/vault"
)

// Channel takes messages to patients.
type Channel interface {
	// Send sends a message and gives the channel's own name of it. It may be called again with the same message after
	// an error; a [*Refusal] says that it would be refused again.
	Send(ctx context.Context, m Letter) (ref string, err error)
}

// Letter is a message as a channel takes it, opened.
type Letter struct {
	ID       string            `json:"id"`
	Hospital string            `json:"hospital"` // its code
	Event    string            `json:"event"`
	Patient  string            `json:"patient"` // username
	Voucher  string            `json:"voucher"` // the card or the order by which the hospital named the patient
	Params   map[string]string `json:"params"`
	Text     string            `json:"text"` // rendered
	At       time.Time         `json:"at"`
}

// Refusal is a channel's final answer that it does not take a message.
type Refusal struct{ Why string }

func (r *Refusal) Error() string { return "the channel refuses: " + r.Why }

// The deciders that telling needs.
type (
	Orders interface {
		Load(ctx context.Context, number string) (decider.Result[hospital.Order], error)
		Execute(ctx context.Context, number string, call decider.Call, c hospital.Command) (decider.Result[hospital.Order], error)
	}
	Hospitals interface {
		Load(ctx context.Context, code string) (decider.Result[institution.Hospital], error)
	}
	Messages interface {
		Load(ctx context.Context, id string) (decider.Result[message.Message], error)
		Execute(ctx context.Context, id string, call decider.Call, c message.Command) (decider.Result[message.Message], error)
	}
)

// Messenger composes and sends.
type Messenger struct {
	Orders    Orders
	Hospitals Hospitals
	Messages  Messages
	Vault     vault.Vault
	Channel   Channel
	Periods   process.Periods
	Now       func() time.Time
}

// maxTries is how often a message is sent before a person looks at it.
const maxTries = 10

// Tell composes all that an order's patient is still to be told.
func (m Messenger) Tell(ctx context.Context, number string) error {
	order, err := m.Orders.Load(ctx, number)
	if err != nil || len(order.State.Untold) == 0 {
		return err
	}
	h, err := m.Hospitals.Load(ctx, order.State.Hospital)
	if err != nil {
		return err
	}
	for _, notice := range order.State.Untold {
		id := idOf(order.State, notice)
		if err := m.compose(ctx, id, order.State, h.State, notice); err != nil {
			return err
		}
		told := hospital.MarkTold{Notice: notice.ID, At: m.now()}
		if _, err := m.Orders.Execute(ctx, number, m.call("told", id), told); err != nil {
			return err
		}
	}
	return nil
}

// compose composes the message of a notice. There is none to a patient about whom nothing may be said any more.
func (m Messenger) compose(ctx context.Context, id string, o hospital.Order, h institution.Hospital, n hospital.Notice) error {
	content := message.Content{ID: id, Hospital: o.Hospital, Event: n.Event, Patient: o.Patient, Voucher: o.Number, At: n.At}
	sealed, err := m.Vault.Seal(ctx, m.call("seal", id), o.Patient, content.Purpose(), textOf(o, h, n))
	if account.IsWithheld(err) {
		return nil
	}
	if err != nil {
		return err
	}
	content.Text = sealed
	_, err = m.Messages.Execute(ctx, id, m.call("compose", id), message.Compose{Content: content})
	return err
}

// idOf is the id of a notice's message: the same, whoever composes it.
func idOf(o hospital.Order, n hospital.Notice) string {
	return uuid.NewSHA1(namespace, []byte(o.Number+"/"+n.Event+"/"+n.ID)).String()
}

// textOf is what the message of a notice says.
func textOf(o hospital.Order, h institution.Hospital, n hospital.Notice) message.Text {
	params := map[string]string{"hospitalName": h.Name, "orderNo": o.Number, "amount": n.Amount.Yuan()}
	switch n.Event {
	case message.Refunded:
		params["reason"] = n.Reason
	case message.Stopped:
		params["bookDate"], params["deptName"], params["doctorName"] = o.BookDate, o.Department, o.Doctor
	}
	template, _ := message.Template(h.Templates, n.Event) // notices have one of ours
	return message.Text{Params: params, Text: message.Render(template, params)}
}

// Send sends a message that is due; one that is not is left.
func (m Messenger) Send(ctx context.Context, id string) error {
	found, err := m.Messages.Load(ctx, id)
	if err != nil {
		return err
	}
	now := m.now()
	for _, todo := range process.Message(found.State, m.Periods) {
		if todo.Due.After(now) {
			continue
		}
		outcome, err := m.send(ctx, found.State, now)
		if err != nil {
			return err
		}
		step := fmt.Sprintf("%T%d/%d", outcome, found.State.Tries, found.State.Retried)
		if _, err := m.Messages.Execute(ctx, id, m.call(step, id), outcome); err != nil {
			return err
		}
	}
	return nil
}

// send hands a message to the channel, and says what came of it.
func (m Messenger) send(ctx context.Context, s message.Message, now time.Time) (message.Command, error) {
	patient, err := m.Vault.Users.Load(ctx, s.Patient)
	if err != nil {
		return nil, err
	}
	if privacy := patient.State.Privacy; privacy.Hidden() {
		return message.Drop{Why: privacy.Refusal().Error(), At: now}, nil
	}
	var text message.Text
	if err := m.Vault.Open(patient.State.Person(), s.Purpose(), s.Content.Text, &text); err != nil {
		return nil, err
	}
	ref, err := m.Channel.Send(ctx, Letter{ID: s.ID, Hospital: s.Hospital, Event: s.Event, Patient: s.Patient, Voucher: s.Voucher,
		Params: text.Params, Text: text.Text, At: s.At})
	return outcomeOf(s, ref, err, now), nil
}

// outcomeOf is what came of sending a message.
func outcomeOf(s message.Message, ref string, err error, now time.Time) message.Command {
	var refusal *Refusal
	switch {
	case err == nil:
		return message.RecordSent{Ref: ref, At: now}
	case errors.As(err, &refusal) || s.Tries+1 >= maxTries:
		return message.Park{Why: err.Error(), At: now}
	default:
		return message.Delay{Why: err.Error(), At: now}
	}
}

// namespace makes the ids of messages and of the calls below; it never changes.
var namespace = uuid.MustParse("0f6f7c0e-9a1b-4c69-8a0e-4f3f8c6f5d21")

// call is the same for the same step, so that the step is taken once.
func (m Messenger) call(step, id string) decider.Call {
	return decider.Call{ID: uuid.NewSHA1(namespace, []byte(step+"/"+id)), Actor: domain.System, Correlation: id, At: m.now()}
}

func (m Messenger) now() time.Time { return m.Now().UTC().Truncate(time.Microsecond) }
