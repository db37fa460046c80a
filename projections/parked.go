package projections

import (
	"context"

	"orderengine/domain/hospital"
	"orderengine/domain/payment"
)

// parkedIndex lists the refunds that wait for a person, by "<number of the refund>".
const parkedIndex = "parked"

// parked lists those of an order's refunds that wait for a person.
func parked(refunds []payment.Refund) []Listing {
	var listings []Listing
	for _, r := range refunds {
		if r.WaitsForPerson() {
			listings = append(listings, Listing{parkedIndex, r.No})
		}
	}
	return listings
}

// ParkedRefund is a refund that waits for a person, with its order.
type ParkedRefund struct {
	Bill   payment.Bill
	Refund payment.Refund
}

// Parked lists the refunds of orders of every kind that wait for a person, by number.
func Parked(ctx context.Context, views Reader, w Window) ([]ParkedRefund, int, error) {
	page, err := views.Page(ctx, parkedIndex, w.oldest())
	if err != nil {
		return nil, 0, err
	}
	parked := make([]ParkedRefund, 0, len(page.Members))
	for _, no := range page.Members {
		number, _ := payment.OrderOfRefund(no)
		bill, err := billOf(ctx, views, number)
		if err != nil {
			return nil, 0, err
		}
		if refund, ok := bill.Refund(no); ok {
			parked = append(parked, ParkedRefund{bill, refund})
		}
	}
	return parked, page.Total, nil
}

// billOf is the order with a number, of whatever kind the number's form says.
func billOf(ctx context.Context, views Reader, number string) (payment.Bill, error) {
	if hospital.IsNumber(number) {
		order, _, err := HospitalOrders{views}.Get(ctx, number)
		return order.Bill(), err
	}
	order, _, err := Orders{views}.Get(ctx, number)
	return order.Bill(), err
}
