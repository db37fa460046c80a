package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/eventstore"
)

// HospitalEventFields are the fields of one event of eventsReplay (the notes' Methods).
var HospitalEventFields = []string{"position", "eventType", "eventTime", "orderNo", "hisOrderNo", "refundOrderNo", "hisRefundOrderNo",
	"agtRefundOrderNo", "refundTotalFee", "refundReason"}

// hospitalEventsOf has a hospital's refund and stop events: members are the position, so that they sort by it, and
// the fields between tabs.
func hospitalEventsOf(code string) string { return "hospitalevents/" + code }

// hospitalEvents is the line of an event that a hospital replays: a refund that it ordered or that ended, a stop.
func hospitalEvents(_ string, o hospital.Order, e hospital.Event, recorded eventstore.Recorded) Rows {
	var r hospital.RefundOrder
	var at time.Time
	switch e := e.(type) {
	case hospital.RefundOrdered:
		r, at = e.RefundOrder, e.At
	case hospital.RegistrationStopped:
		at = e.At
	case payment.RefundSucceeded:
		r, at = refundOrderOf(o, e.No), e.At
	case payment.RefundFailed:
		r, at = refundOrderOf(o, e.No), e.At
	default:
		return Rows{}
	}
	if _, stop := e.(hospital.RegistrationStopped); !stop && r.No == "" {
		return Rows{} // money that nobody waited for came and went: it is no refund of the hospital's
	}
	fields := []string{recorded.Position.String(), recorded.Type, at.In(hospital.Zone).Format(hospital.TimeLayout), o.Number, o.HisOrderNo,
		r.No, r.HisNo, o.Carrier(r.No).ChannelNo(), amountOf(r), strings.ReplaceAll(r.Reason, tab, " ")}
	if r.No == "" {
		fields[7] = ""
	}
	return Rows{Listings: []Listing{{hospitalEventsOf(o.Hospital), positionKey(recorded.Position) + tab + strings.Join(fields, tab)}}}
}

// refundOrderOf is the refund order whose money a refund of the ledger brings back.
func refundOrderOf(o hospital.Order, no string) hospital.RefundOrder {
	refund, _ := o.Refund(no)
	for _, r := range o.RefundOrders {
		if r.No == refund.Name {
			return r
		}
	}
	return hospital.RefundOrder{}
}

func amountOf(r hospital.RefundOrder) string {
	if r.No == "" {
		return ""
	}
	return fen(r.Amount)
}

// positionKey sorts as positions do.
func positionKey(p eventstore.Position) string {
	return fmt.Sprintf("%020d-%020d", p.Commit, p.Prepare)
}

// Events gives up to limit of a hospital's refund and stop events after a position.
func (q HospitalOrders) Events(ctx context.Context, code string, after eventstore.Position, limit int) ([][]string, error) {
	found, err := q.Views.Range(ctx, hospitalEventsOf(code), Range{From: positionKey(after) + "\xff", Limit: limit})
	if err != nil {
		return nil, err
	}
	events := make([][]string, len(found.Members))
	for i, member := range found.Members {
		events[i] = strings.Split(member, tab)[1:]
	}
	return events, nil
}
