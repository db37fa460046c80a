// Package process says what must happen next to an order without anybody asking: a charge to be made, a
// wallet to be debited, money to be given back, a patient to be told, a time-out. It is pure. What must happen follows from the
// order's state alone, so it is a view like any other: it appears with the event that calls for it and goes
// with the event that tells of its outcome, and a rebuild of the views brings back just what is still open.
package process

import (
	"cmp"
	"hash/fnv"
	"time"

	"orderengine/domain/account"
	"orderengine/domain/hospital"
	"orderengine/domain/message"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/domain/stoplist"
)

// Kind says what has to be done.
type Kind string

const (
	Charge  Kind = "charge"  // have the platform make the charge that was asked for
	Debit   Kind = "debit"   // take the money for the order from the patient's wallet
	PayBack Kind = "payback" // give a refund's money back
	Inquire Kind = "inquire" // ask the platform how far a refund is that it has taken
	TimeOut Kind = "timeout" // move the order on, since nobody did
	Tell    Kind = "tell"    // compose what the order's patient is to be told
	Send    Kind = "send"    // send a message
	Stop    Kind = "stop"    // go on with a list of registrations to be stopped
	Erase   Kind = "erase"   // erase a patient's texts, for the law asks for them no longer
	Shred   Kind = "shred"   // destroy the data key of a patient whose texts are erased
)

// Todo is one thing that must happen to one stream, an order's for the most part, not before Due.
type Todo struct {
	Kind    Kind
	Stream  string          // "<category>-<id>"
	Channel payment.Channel // the money's way
	Attempt string          // of Charge and Debit; the notice of Tell
	Refund  string          // the refund's number, of PayBack and Inquire
	Due     time.Time
	// Graced says that whoever wrote the wish down carries it out itself, and has until Due for it.
	Graced bool
}

// Periods are the settings that Next depends on; none is zero.
type Periods struct {
	// Grace is how long the server that wrote an intent has to carry it out itself, before any server does; it is
	// longer than a command may take.
	Grace time.Duration
	// Unpaid is after how long an order without a charge cancels itself; one with charges does when the last expires.
	Unpaid time.Duration
	// Unanswered is after how long a paid order without an answer is refunded.
	Unanswered time.Duration
	// Unfinished is after how long an answered order finishes itself.
	Unfinished time.Duration
	// Retry is how long after each try to have a refund made, or to hear of it, the next one comes; the last
	// period repeats itself.
	Retry []time.Duration
}

// Defaults are the periods of the API's notes and of the platform's.
var Defaults = Periods{
	Grace: 12 * time.Second, Unpaid: 24 * time.Hour, Unanswered: 48 * time.Hour, Unfinished: 7 * 24 * time.Hour,
	Retry: []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour},
}

// QA is what must happen to a Q&A order, from its state.
func QA(o qa.Order, p Periods) []Todo {
	stream := qa.Category + "-" + o.Number
	todos := money(stream, o.Bill(), p)
	if due, ok := qaTimeOut(o, p); ok {
		todos = append(todos, Todo{Kind: TimeOut, Stream: stream, Due: due})
	}
	return todos
}

// Hospital is what must happen to a hospital order, from its state.
func Hospital(o hospital.Order, p Periods) []Todo {
	stream := hospital.Category + "-" + o.Number
	todos := money(stream, o.Bill(), p)
	for _, n := range o.Untold {
		todos = append(todos, Todo{Kind: Tell, Stream: stream, Attempt: n.ID, Due: n.At})
	}
	if o.Placed() && o.Status == hospital.Unpaid {
		todos = append(todos, Todo{Kind: TimeOut, Stream: stream, Due: expiry(o.Bill(), o.At, p)})
	}
	return todos
}

// Message is what must happen to a message, from its state.
func Message(m message.Message, p Periods) []Todo {
	if m.Status != message.Queued {
		return nil
	}
	t := Todo{Kind: Send, Stream: message.Category + "-" + m.ID, Due: m.At}
	switch {
	case m.Tries > 0:
		t.Due = m.TriedAt.Add(p.retry(m.ID, m.Tries-1))
	case !m.TriedAt.IsZero():
		t.Due = m.TriedAt // a person wants it now
	}
	return []Todo{t}
}

