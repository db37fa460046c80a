package delivery

import (
	"fmt"
	"math/bits"
	"time"
)

// Decide says what a command makes of a ledger: events, or none if it is done already or has come too late. Nothing is
// refused: who sends is told by the state what there is to send.
func Decide(d Delivery, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Send:
		return when(maySend(d, c), BatchSent(c))
	case Acknowledge:
		return when(may(d, moveAcknowledge) && d.has(c.Batch, c.Sender), BatchDelivered{c.Batch, c.Tries, c.At})
	case Fail:
		return when(may(d, moveFail) && d.has(c.Batch, c.Sender) && isWorthWriting(d, c), DeliveryFailed{c.Batch, c.Failures, c.Why, c.At})
	case Redeliver:
		return when(may(d, moveRedeliver) && (d.Cursor != c.After || d.Batch != Batch{}), RedeliveryRequested(c))
	default:
		return nil, fmt.Errorf("delivery: command %T is not known", c)
	}
}

func when(now bool, e Event) ([]Event, error) {
	if !now {
		return nil, nil
	}
	return []Event{e}, nil
}

// has says that the batch is on its way, by that sender.
func (d Delivery) has(b Batch, by Sender) bool { return d.Batch == b && d.Sender == by }

func maySend(d Delivery, c Send) bool {
	if may(d, moveSend) {
		return c.After == d.Cursor && c.Count > 0
	}
	own := c.Sender.Server == d.Sender.Server && c.Sender.Run != d.Sender.Run
	return may(d, moveSendAgain) && c.After == d.Batch.After && c.Count > 0 && (own || !c.At.Before(d.LeasedAt.Add(Lease)))
}

// isWorthWriting keeps a hospital that is away for days from filling the log: written down are the first failure of a
// batch, each time their number has doubled, and one before the lease is half over, which also renews it.
func isWorthWriting(d Delivery, c Fail) bool {
	if c.Failures <= d.Failures {
		return false // it is written down already
	}
	return d.State() != Failing || bits.OnesCount(uint(c.Failures)) == 1 || c.At.Sub(d.LeasedAt) >= Lease/2
}

// MaxWait is the longest that a sender may wait before it tries again, so that its lease does not run out.
const MaxWait = Lease / 3

// Evolve folds one event into the ledger.
func Evolve(d Delivery, e Event) Delivery {
	switch e := e.(type) {
	case BatchSent:
		if d.State() == Waiting {
			d.Status = Sending
		}
		d.Batch, d.Sender, d.LeasedAt = e.Batch, e.Sender, e.At
	case BatchDelivered:
		d = Delivery{Status: Waiting, Cursor: e.Through, Delivered: d.Delivered + e.Count, TakenAt: e.At}
	case DeliveryFailed:
		if d.Failures == 0 {
			d.Since = e.At
		}
		d.Status, d.Failures, d.Why, d.LeasedAt = Failing, e.Failures, e.Why, e.At
	case RedeliveryRequested:
		d.Status, d.Cursor, d.Batch, d.Sender, d.LeasedAt = Waiting, e.After, Batch{}, Sender{}, time.Time{}
	}
	return d
}
