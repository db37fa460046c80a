package account

import (
	"time"

	"orderengine/domain"
)

// Command asks for a change of one user.
type Command interface{ isCommand() }

type (
	// Register makes a user.
	Register struct {
		Profile    Profile
		Credential Credential
		At         time.Time
	}
	// ChangeProfile sets what is not nil.
	ChangeProfile struct {
		Name, Avatar, InvitationCode *string
		At                           time.Time
	}
	// SetPrice sets what a doctor asks for one order type; a negative amount takes the offer away.
	SetPrice struct {
		OrderType string
		Amount    domain.Fen
		At        time.Time
	}
	// SetCredential changes password and token; the former token is void.
	SetCredential struct {
		Credential Credential
		At         time.Time
	}
	// SetActive lets a user in or shuts them out.
	SetActive struct {
		Active bool
		At     time.Time
	}
)

func (Register) isCommand()      {}
func (ChangeProfile) isCommand() {}
func (SetPrice) isCommand()      {}
func (SetCredential) isCommand() {}
func (SetActive) isCommand()     {}
