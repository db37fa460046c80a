package pingpp

import (
	"orderengine/domain"
	"orderengine/domain/payment"
)

// Entry is what happened to the money of one order. Amounts are in fen.
type Entry struct {
	Charges     int        // made
	PaidCharges int        // distinct ones that were paid
	Charged     domain.Fen // of all charges
	Paid        domain.Fen // of the paid ones
	Refunded    domain.Fen // of refunds that succeeded
	Pending     domain.Fen // of refunds under way
	Failed      domain.Fen // of refunds that failed
	Refunds     int        // made, whatever became of them
	Repeated    int        // of those, the ones whose number another of the same charge has
}

// Held is what the merchant has of the order's money: paid less given back.
func (e Entry) Held() domain.Fen { return e.Paid - e.Refunded }

// Counts are what happened on the wire.
type Counts struct {
	Requests          int // with a valid key and signature
	Unauthorized      int // without
	Faults            int // requests that something went wrong with
	RefundsAskedAgain int // requests for a refund whose number the charge has already
	Notices           int // distinct ones
	Sends             int // true and forged ones
	Undelivered       int // notices that were not acknowledged, so far
	Forged            int // sends of forged notices
	ForgedAccepted    int // of those, answered with 2xx: always a defect of the merchant's
}

// Ledger is all that happened so far, in one consistent look.
type Ledger struct {
	Orders map[string]Entry // by order_no
	Total  Entry
	Counts Counts
}

// Ledger adds everything up.
func (p *Platform) Ledger() Ledger {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := Ledger{Orders: map[string]Entry{}, Counts: p.counts}
	for _, c := range p.charges {
		e := l.Orders[c.OrderNo]
		e.add(c)
		l.Orders[c.OrderNo] = e
		l.Total.add(c)
	}
	for _, n := range p.notices {
		if !n.delivered {
			l.Counts.Undelivered++
		}
	}
	return l
}

func (e *Entry) add(c *charge) {
	e.Charges++
	e.Charged += c.Amount
	if c.Paid {
		e.PaidCharges++
		e.Paid += c.Amount
	}
	numbers := map[string]bool{}
	for _, r := range c.refunds {
		e.Refunds++
		if r.no != "" && numbers[r.no] {
			e.Repeated++
		}
		numbers[r.no] = true
		*e.sum(r.Status) += r.Amount
	}
}

func (e *Entry) sum(status payment.RefundStatus) *domain.Fen {
	switch status {
	case payment.Succeeded:
		return &e.Refunded
	case payment.Failed:
		return &e.Failed
	default:
		return &e.Pending
	}
}
