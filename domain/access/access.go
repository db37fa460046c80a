// Package access is the record of who looked at patients' data with the rights of an auditor or an administrator: one
// stream a look, written before what was looked at is shown.
package access

import (
	"time"

	"orderengine/domain"
)

// Category is the first part of a look's stream name, "access-<id>".
const Category = "access"

// Look is what somebody looked at. The zero Look is one that was not recorded.
type Look struct {
	By    string    `json:"by"`    // "audit" or "admin"
	Path  string    `json:"path"`  // of the call, with the order's number or the user's name in it
	Query string    `json:"query"` // of the call, undecoded
	At    time.Time `json:"at"`
}

// Record writes a look down. Recording it again changes nothing.
type Record struct{ Look }

// Event is the one that a look has.
type Event interface{ isEvent() }

// PatientDataRead says that a look was about to be answered.
type PatientDataRead struct{ Look }

func (PatientDataRead) isEvent() {}

// Codec holds the stored form.
var Codec = domain.NewCodec(domain.Form[PatientDataRead, Event]("PatientDataRead"))

// Decide records a look once.
func Decide(l Look, r Record) ([]Event, error) {
	if l.Path != "" {
		return nil, nil
	}
	return []Event{PatientDataRead(r)}, nil
}

// Evolve folds the event into the look.
func Evolve(l Look, e Event) Look {
	if e, ok := e.(PatientDataRead); ok {
		l = e.Look
	}
	return l
}
