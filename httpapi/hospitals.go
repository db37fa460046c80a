package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"orderengine/domain"
	"orderengine/domain/card"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/domain/message"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/auth"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// The deciders of what a hospital's patients have.
type (
	Cards    = decider.Decider[card.Card, card.Command, card.Event]
	Messages = decider.Decider[message.Message, message.Command, message.Happening]
)

var (
	msgInvalidSecret = drf.NewMessage("A secret is 16 to 128 visible ASCII characters; leave it blank to have one made.",
		"密钥须为 16 至 128 个可见 ASCII 字符；留空则自动生成。")
	msgSecretTaken = drf.NewMessage("The secret is taken: it is, or once was, another hospital's.", "该密钥已被占用：它属于或曾属于其他医院。")
)

// Limits of what administrators say of a hospital.
const (
	maxBranches = 200
	maxTemplate = 2000
)

// hospitalJSON is a hospital as administrators see it.
type hospitalJSON struct {
	Code      string            `json:"code"`
	Name      string            `json:"name"`
	Branches  map[string]string `json:"branches"`  // names by code
	Templates map[string]string `json:"templates"` // texts by event
	ItemTag   string            `json:"item_tag"`
	Secret    string            `json:"secret,omitempty"` // shown once, when it is made
	// WebhookURL is where the hospital's events are delivered, "" if nowhere. The secret that signs them is never shown.
	WebhookURL string `json:"webhook_url"`
}

func renderHospital(h institution.Hospital) hospitalJSON {
	shown := hospitalJSON{Code: h.Code, Name: h.Name, Branches: map[string]string{}, Templates: map[string]string{}, ItemTag: h.ItemTag,
		WebhookURL: h.Webhook.URL}
	for _, b := range h.Branches {
		shown.Branches[b.Code] = b.Name
	}
	maps.Copy(shown.Templates, h.Templates)
	return shown
}

func (c *call) hospitals() projections.Hospitals { return projections.Hospitals{Views: c.api.Views} }

// adminListHospitals lists all hospitals, by code.
func (c *call) adminListHospitals() (reply, error) {
	return page(c, paging, c.hospitals().All, func(_ context.Context, hospitals []institution.Hospital) ([]hospitalJSON, error) {
		rows := make([]hospitalJSON, len(hospitals))
		for i, h := range hospitals {
			rows[i] = renderHospital(h)
		}
		return rows, nil
	})
}

// adminHospital shows one hospital.
func (c *call) adminHospital() (reply, error) {
	h, err := c.institution(c.ctx())
	return reply{http.StatusOK, renderHospital(h.State)}, err
}

// institution is the hospital in the path.
func (c *call) institution(ctx context.Context) (decider.Result[institution.Hospital], error) {
	found, err := c.api.Hospitals.Load(ctx, c.echo.Param("code"))
	if err == nil && !found.State.Registered() {
		err = drf.NotFound()
	}
	return found, err
}

// adminCreateHospital makes a hospital: code and name, and if wanted branches, templates, item_tag, a secret and a webhook.
func (c *call) adminCreateHospital() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	code, name := f.String("code", drf.MaxLength(maxName)), f.String("name", drf.MaxLength(maxName))
	change, secret, hook := c.institutionChange(f), secret(f), c.webhookChange(f, code, institution.Hospital{})
	change.Name = nil
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	// What cannot be taken is refused before anything is made.
	if _, err := institution.Decide(institution.Hospital{Code: code}, change); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	if secret == "" {
		secret = auth.NewToken()
	}
	if err := c.register(ctx, op, institution.Register{Code: code, Name: name, At: op.at}, secret); err != nil {
		return reply{}, err
	}
	return c.changeHospital(ctx, op, code, http.StatusCreated, change, secret, hook)
}

// adminChangeHospital changes what the request names; a blank secret has one made.
func (c *call) adminChangeHospital() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	h, err := c.institution(ctx)
	if err != nil {
		return reply{}, err
	}
	f := c.data.Fields()
	change, newSecret, hook := c.institutionChange(f), secret(f), c.webhookChange(f, h.State.Code, h.State)
	if f.Has("secret") && newSecret == "" {
		newSecret = auth.NewToken()
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	// What cannot be taken is refused before anything is changed.
	if _, err := institution.Decide(h.State, change); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	if err := c.leadSecret(ctx, op, h.State.Code, newSecret); err != nil {
		return reply{}, err
	}
	return c.changeHospital(ctx, op, h.State.Code, http.StatusOK, change, newSecret, hook)
}

// register makes a hospital after its secret leads to it. Nothing leads to one that would be refused; under a key it may be
// there already.
func (c *call) register(ctx context.Context, op operation, register institution.Register, secret string) error {
	known, run, err := c.api.Hospitals.Find(ctx, register.Code, op.id)
	if err == nil && !run {
		_, err = institution.Decide(known.State, register)
	}
	if err == nil {
		err = c.leadSecret(ctx, op, register.Code, secret)
	}
	if err == nil {
		_, err = c.api.Hospitals.Execute(ctx, register.Code, c.caller(op.id, op.at), register)
	}
	return err
}

