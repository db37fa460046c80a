package projections

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"orderengine/domain/process"
	"orderengine/domain/qa"
)

// orderProjection lists every order with its parties, by status, and with what must happen to it next.
func orderProjection(periods process.Periods) Projection {
	return Fold[qa.Order, qa.Event]{
		Of: qa.Category, Codec: qa.Codec, Evolve: qa.Evolve,
		Rows:  func(_ string, o qa.Order) Rows { return Rows{Listings: orderListings(o, periods)} },
		Lines: qaSearchLines,
	}
}

// The members of an order index are order numbers, which rise with time. The indexes of a part of a user's orders are
// named after that of all.
func ordersOf(side qa.Side, user string) string { return "orders/" + string(side) + "/" + user }

func inStatus(orders string, status qa.Status) string {
	return orders + "/" + strconv.Itoa(int(status))
}

// stillOpen are those that the document calls 待回答&已回答.
func stillOpen(orders string) string { return orders + "/qa" }

func withOther(orders, other string) string { return orders + "/with/" + other }

// evaluationsOf has order numbers, ranked by the pk of the evaluation.
func evaluationsOf(doctor string) string { return "evaluations/" + doctor }

func orderListings(o qa.Order, periods process.Periods) []Listing {
	if !o.Placed() {
		return nil
	}
	listings := make([]Listing, 0, 12) // nine at most, and what must happen next
	for _, party := range []struct {
		side        qa.Side
		user, other string
	}{{qa.PatientSide, o.Patient, o.Doctor}, {qa.DoctorSide, o.Doctor, o.Patient}} {
		if o.HiddenFrom(party.side) {
			continue
		}
		orders := ordersOf(party.side, party.user)
		listings = append(listings, Listing{orders, o.Number}, Listing{inStatus(orders, o.Status), o.Number},
			Listing{withOther(orders, party.other), o.Number})
		if o.Status == qa.Asked || o.Status == qa.Answered {
			listings = append(listings, Listing{stillOpen(orders), o.Number})
		}
	}
	if o.Evaluation != nil {
		listings = append(listings, Listing{evaluationsOf(o.Doctor), ranked(o.Evaluation.PK, o.Number)})
	}
	return append(append(listings, parked(o.Refunds)...), due(process.QA(o, periods))...)
}

// Orders reads the orders' views.
type Orders struct{ Views Reader }

// Get is one order; ok is false if there is none with that number.
func (q Orders) Get(ctx context.Context, number string) (o qa.Order, ok bool, err error) {
	orders, err := q.get(ctx, []string{number})
	if err != nil || len(orders) == 0 {
		return o, false, err
	}
	return orders[0], true, nil
}

// Of lists a user's orders on one side.
func (q Orders) Of(ctx context.Context, side qa.Side, user string, w Window) ([]qa.Order, int, error) {
	return q.list(ctx, ordersOf(side, user), w)
}

// InStatus lists a user's orders on one side that have a status.
func (q Orders) InStatus(ctx context.Context, side qa.Side, user string, status qa.Status, w Window) ([]qa.Order, int, error) {
	return q.list(ctx, inStatus(ordersOf(side, user), status), w)
}

// Open lists a user's orders on one side whose question waits for an answer or has one (待回答&已回答).
func (q Orders) Open(ctx context.Context, side qa.Side, user string, w Window) ([]qa.Order, int, error) {
	return q.list(ctx, stillOpen(ordersOf(side, user)), w)
}

// Between lists the orders of a user on one side with one other user.
func (q Orders) Between(ctx context.Context, side qa.Side, user, other string, w Window) ([]qa.Order, int, error) {
	return q.list(ctx, withOther(ordersOf(side, user), other), w)
}

// BothSides lists a user's orders that have a status, whichever side the user is on.
func (q Orders) BothSides(ctx context.Context, user string, status qa.Status, w Window) ([]qa.Order, int, error) {
	var numbers []string
	total := 0
	for _, side := range []qa.Side{qa.PatientSide, qa.DoctorSide} {
		page, err := q.Views.Page(ctx, inStatus(ordersOf(side, user), status), Cut{Limit: w.Offset + w.Limit, NewestFirst: true})
		if err != nil {
			return nil, 0, err
		}
		numbers, total = append(numbers, page.Members...), total+page.Total
	}
	slices.SortFunc(numbers, func(a, b string) int { return strings.Compare(b, a) })
	numbers = numbers[min(w.Offset, len(numbers)):min(w.Offset+w.Limit, len(numbers))]
	orders, err := q.get(ctx, numbers)
	return orders, total, err
}

// Evaluated lists the evaluated orders of a doctor, the first evaluation first.
func (q Orders) Evaluated(ctx context.Context, doctor string, w Window) ([]qa.Order, int, error) {
	return listed[qa.Order](ctx, q.Views, evaluationsOf(doctor), w.oldest(), rankedStatesOf(qa.Category))
}

func (q Orders) list(ctx context.Context, index string, w Window) ([]qa.Order, int, error) {
	return listed[qa.Order](ctx, q.Views, index, w.newest(), statesOf(qa.Category))
}

func (q Orders) get(ctx context.Context, numbers []string) ([]qa.Order, error) {
	return getAll[qa.Order](ctx, q.Views, qa.Category, numbers)
}
