package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"orderengine/domain/delivery"
	"orderengine/domain/institution"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// Deliveries is the decider of the hospitals' ledgers.
type Deliveries = decider.Decider[delivery.Delivery, delivery.Command, delivery.Event]

var (
	msgInvalidWebhook = drf.NewMessage("Enter an address http(s)://host/… without a user and a fragment.", "请输入 http(s)://主机/… 形式的地址，不含用户名和片段。")
	msgWebhookSecret  = drf.NewMessage("A secret of 16 to 128 visible ASCII characters, which signs what is delivered, goes with the address.",
		"须同时提供 16 至 128 个可见 ASCII 字符的密钥，用于签名。")
	msgWebhookMissing = drf.NewMessage("There is no webhook whose secret it could be.", "尚无 webhook 地址。")
)

// webhookChange reads where a hospital's events are to be delivered, nil if the request does not say. A new address keeps
// the secret of the one before unless it comes with another; a blank address ends the deliveries.
func (c *call) webhookChange(f *drf.Fields, code string, h institution.Hospital) *institution.Webhook {
	if !f.Has("webhook_url") && !f.Has("webhook_secret") {
		return nil
	}
	hook := h.Webhook
	if f.Has("webhook_url") {
		hook.URL = f.String("webhook_url", drf.AllowNull, drf.AllowBlank)
		if hook.URL != "" && !isWebhook(hook.URL) {
			f.Add("webhook_url", msgInvalidWebhook)
		}
	}
	secret := f.String("webhook_secret", drf.Optional, drf.AllowNull, drf.AllowBlank)
	switch {
	case secret != "" && !institution.SecretPattern.MatchString(secret):
		f.Add("webhook_secret", msgWebhookSecret)
	case secret != "" && hook.URL == "":
		f.Add("webhook_secret", msgWebhookMissing)
	case secret != "":
		hook.Secret = c.api.WebhookKey.Seal(code, secret)
	case hook.URL != "" && len(hook.Secret) == 0:
		f.Add("webhook_secret", msgWebhookSecret)
	}
	return &hook
}

// isWebhook says that a text is an address that can be called.
func isWebhook(text string) bool {
	u, err := url.Parse(text)
	return err == nil && institution.WebhookPattern.MatchString(text) && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// maxLag is up to how many undelivered events are counted.
const maxLag = 1000

// deliveriesJSON is how a hospital's deliveries go, and a page of its ledger.
type deliveriesJSON struct {
	deliveryStateJSON
	drf.Listing[deliveryJSON]
}

// deliveryStateJSON is how a hospital's deliveries go.
type deliveryStateJSON struct {
	Hospital    string          `json:"hospital"`
	WebhookURL  string          `json:"webhook_url"`
	State       delivery.Status `json:"state"`
	Cursor      string          `json:"cursor"`       // position of the last event that was taken
	Lag         int             `json:"lag"`          // events after it, 1000 for that many or more
	OldestTime  *string         `json:"oldest_time"`  // when the first of them occurred
	Delivered   int             `json:"delivered"`    // events in all, each time
	TakenTime   *string         `json:"taken_time"`   // of the last batch
	Tries       int             `json:"tries"`        // that failed since then
	FailingTime *string         `json:"failing_time"` // of the first of these
	Why         string          `json:"why"`          // the last of these failed
}

// deliveryJSON is a line of the ledger.
type deliveryJSON struct {
	Position string `json:"position"`
	Event    string `json:"event"`
	After    string `json:"after"`
	Through  string `json:"through"`
	Count    int    `json:"count"`
	Tries    int    `json:"tries"`
	Why      string `json:"why"`
	By       string `json:"by"`
	Time     string `json:"time"`
}

// adminDeliveries shows how the deliveries to a hospital go, with its ledger, the newest line first.
func (c *call) adminDeliveries() (reply, error) {
	h, err := c.institution(c.ctx())
	if err != nil {
		return reply{}, err
	}
	ledger, err := c.api.Deliveries.Load(c.ctx(), h.State.Code)
	if err != nil {
		return reply{}, err
	}
	state, err := c.renderDelivery(h.State, ledger.State)
	if err != nil {
		return reply{}, err
	}
	entries := func(ctx context.Context, w projections.Window) ([]projections.DeliveryEntry, int, error) {
		return c.hospitals().Deliveries(ctx, h.State.Code, w)
	}
	answer, err := page(c, paging, entries, func(_ context.Context, entries []projections.DeliveryEntry) ([]deliveryJSON, error) {
		rows := make([]deliveryJSON, len(entries))
		for i, e := range entries {
			rows[i] = deliveryJSON{Position: e.Position, Event: e.Event, After: cmp.Or(e.After, beginning), Through: e.Through, Count: e.Count,
				Tries: e.Tries, Why: e.Why, By: e.By, Time: drf.Time(e.At, c.api.Location)}
		}
		return rows, nil
	})
	if err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, deliveriesJSON{state, answer.body.(drf.Listing[deliveryJSON])}}, nil
}

// beginning is the position before the first event.
var beginning = eventstore.Position{}.String()

func (c *call) renderDelivery(h institution.Hospital, d delivery.Delivery) (deliveryStateJSON, error) {
	shown := deliveryStateJSON{Hospital: h.Code, WebhookURL: h.Webhook.URL, State: d.State(), Cursor: cmp.Or(d.Cursor, beginning), Delivered: d.Delivered,
		TakenTime: c.timeOrNull(d.TakenAt), Tries: d.Failures, FailingTime: c.timeOrNull(d.Since), Why: d.Why}
	if here := c.api.DeliveryStatus(h.Code); here.Failures > d.Failures { // not each failure is written down
		shown.Tries, shown.FailingTime, shown.Why = here.Failures, c.timeOrNull(here.Since), here.Why
	}
	cursor, err := eventstore.ParsePosition(shown.Cursor)
	if err != nil {
		return shown, err
	}
	waiting, err := c.api.HospitalEvents(c.ctx(), h.Code, cursor, maxLag)
	if shown.Lag = len(waiting); shown.Lag > 0 {
		shown.OldestTime = c.timeOrNull(waiting[0].At)
	}
	return shown, err
}

func (c *call) timeOrNull(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := drf.Time(at, c.api.Location)
	return &text
}

// adminRedeliver has a hospital's events after a position delivered, again or for the first time.
func (c *call) adminRedeliver() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	h, err := c.institution(ctx)
	if err != nil {
		return reply{}, err
	}
	head, err := c.api.Log.Head(ctx)
	if err != nil {
		return reply{}, err
	}
	f := c.data.Fields()
	after, err := eventstore.ParsePosition(f.String("after"))
	if f.OK("after") && (err != nil || head.Before(after)) {
		f.Add("after", msgInvalidPosition)
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	done, err := c.api.Deliveries.Execute(ctx, h.State.Code, c.caller(op.id, op.at), delivery.Redeliver{After: after.String(), By: c.actor, At: op.at})
	if err != nil {
		return reply{}, err
	}
	c.await(done.Position)
	shown, err := c.renderDelivery(h.State, done.State)
	return reply{http.StatusOK, shown}, err
}