// leadSecret leads a new secret to its hospital before the hospital knows of it, and before all that it comes with: it may be
// refused, for a secret is one hospital's, for ever.
func (c *call) leadSecret(ctx context.Context, op operation, code, secret string) error {
	if secret == "" {
		return nil
	}
	_, err := c.api.Secrets.Execute(ctx, institution.HashSecret(secret), c.caller(op.id, op.at).Step("link"), link.Command{To: code})
	if domain.IsRefused(err, domain.AlreadyExists) {
		err = drf.FieldInvalid("secret", msgSecretTaken)
	}
	return err
}

// changeHospital makes changes that nothing refuses any more; the secret leads to the hospital already.
func (c *call) changeHospital(ctx context.Context, op operation, code string, status int, change institution.Change, secret string,
	hook *institution.Webhook) (reply, error) {
	change.At = op.at
	changed, err := c.api.Hospitals.Execute(ctx, code, c.caller(op.id, op.at).Step("change"), change)
	if err != nil {
		return reply{}, err
	}
	if hook != nil {
		set := institution.SetWebhook{Webhook: *hook, At: op.at}
		if changed, err = c.api.Hospitals.Execute(ctx, code, c.caller(op.id, op.at).Step("webhook"), set); err != nil {
			return reply{}, err
		}
	}
	shown := ""
	if secret != "" {
		set := institution.SetSecret{Hash: institution.HashSecret(secret), At: op.at}
		if changed, err = c.api.Hospitals.Execute(ctx, code, c.caller(op.id, op.at).Step("secret"), set); err != nil {
			return reply{}, err
		}
		// Not under a key, for a keyed reply is kept in the log, which must give nobody a secret.
		if !c.keyed() && changed.State.SecretHash == set.Hash {
			shown = secret
		}
	}
	c.await(changed.Position)
	answer := renderHospital(changed.State)
	answer.Secret = shown
	return reply{status, answer}, nil
}

// institutionChange reads what the request names of a hospital.
func (c *call) institutionChange(f *drf.Fields) institution.Change {
	change := institution.Change{
		Templates: f.StringDict("templates", drf.Optional, drf.AllowBlank, drf.MaxItems(len(message.Events)), drf.MaxLength(maxTemplate)),
		ItemTag:   changed(f, "item_tag", maxName), Name: changed(f, "name", maxName),
	}
	if f.Has("branches") {
		named := f.StringDict("branches", drf.AllowBlank, drf.MaxItems(maxBranches), drf.MaxLength(maxName))
		branches := make([]institution.Branch, 0, len(named))
		for _, code := range slices.Sorted(maps.Keys(named)) {
			branches = append(branches, institution.Branch{Code: code, Name: named[code]})
		}
		change.Branches = &branches
	}
	return change
}

func secret(f *drf.Fields) string {
	given := f.String("secret", drf.Optional, drf.AllowNull, drf.AllowBlank)
	if given != "" && !institution.SecretPattern.MatchString(given) {
		f.Add("secret", msgInvalidSecret)
	}
	return given
}

// cardJSON is a patient's card at a hospital (1.3.1).
type cardJSON struct {
	CardType int    `json:"card_type"`
	CardNo   string `json:"card_no"`
	Patient  string `json:"patient"`
}

// adminListCards lists a hospital's cards.
func (c *call) adminListCards() (reply, error) {
	if _, err := c.institution(c.ctx()); err != nil {
		return reply{}, err
	}
	cards := func(ctx context.Context, w projections.Window) ([]card.Card, int, error) {
		return c.hospitals().Cards(ctx, c.echo.Param("code"), w)
	}
	return page(c, paging, cards, func(_ context.Context, cards []card.Card) ([]cardJSON, error) {
		rows := make([]cardJSON, len(cards))
		for i, one := range cards {
			rows[i] = cardJSON{one.Type, one.Number, one.Patient}
		}
		return rows, nil
	})
}

// adminBindCard gives a card to a patient.
func (c *call) adminBindCard() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	h, err := c.institution(ctx)
	if err != nil {
		return reply{}, err
	}
	f := c.data.Fields()
	bound := card.Card{
		Hospital: h.State.Code,
		Type:     int(f.Int("card_type", drf.Between(1, card.MaxType))),
		Number:   number(f, "card_no"),
		Patient:  f.String("patient", drf.MaxLength(maxUsername)),
	}
	if f.OK("patient") {
		if err := c.knownPatient(ctx, f, bound.Patient, 0); err != nil {
			return reply{}, err
		}
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	bound.At = op.at
	done, err := c.api.Cards.Execute(ctx, card.ID(bound.Hospital, bound.Type, bound.Number), c.caller(op.id, op.at), card.Bind{Card: bound})
	if err != nil {
		return reply{}, err
	}
	c.await(done.Position)
	return reply{http.StatusCreated, cardJSON{bound.Type, bound.Number, done.State.Patient}}, nil
}

// adminReleaseCard takes a card from its patient. The number is the rest of the path, for it may have slashes.
func (c *call) adminReleaseCard() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	cardType, err := strconv.Atoi(c.echo.Param("type"))
	if err != nil {
		return reply{}, drf.NotFound()
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	number, _ := bareOf(c.echo.Param("*"))
	id := card.ID(c.echo.Param("code"), cardType, number)
	done, err := c.api.Cards.Execute(ctx, id, c.caller(op.id, op.at), card.Release{At: op.at})
	if err != nil {
		return reply{}, err
	}
	c.await(done.Position)
	return reply{status: http.StatusNoContent}, nil
}
