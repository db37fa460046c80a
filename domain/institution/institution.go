// Package institution is a hospital as a party: its code, its branches, the secret that its systems call with, and
// what it says to patients.
package institution

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"orderengine/domain"
	"orderengine/domain/message"
)

// Category is the first part of a hospital's stream name, "hospital-<code>".
const Category = "hospital"

// DefaultItemTag is the element of one row of a query's answer (the notes' ordersQuery).
const DefaultItemTag = "item"

var (
	// CodePattern is what the code of a hospital or a branch looks like.
	CodePattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,32}$`)
	// TagPattern is what an item tag looks like: a plain XML name.
	TagPattern = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z_]{0,31}$`)
)

// Branch is a part of a hospital (分院).
type Branch struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Hospital is what its events fold to. It is shared between goroutines: never change what it points to. The zero
// Hospital is one that was not registered.
type Hospital struct {
	Code       string            `json:"code"`
	Name       string            `json:"name"`
	Branches   []Branch          `json:"branches,omitempty"`
	Templates  map[string]string `json:"templates,omitempty"` // by event
	ItemTag    string            `json:"item_tag"`
	SecretHash string            `json:"secret_hash,omitempty"`
	Webhook    Webhook           `json:"webhook,omitzero"`
	At         time.Time         `json:"at"`
}

// Registered says that the hospital exists.
func (h Hospital) Registered() bool { return h.Code != "" }

// Branch is the branch with a code; ok is false if there is none.
func (h Hospital) Branch(code string) (b Branch, ok bool) {
	i := slices.IndexFunc(h.Branches, func(b Branch) bool { return b.Code == code })
	if i < 0 {
		return b, false
	}
	return h.Branches[i], true
}

// Command asks for a change of one hospital.
type Command interface{ isCommand() }

type (
	// Register makes the hospital.
	Register struct {
		Code, Name string
		At         time.Time
	}
	// Change sets what is not nil. A template that is "" is taken away.
	Change struct {
		Name      *string
		ItemTag   *string
		Branches  *[]Branch
		Templates map[string]string
		At        time.Time
	}
	// SetSecret gives the hospital a new secret; the one before is worth nothing from then on.
	SetSecret struct {
		Hash string
		At   time.Time
	}
	// SetWebhook says where the hospital's events are delivered from now on; the zero Webhook ends it.
	SetWebhook struct {
		Webhook
		At time.Time
	}
)

func (Register) isCommand()   {}
func (Change) isCommand()     {}
func (SetSecret) isCommand()  {}
func (SetWebhook) isCommand() {}

// Event is something that happened to one hospital. Stored names and fields never change.
type Event interface{ isEvent() }

type (
	HospitalRegistered struct {
		Code string    `json:"code"`
		Name string    `json:"name"`
		At   time.Time `json:"at"`
	}
	HospitalChanged struct {
		Name      *string           `json:"name,omitempty"`
		ItemTag   *string           `json:"item_tag,omitempty"`
		Branches  *[]Branch         `json:"branches,omitempty"`
		Templates map[string]string `json:"templates,omitempty"`
		At        time.Time         `json:"at"`
	}
	SecretSet struct {
		Hash string    `json:"hash"`
		At   time.Time `json:"at"`
	}
	WebhookSet struct {
		Webhook
		At time.Time `json:"at"`
	}
)

func (HospitalRegistered) isEvent() {}
func (HospitalChanged) isEvent()    {}
func (SecretSet) isEvent()          {}
func (WebhookSet) isEvent()         {}

// Codec holds the stored forms.
var Codec = domain.NewCodec(
	domain.Form[HospitalRegistered, Event]("HospitalRegistered"),
	domain.Form[HospitalChanged, Event]("HospitalChanged"),
	domain.Form[SecretSet, Event]("SecretSet"),
	domain.Form[WebhookSet, Event]("WebhookSet"),
)

// Decide says what a command makes of a hospital: events, none if it is done already, or a refusal.
func Decide(h Hospital, c Command) ([]Event, error) {
	if register, ok := c.(Register); ok {
		if h.Registered() {
			return nil, domain.RefuseField(domain.AlreadyExists, "code", "%s", register.Code)
		}
		if !CodePattern.MatchString(register.Code) {
			return nil, domain.RefuseField(domain.Invalid, "code", "%q is not 1 to 32 letters, digits, - and _", register.Code)
		}
		if isBlank(register.Name) {
			return nil, domain.RefuseField(domain.Invalid, "name", "it is blank")
		}
		return []Event{HospitalRegistered(register)}, nil
	}
	if !h.Registered() {
		return nil, domain.Refuse(domain.NotFound, "no such hospital")
	}
	switch c := c.(type) {
	case Change:
		return decideChange(h, c)
	case SetSecret:
		if c.Hash == h.SecretHash {
			return nil, nil
		}
		return []Event{SecretSet(c)}, nil
	case SetWebhook:
		return decideWebhook(h, c)
	default:
		return nil, fmt.Errorf("institution: command %T is not known", c)
	}
}

func decideChange(h Hospital, c Change) ([]Event, error) {
	if c.Name != nil && isBlank(*c.Name) {
		return nil, domain.RefuseField(domain.Invalid, "name", "it is blank")
	}
	if c.ItemTag != nil && !TagPattern.MatchString(*c.ItemTag) {
		return nil, domain.RefuseField(domain.Invalid, "item_tag", "%q is no plain XML name", *c.ItemTag)
	}
	if c.Branches != nil {
		known := map[string]bool{}
		for _, b := range *c.Branches {
			if !CodePattern.MatchString(b.Code) || b.Name == "" || known[b.Code] {
				return nil, domain.RefuseField(domain.Invalid, "branches", "%q: each has a code of its own, and a name", b.Code)
			}
			known[b.Code] = true
		}
	}
	for _, event := range slices.Sorted(maps.Keys(c.Templates)) {
		if text := c.Templates[event]; text != "" {
			if err := message.CheckTemplate(event, text); err != nil {
				return nil, err
			}
		}
	}
	if isSo(h, c) {
		return nil, nil
	}
	if c.Branches != nil && *c.Branches == nil {
		c.Branches = &[]Branch{} // nil would be stored as "not changed"
	}
	return []Event{HospitalChanged(c)}, nil
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// isSo says that the change would leave the hospital as it is.
func isSo(h Hospital, c Change) bool {
	after := changed(h, HospitalChanged(c))
	return after.Name == h.Name && after.ItemTag == h.ItemTag && slices.Equal(after.Branches, h.Branches) &&
		maps.Equal(after.Templates, h.Templates)
}

// Evolve folds one event into the hospital.
func Evolve(h Hospital, e Event) Hospital {
	switch e := e.(type) {
	case HospitalRegistered:
		h = Hospital{Code: e.Code, Name: e.Name, ItemTag: DefaultItemTag, At: e.At}
	case HospitalChanged:
		h = changed(h, e)
	case SecretSet:
		h.SecretHash = e.Hash
	case WebhookSet:
		h.Webhook = e.Webhook
	}
	return h
}

func changed(h Hospital, e HospitalChanged) Hospital {
	if e.Name != nil {
		h.Name = *e.Name
	}
	if e.ItemTag != nil {
		h.ItemTag = *e.ItemTag
	}
	if e.Branches != nil {
		h.Branches = *e.Branches
	}
	if len(e.Templates) > 0 {
		h.Templates = maps.Clone(h.Templates)
		if h.Templates == nil {
			h.Templates = map[string]string{}
		}
		for event, text := range e.Templates {
			if h.Templates[event] = text; text == "" {
				delete(h.Templates, event)
			}
		}
	}
	return h
}
