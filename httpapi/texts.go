package httpapi

import (
	"context"
	"errors"

	"github.com/tidwall/gjson"

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
	// Unreadable is what should not be: the data key is lost, or not the one that the text was sealed with.
	Unreadable bool `json:"unreadable,omitempty"`
}

func (h hiddenJSON) isSet() bool { return h != hiddenJSON{} }

// open opens a text about a patient, which is JSON, or nothing if nothing was said, unless it is hidden from the caller.
// One that cannot be read is logged, and hides nobody else's.
func (c *call) open(patient account.Person, purpose string, sealed domain.Sealed) (string, hiddenJSON, error) {
	privacy := c.privacyOf(patient)
	if privacy.Hidden() {
		return "", hiddenBy(privacy), nil
	}
	text, err := c.openOf(patient, purpose, sealed)
	if errors.Is(err, vault.ErrNoKey) { // who told of the patient may not have heard yet of the key, or that it was destroyed
		user, loadErr := c.api.Accounts.Users.Load(c.ctx(), patient.Username)
		if loadErr != nil {
			return "", hiddenJSON{}, loadErr
		}
		now := user.State.Person()
		if privacy = c.privacyOf(now); privacy.Hidden() {
			return "", hiddenBy(privacy), nil
		}
		text, err = c.openOf(now, purpose, sealed)
	}
	switch {
	case err == nil:
		c.subject = patient.Username
		return text, hiddenJSON{}, nil
	case errors.Is(err, vault.ErrNoKey), errors.Is(err, vault.ErrOtherFolder), errors.Is(err, vault.ErrSealed):
		c.api.Logger.Error("a text cannot be read; put the data key back", "request", c.request, "error", err.Error())
		return "", hiddenJSON{Unreadable: true}, nil
	}
	return "", hiddenJSON{}, err
}

// openOf opens a text of a patient's. Most pages tell of one patient: the data key is looked for once.
func (c *call) openOf(patient account.Person, purpose string, sealed domain.Sealed) (text string, err error) {
	if !c.texts.Are(patient) {
		c.texts = c.api.Vault.Of(patient)
	}
	c.opened, err = c.texts.Open(c.opened[:0], purpose, sealed)
	return string(c.opened), err
}

// said is a text on its way into a reply. Its parts stay the JSON that was sealed, which follows the same rules; only
// where it is from before texts were sealed, "<", ">" and "&" in it are escaped.
type said struct {
	w      *drf.Writer
	parts  [mostParts]part
	hidden hiddenJSON
}

type part struct{ name, json string }

// mostParts is what a text has at most.
const mostParts = 4

func (c *call) said(w *drf.Writer, patient account.Person, purpose string, sealed domain.Sealed) said {
	text, hidden, err := c.open(patient, purpose, sealed)
	if err != nil {
		w.Fail(err)
	}
	return said{w, partsOf(text), hidden}
}

// partsOf are the parts of a text, none of nothing.
func partsOf(text string) (parts [mostParts]part) {
	n := 0
	gjson.Parse(text).ForEach(func(name, value gjson.Result) bool {
		parts[n] = part{name.Str, value.Raw}
		n++
		return n < mostParts
	})
	return parts
}

// part is a part of the text, or what stands for none.
func (s *said) part(name, none string) string {
	for i := range s.parts {
		if p := &s.parts[i]; p.name == name && p.json != "null" {
			return p.json
		}
	}
	return none
}

// text writes a member that is a text.
func (s *said) text(name string) { s.member(name, s.part(name, `""`)) }

// list writes a member that is a list; in the text it may be called otherwise.
func (s *said) list(name, as string) { s.member(name, s.part(as, `[]`)) }

// joined writes the texts of a list as one, between commas.
func (s *said) joined(name, as string) {
	if s.hidden.isSet() {
		s.member(name, "")
		return
	}
	s.w.Name(name).Raw(`"`)
	between := ""
	gjson.Parse(s.part(as, `[]`)).ForEach(func(_, text gjson.Result) bool {
		if text.Type == gjson.String {
			s.w.Raw(between)
			s.w.Raw(text.Raw[1 : len(text.Raw)-1]) // without its quotes
			between = ","
		}
		return true
	})
	s.w.Raw(`"`)
}

func (s *said) member(name, json string) {
	if s.hidden.isSet() {
		json = "null"
	}
	s.w.Name(name).Raw(json)
}

// why writes why the texts are null, if they are.
func (s *said) why() {
	if s.hidden.isSet() {
		s.w.Members(s.hidden)
	}
}

// privacyOf is what the caller has to go by: a restriction is not for auditors.
func (c *call) privacyOf(patient account.Person) account.Privacy {
	if c.operator == domain.Audit {
		return patient.Privacy.ForAudit()
	}
	return patient.Privacy
}

func hiddenBy(p account.Privacy) hiddenJSON {
	return hiddenJSON{Erased: p.Gone(), Restricted: p.Standing == account.Restricted}
}

// say runs a command that brings a text about an order's patient: it is sealed before the command is made of it, and
// after it is known that the order takes the command, or took it when it was sent before.
func (c *call) say(ctx context.Context, number string, op operation, purpose string, text any,
	command func(domain.Sealed) qa.Command) (decider.Result[qa.Order], error) {
	if !qa.IsNumber(number) {
		return decider.Result[qa.Order]{}, drf.NotFound()
	}
	order, run, err := c.api.Orders.Find(ctx, number, op.id)
	if err != nil || run {
		return order, err
	}
	caller, unsealed := c.caller(op.id, op.at), command(nil)
	_, err = qa.Decide(order.State, unsealed)
	var sealed domain.Sealed
	if err == nil {
		sealed, err = c.api.Vault.Seal(ctx, caller, order.State.Patient, purpose, text)
	}
	if err != nil {
		return order, refused(ctx, c, c.api.Orders, number, caller, unsealed, order, err)
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