// StopList is what must happen to a list of registrations to be stopped, from its state.
func StopList(l stoplist.List, p Periods) []Todo {
	if l.ID == "" || l.Done {
		return nil
	}
	return []Todo{{Kind: Stop, Stream: stoplist.Category + "-" + l.ID, Due: l.At.Add(p.Grace), Graced: true}}
}

// Patient is what must happen to what was written about a patient, from how it is kept.
func Patient(username string, privacy account.Privacy, p Periods) []Todo {
	stream := account.Category + "-" + username
	switch {
	case privacy.Standing == account.Restricted:
		return []Todo{{Kind: Erase, Stream: stream, Due: privacy.Until}}
	case privacy.Standing == account.Erased:
		return []Todo{{Kind: Shred, Stream: stream, Due: privacy.At.Add(p.Grace), Graced: true}}
	default:
		return nil
	}
}

// money is what must happen to the money of an order of any kind.
func money(stream string, b payment.Bill, p Periods) []Todo {
	var todos []Todo
	for _, a := range b.Attempts {
		// A wallet may have been debited already, so it is asked even if the order is past paying.
		if kind := attemptKind(a); a.Pending() && (kind == Debit || b.Waiting) {
			todos = append(todos, Todo{Kind: kind, Stream: stream, Attempt: a.ID, Channel: a.Channel, Due: a.At.Add(p.Grace), Graced: true})
		}
	}
	for _, r := range b.Refunds {
		if r.Status == payment.Pending && !r.Parked && !r.Closed {
			todos = append(todos, refund(stream, r, p))
		}
	}
	return todos
}

func attemptKind(a payment.Attempt) Kind {
	if a.Channel == payment.Balance {
		return Debit
	}
	return Charge
}

// refund is the next step of a refund that is pending. The first one of a refund that somebody waits for is taken by
// the server that wrote it down. So is that of a wallet's, unless the order has a name for it: a refund that was named
// was promised to the hospital by its number, which does not depend on the wallet, and nobody waits.
func refund(stream string, r payment.Refund, p Periods) Todo {
	t := Todo{Kind: PayBack, Stream: stream, Channel: r.Channel, Refund: r.No, Due: r.At}
	switch {
	case r.PlatformID != "" && r.Tries == 0 && r.Retried > 0:
		t.Kind, t.Due = Inquire, r.TriedAt // a person wants to know now
	case r.PlatformID != "":
		t.Kind, t.Due = Inquire, r.TriedAt.Add(p.retry(r.No, r.Tries))
	case r.Claim != "":
		t.Due = r.AskedAt.Add(p.Grace) // by then who asks has told, or will not
	case r.Tries > 0:
		t.Due = r.TriedAt.Add(p.retry(r.No, r.Tries-1))
	case !r.TriedAt.IsZero():
		t.Due = r.TriedAt // a person wants it now
	case r.AtOnce || r.Channel == payment.Balance && r.Name == "":
		t.Due = r.At.Add(p.Grace)
		t.Graced = true
	}
	return t
}

// retry is how long to wait after the nth try, with up to a tenth more, which differs from one to the other:
// what failed together is not tried together.
func (p Periods) retry(no string, n int) time.Duration {
	wait := p.Retry[min(n, len(p.Retry)-1)]
	h := fnv.New32a()
	h.Write([]byte(no))
	return wait + wait/10*time.Duration(h.Sum32()%1000)/1000
}

// qaTimeOut is when a Q&A order has been long enough in its state.
func qaTimeOut(o qa.Order, p Periods) (time.Time, bool) {
	switch o.Status {
	case qa.Unpaid:
		return expiry(o.Bill(), o.At, p), o.Placed()
	case qa.Paid, qa.Asked:
		return o.WaitingSince().Add(p.Unanswered), true
	case qa.Answered:
		return o.Answer.At.Add(p.Unfinished), true
	default:
		return time.Time{}, false
	}
}

// expiry is when an unpaid order can be paid no more: when its last charge expires. One that is being asked for may be paid
// as long as an order without any.
func expiry(b payment.Bill, placed time.Time, p Periods) time.Time {
	var last time.Time
	for _, a := range b.Attempts {
		until := a.At.Add(p.Unpaid)
		if a.Charge != nil {
			until = time.Unix(a.Charge.TimeExpire, 0).UTC()
		}
		if attemptKind(a) == Charge && until.After(last) {
			last = until
		}
	}
	return cmp.Or(last, placed.Add(p.Unpaid))
}
