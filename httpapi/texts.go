package httpapi

import (
	"context"
	"errors"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/idempotency"
	"orderengine/domain/qa"
	"orderengine/eventstore/decider"
	"orderengine/gateways/vault"
	"orderengine/httpapi/drf"
)

// hiddenJSON says why the texts beside it are null.
type hiddenJSON struct {
	Erased     bool `json:"erased,omitempty"`
	Restricted bool `json:"restricted,omitempty"`
}

// open opens a text about a patient into the value that text points to, unless it is hidden.
func (c *call) open(patient account.Person, purpose string, sealed domain.Sealed, text any) (hiddenJSON, error) {
	if !patient.Privacy.Hidden() {
		err := c.api.Vault.Open(patient, purpose, sealed, text)
		if err == nil {
			c.subject = patient.Username
			return hiddenJSON{}, nil
		}
		if !errors.Is(err, vault.ErrNoKey) {
			return hiddenJSON{}, err
		}
		// The views may not have heard yet that it was erased.
		user, unread := c.api.Accounts.Users.Load(c.ctx(), patient.Username)
		if unread != nil || !user.State.Privacy.Gone() {
			return hiddenJSON{}, errors.Join(err, unread)
		}
		patient.Privacy = user.State.Privacy
	}
	return hiddenJSON{Erased: patient.Privacy.Gone(), Restricted: patient.Privacy.Standing == account.Restricted}, nil
}

// unless is a value, nil where it is hidden.
func unless[T any](hidden hiddenJSON, value T) *T {
	if hidden != (hiddenJSON{}) {
		return nil
	}
	return &value
}

// say runs a command that brings a text about an order's patient: it is sealed before the command is made of it.
func (c *call) say(ctx context.Context, number string, op operation, purpose string, text any,
	command func(domain.Sealed) qa.Command) (decider.Result[qa.Order], error) {
	if !qa.NumberPattern.MatchString(number) {
		return decider.Result[qa.Order]{}, drf.NotFound()
	}
	order, err := c.api.Orders.Load(ctx, number)
	if err != nil {
		return order, err
	}
	if !order.State.Placed() {
		return c.execute(ctx, number, op, command(nil)) // it says what is wrong
	}
	caller := c.caller(op.id, op.at)
	sealed, err := c.api.Vault.Seal(ctx, caller, order.State.Patient, purpose, text)
	if err != nil {
		c.api.Refusals.Record(ctx, caller, c.api.Orders.Stream(number), command(nil), err)
		return order, err
	}
	return c.execute(ctx, number, op, command(sealed))
}

// sealReply seals a reply that tells a patient's texts, before it is kept for its key.
func (c *call) sealReply(ctx context.Context, body []byte) (sealed []byte, subject string, err error) {
	if c.subject == "" {
		return body, "", nil
	}
	sealed, err = c.api.Vault.SealBytes(ctx, c.caller(c.op.id, c.op.at), c.subject, replyPurpose(c.op.claim), body)
	return sealed, c.subject, err
}

// openReply is the body of a reply that was kept. One that tells texts which are hidden by now is refused.
func (c *call) openReply(ctx context.Context, claim string, first idempotency.Reply) ([]byte, error) {
	if first.Subject == "" {
		return first.Body, nil
	}
	user, err := c.api.Accounts.Users.Load(ctx, first.Subject)
	if err != nil {
		return nil, err
	}
	if user.State.Privacy.Hidden() {
		return nil, user.State.Privacy.Refusal()
	}
	return c.api.Vault.OpenBytes(user.State.Person(), replyPurpose(claim), first.Body)
}

func replyPurpose(claim string) string { return "reply/" + claim }
