package message

import "time"

// Command asks for a change of one message.
type Command interface{ isCommand() }

type (
	// Compose makes the message. Composing it again changes nothing.
	Compose struct{ Content }
	// RecordSent hands in that the channel has taken it.
	RecordSent struct {
		Ref string
		At  time.Time
	}
	// Delay hands in that it was not sent, and is tried again.
	Delay struct {
		Why string
		At  time.Time
	}
	// Park leaves it to a person.
	Park struct {
		Why string
		At  time.Time
	}
	// Drop hands in that nobody may read it any more, so that it will not be sent.
	Drop struct {
		Why string
		At  time.Time
	}
	// Retry is a person's word that a parked message is to be tried again.
	Retry struct {
		By string
		At time.Time
	}
)

func (Compose) isCommand()    {}
func (RecordSent) isCommand() {}
func (Delay) isCommand()      {}
func (Park) isCommand()       {}
func (Drop) isCommand()       {}
func (Retry) isCommand()      {}
