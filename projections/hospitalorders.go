package projections

import (
	"context"
	"strconv"

	"orderengine/domain/hospital"
	"orderengine/domain/process"
	"orderengine/eventstore"
)

// hospitalOrderProjection lists every hospital order with its patient, its rows in the hospital's queries, and with
// what must happen to it next; and every refund and stop in the hospital's events.
func hospitalOrderProjection(periods process.Periods) Projection {
	return Fold[hospital.Order, hospital.Event]{
		Of: hospital.Category, Codec: hospital.Codec, Evolve: hospital.Evolve,
		Rows: func(_ string, o hospital.Order) Rows { return Rows{Listings: hospitalListings(o, periods)} },
		Lines: func(id string, o hospital.Order, e hospital.Event, recorded eventstore.Recorded) Rows {
			lines := hospitalEvents(id, o, e, recorded)
			lines.Listings = append(lines.Listings, hospitalSearchLines(id, o, e, recorded).Listings...)
			return lines
		},
	}
}

func hospitalListings(o hospital.Order, periods process.Periods) []Listing {
	if !o.Placed() {
		return nil
	}
	listings := patientListings(o)
	listings = append(listings, tradeListings(o)...)
	listings = append(listings, visitListings(o)...)
	listings = append(listings, parked(o.Refunds)...)
	return append(listings, due(process.Hospital(o, periods))...)
}

// patientListings have order numbers, ranked by the time in microseconds.
func patientListings(o hospital.Order) []Listing {
	if o.Patient == "" {
		return nil
	}
	member := ranked(o.At.UnixMicro(), o.Number)
	return []Listing{
		{patientOrders(o.Patient, nil, 0), member},
		{patientOrders(o.Patient, &o.Status, 0), member},
		{patientOrders(o.Patient, nil, o.Kind), member},
		{patientOrders(o.Patient, &o.Status, o.Kind), member},
	}
}

// patientOrders is the index of a patient's orders, of one status or of all, of one kind or of all (0).
func patientOrders(patient string, status *hospital.Status, kind hospital.Kind) string {
	index := "hospitalorders/" + patient
	if status != nil {
		index += "/status/" + strconv.Itoa(int(*status))
	}
	if kind != 0 {
		index += "/kind/" + strconv.Itoa(int(kind))
	}
	return index
}

// HospitalOrders reads the hospital orders' views.
type HospitalOrders struct{ Views Reader }

// Get is one order; ok is false if there is none with that number.
func (q HospitalOrders) Get(ctx context.Context, number string) (o hospital.Order, ok bool, err error) {
	orders, err := q.get(ctx, []string{number})
	if err != nil || len(orders) == 0 {
		return o, false, err
	}
	return orders[0], true, nil
}

// Of lists a patient's orders, the newest first: of one status or of all (nil), of one kind or of all (0).
func (q HospitalOrders) Of(ctx context.Context, patient string, status *hospital.Status, kind hospital.Kind, w Window) ([]hospital.Order, int, error) {
	return listed[hospital.Order](ctx, q.Views, patientOrders(patient, status, kind), w.newest(), rankedStatesOf(hospital.Category))
}

func (q HospitalOrders) get(ctx context.Context, numbers []string) ([]hospital.Order, error) {
	return getAll[hospital.Order](ctx, q.Views, hospital.Category, numbers)
}
