package message

import (
	"fmt"

	"orderengine/domain"
)

// Decide says what a command makes of a message: events, none if it is done already, or a refusal.
func Decide(m Message, c Command) ([]Happening, error) {
	if compose, ok := c.(Compose); ok {
		if m.Composed() {
			return nil, nil
		}
		return []Happening{MessageComposed(compose)}, nil
	}
	if !m.Composed() {
		return nil, domain.Refuse(domain.NotFound, "no such message")
	}
	switch c := c.(type) {
	case RecordSent:
		return when(m.Status != Sent, MessageSent(c)) // one that another server has parked too
	case Delay:
		return when(m.Status == Queued, MessageDelayed(c))
	case Park:
		return when(m.Status == Queued, MessageParked(c))
	case Drop:
		return when(m.Status == Queued, MessageDropped(c))
	case Retry:
		if m.Status != Parked {
			return nil, domain.RefuseField(domain.Invalid, "message", "%s is %s, not parked", m.ID, m.Status)
		}
		return []Happening{MessageRetried(c)}, nil
	default:
		return nil, fmt.Errorf("message: command %T is not known", c)
	}
}

func when(now bool, e Happening) ([]Happening, error) {
	if !now {
		return nil, nil
	}
	return []Happening{e}, nil
}

// Evolve folds one event into the message.
func Evolve(m Message, e Happening) Message {
	switch e := e.(type) {
	case MessageComposed:
		m = Message{Content: e.Content, Status: Queued}
	case MessageSent:
		m.Status, m.Ref, m.Why, m.SentAt = Sent, e.Ref, "", e.At
	case MessageDelayed:
		m.Why, m.Tries, m.TriedAt = e.Why, m.Tries+1, e.At
	case MessageParked:
		m.Status, m.Why, m.TriedAt = Parked, e.Why, e.At
	case MessageDropped:
		m.Status, m.Why, m.TriedAt = Dropped, e.Why, e.At
	case MessageRetried:
		m.Status, m.Tries, m.TriedAt, m.Retried = Queued, 0, e.At, m.Retried+1
	}
	return m
}
