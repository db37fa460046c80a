package projections

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"orderengine/domain"
	"orderengine/domain/delivery"
	"orderengine/domain/institution"
	"orderengine/eventstore"
)

// webhooksIndex has the codes of the hospitals that want their events delivered.
const webhooksIndex = "webhooks"

// deliveriesOf has the lines of a hospital's ledger: members are the position, so that they sort by it, and an entry.
func deliveriesOf(code string) string { return "deliveries/" + code }

// DeliveryEntry is one line of a hospital's ledger. After, Through and Count are of a batch; who asked for a redelivery
// stands in By, the server that sent a batch too.
type DeliveryEntry struct {
	Position string    `json:"position"` // of the entry itself
	Event    string    `json:"event"`
	After    string    `json:"after"`
	Through  string    `json:"through,omitempty"`
	Count    int       `json:"count,omitempty"` // events of the batch
	Tries    int       `json:"tries,omitempty"` // so far
	Why      string    `json:"why,omitempty"`   // the last of them failed
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at"`
}

func deliveryProjection() Projection {
	return Fold[delivery.Delivery, delivery.Event]{
		Of: delivery.Category, Codec: delivery.Codec, Evolve: delivery.Evolve,
		Rows: func(string, delivery.Delivery) Rows { return Rows{} },
		Lines: func(code string, _ delivery.Delivery, e delivery.Event, recorded eventstore.Recorded) Rows {
			line, err := domain.JSON(deliveryEntry(e, recorded))
			if err != nil {
				panic(err) // texts, numbers and a time always have a JSON form
			}
			return Rows{Listings: []Listing{{deliveriesOf(code), positionKey(recorded.Position) + tab + string(line)}}}
		},
	}
}

func deliveryEntry(e delivery.Event, recorded eventstore.Recorded) DeliveryEntry {
	entry := DeliveryEntry{Position: recorded.Position.String(), Event: recorded.Type}
	batch := func(b delivery.Batch) { entry.After, entry.Through, entry.Count = b.After, b.Through, b.Count }
	switch e := e.(type) {
	case delivery.BatchSent:
		batch(e.Batch)
		entry.By, entry.At = e.Sender.Server, e.At
	case delivery.BatchDelivered:
		batch(e.Batch)
		entry.Tries, entry.At = e.Tries, e.At
	case delivery.DeliveryFailed:
		batch(e.Batch)
		entry.Tries, entry.Why, entry.At = e.Failures, e.Why, e.At
	case delivery.RedeliveryRequested:
		entry.After, entry.By, entry.At = e.After, e.By, e.At
	}
	return entry
}

// webhook lists a hospital that wants its events delivered.
func webhook(code string, h institution.Hospital) []Listing {
	if h.Webhook.URL == "" {
		return nil
	}
	return []Listing{{webhooksIndex, code}}
}

// Deliveries lists a hospital's ledger, the newest entry first.
func (q Hospitals) Deliveries(ctx context.Context, code string, w Window) ([]DeliveryEntry, int, error) {
	page, err := q.Views.Page(ctx, deliveriesOf(code), w.newest())
	if err != nil {
		return nil, 0, err
	}
	entries := make([]DeliveryEntry, len(page.Members))
	for i, member := range page.Members {
		_, line, _ := strings.Cut(member, tab)
		if err := json.Unmarshal([]byte(line), &entries[i]); err != nil {
			return nil, 0, err
		}
	}
	return entries, page.Total, nil
}

// webhooksPage is how many hospitals are read at once.
const webhooksPage = 1000

// Webhooks are the codes of the hospitals that want their events delivered, in order.
func (q Hospitals) Webhooks(ctx context.Context) ([]string, error) {
	var codes []string
	after := ""
	for {
		found, err := q.Views.Range(ctx, webhooksIndex, Range{From: after, Limit: webhooksPage})
		if err != nil {
			return nil, err
		}
		codes = append(codes, found.Members...)
		if len(found.Members) < webhooksPage {
			return codes, nil
		}
		after = found.Members[webhooksPage-1] + "\x00"
	}
}
