package account

import (
	"time"

	"orderengine/domain"
)

// Event is something that happened to one user.
type Event interface{ isEvent() }

type (
	UserRegistered struct {
		Profile    Profile    `json:"profile"`
		Credential Credential `json:"credential"`
		At         time.Time  `json:"at"`
	}
	ProfileChanged struct {
		Name           *string   `json:"name,omitempty"`
		Avatar         *string   `json:"avatar,omitempty"`
		InvitationCode *string   `json:"invitation_code,omitempty"`
		At             time.Time `json:"at"`
	}
	PriceSet struct {
		OrderType string     `json:"order_type"`
		Amount    domain.Fen `json:"amount"`
		At        time.Time  `json:"at"`
	}
	CredentialSet struct {
		Credential Credential `json:"credential"`
		At         time.Time  `json:"at"`
	}
	UserActivated struct {
		At time.Time `json:"at"`
	}
	UserDeactivated struct {
		At time.Time `json:"at"`
	}
)

func (UserRegistered) isEvent()  {}
func (ProfileChanged) isEvent()  {}
func (PriceSet) isEvent()        {}
func (CredentialSet) isEvent()   {}
func (UserActivated) isEvent()   {}
func (UserDeactivated) isEvent() {}
