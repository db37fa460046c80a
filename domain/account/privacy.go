package account

import (
	"time"

	"orderengine/domain"
)

// Standing is what may be done with a patient's texts.
type Standing string

// The standings. A patient's texts are sealed with a data key of the patient's own: who destroys it has erased them.
const (
	Kept       Standing = ""           // shown to those they are meant for
	Restricted Standing = "restricted" // shown to auditors alone, until they are erased or the restriction is lifted
	Erased     Standing = "erased"     // shown to nobody; the key may not be gone yet
	Shredded   Standing = "shredded"   // erased, and the key is gone
)

// Privacy is how a patient's texts are kept. The zero Privacy is that of who has none yet.
type Privacy struct {
	Key      string    `json:"key,omitempty"` // names the data key, "" before the first text
	Standing Standing  `json:"standing,omitempty"`
	Why      string    `json:"why,omitempty"` // of the standing
	At       time.Time `json:"at,omitzero"`   // since when it stands
	// Until is when what is restricted is erased, because the law asks for it no longer.
	Until time.Time `json:"until,omitzero"`
}

// IsWithheld says that an error is the refusal of texts about a patient who is erased or restricted.
func IsWithheld(err error) bool {
	return domain.IsRefused(err, domain.Erased) || domain.IsRefused(err, domain.Restricted)
}

// Gone says that nobody can read the patient's texts any more, and that no more are taken.
func (p Privacy) Gone() bool { return p.Standing == Erased || p.Standing == Shredded }

// Hidden says that the texts are for auditors at most, and that no more are taken.
func (p Privacy) Hidden() bool { return p.Standing != Kept }

// ForAudit is what auditors go by: a restriction is not for them.
func (p Privacy) ForAudit() Privacy {
	if p.Standing == Restricted {
		p.Standing = Kept
	}
	return p
}

// Commands that change how a patient's texts are kept.
type (
	// MakeKey names the data key of a patient's texts. A patient has one: if there is one already, it stays.
	MakeKey struct {
		Key string
		At  time.Time
	}
	// Restrict hides the texts from all but auditors and has them erased at Until.
	Restrict struct {
		By, Why string
		Until   time.Time
		At      time.Time
	}
	// Lift ends a restriction.
	Lift struct {
		By, Why string
		At      time.Time
	}
	// EndRestriction erases the texts if their restriction has ended.
	EndRestriction struct{ At time.Time }
	// Erase makes the texts unreadable for ever, and keeps new ones from being taken.
	Erase struct {
		By, Why string
		At      time.Time
	}
	// RecordKeyDestroyed hands in that the data key is gone.
	RecordKeyDestroyed struct{ At time.Time }
)

func (MakeKey) isCommand()            {}
func (Restrict) isCommand()           {}
func (Lift) isCommand()               {}
func (EndRestriction) isCommand()     {}
func (Erase) isCommand()              {}
func (RecordKeyDestroyed) isCommand() {}

// Events of how a patient's texts are kept. PatientErased is the tombstone: it stays, and nothing undoes it.
type (
	DataKeyMade struct {
		Key string    `json:"key"`
		At  time.Time `json:"at"`
	}
	PatientRestricted struct {
		By    string    `json:"by"`
		Why   string    `json:"why"`
		Until time.Time `json:"until"`
		At    time.Time `json:"at"`
	}
	RestrictionLifted struct {
		By  string    `json:"by"`
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	PatientErased struct {
		By  string    `json:"by"`
		Why string    `json:"why"`
		At  time.Time `json:"at"`
	}
	DataKeyDestroyed struct {
		At time.Time `json:"at"`
	}
)

func (DataKeyMade) isEvent()       {}
func (PatientRestricted) isEvent() {}
func (RestrictionLifted) isEvent() {}
func (PatientErased) isEvent()     {}
func (DataKeyDestroyed) isEvent()  {}

// maxYears is how long a restriction may be: no law asks for more.
const maxYears = 100

// decidePrivacy decides the commands above; ok is false for any other.
func decidePrivacy(p Privacy, c Command) (events []Event, ok bool, err error) {
	allows := func(move string) bool { return PrivacyLifecycle.Allows(p.Standing.state(), move) }
	switch c := c.(type) {
	case MakeKey:
		switch {
		case !allows("make_key"):
			err = p.Refusal()
		case p.Key == "":
			events = []Event{DataKeyMade(c)}
		}
	case Restrict:
		switch {
		case !allows("restrict"):
			err = p.Refusal()
		case !c.Until.After(c.At):
			err = domain.RefuseField(domain.Invalid, "until", "%s is not in the future", c.Until.Format(time.RFC3339))
		case c.Until.After(c.At.AddDate(maxYears, 0, 0)):
			err = domain.RefuseField(domain.Invalid, "until", "%s is more than %d years away", c.Until.Format(time.RFC3339), maxYears)
		case p.Standing != Restricted || !p.Until.Equal(c.Until) || p.Why != c.Why:
			events = []Event{PatientRestricted(c)}
		}
	case Lift:
		switch {
		case p.Gone():
			err = p.Refusal()
		case allows("lift"):
			events = []Event{RestrictionLifted(c)}
		}
	case EndRestriction:
		if p.Standing == Restricted && !c.At.Before(p.Until) {
			events = []Event{PatientErased{By: domain.System, Why: p.Why, At: c.At}}
		}
	case Erase:
		if allows("erase") {
			events = []Event{PatientErased(c)}
		}
	case RecordKeyDestroyed:
		if allows("destroy_key") {
			events = []Event{DataKeyDestroyed(c)}
		}
	default:
		return nil, false, nil
	}
	return events, true, err
}

// Refusal says why nothing new is taken about the patient: [domain.Erased] or [domain.Restricted].
func (p Privacy) Refusal() error {
	if p.Gone() {
		return domain.Refuse(domain.Erased, "the patient's texts were erased")
	}
	return domain.Refuse(domain.Restricted, "the patient's texts are restricted, until %s", p.Until.Format(time.RFC3339))
}

// evolvePrivacy folds one event into how a patient's texts are kept.
func evolvePrivacy(p Privacy, e Event) Privacy {
	switch e := e.(type) {
	case DataKeyMade:
		p.Key = e.Key
	case PatientRestricted:
		p = Privacy{Key: p.Key, Standing: Restricted, Why: e.Why, At: e.At, Until: e.Until}
	case RestrictionLifted:
		p = Privacy{Key: p.Key}
	case PatientErased:
		p = Privacy{Key: p.Key, Standing: Erased, Why: e.Why, At: e.At}
	case DataKeyDestroyed:
		p.Standing = Shredded
	}
	return p
}
