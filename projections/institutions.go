package projections

import (
	"context"

	"orderengine/domain/card"
	"orderengine/domain/institution"
)

// hospitalProjection keeps nothing that proves who calls.
func hospitalProjection() Projection {
	return Fold[institution.Hospital, institution.Event]{
		Of: institution.Category, Codec: institution.Codec,
		Evolve: func(h institution.Hospital, e institution.Event) institution.Hospital {
			h = institution.Evolve(h, e)
			h.SecretHash, h.Webhook.Secret = "", nil
			return h
		},
		Rows: func(code string, h institution.Hospital) Rows {
			if !h.Registered() {
				return Rows{}
			}
			return Rows{Listings: append(webhook(code, h), Listing{hospitalsIndex, code})}
		},
	}
}

// hospitalsIndex has codes as members.
const hospitalsIndex = "hospitals"

// cardsOf has the ids of a hospital's cards as members.
func cardsOf(code string) string { return "cards/" + code }

func cardProjection() Projection {
	return Fold[card.Card, card.Event]{
		Of: card.Category, Codec: card.Codec, Evolve: card.Evolve,
		Rows: func(id string, c card.Card) Rows {
			if c.Patient == "" {
				return Rows{}
			}
			return Rows{Listings: []Listing{{cardsOf(c.Hospital), id}}}
		},
	}
}

// Hospitals reads the hospitals' views.
type Hospitals struct{ Views Reader }

// Get is one hospital; ok is false if there is none with that code.
func (q Hospitals) Get(ctx context.Context, code string) (h institution.Hospital, ok bool, err error) {
	hospitals, err := getAll[institution.Hospital](ctx, q.Views, institution.Category, []string{code})
	if err != nil || len(hospitals) == 0 {
		return h, false, err
	}
	return hospitals[0], true, nil
}

// All lists the hospitals, by code.
func (q Hospitals) All(ctx context.Context, w Window) ([]institution.Hospital, int, error) {
	return listed[institution.Hospital](ctx, q.Views, hospitalsIndex, w.oldest(), statesOf(institution.Category))
}

// Codes are the codes of all hospitals, in their order.
func (q Hospitals) Codes(ctx context.Context) ([]string, error) {
	return members(ctx, q.Views, hospitalsIndex, Range{})
}

// Cards lists a hospital's cards, by type and number.
func (q Hospitals) Cards(ctx context.Context, code string, w Window) ([]card.Card, int, error) {
	return listed[card.Card](ctx, q.Views, cardsOf(code), w.oldest(), statesOf(card.Category))
}
