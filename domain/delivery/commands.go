package delivery

import "time"

// Command asks for a change of one ledger.
type Command interface{ isCommand() }

type (
	// Send writes down that a batch is sent. It comes to nothing unless the batch begins at the cursor and is nobody
	// else's: look at the state, and send if the batch there is the sender's.
	Send struct {
		Batch
		Sender Sender
		At     time.Time
	}
	// Acknowledge says that the hospital has taken the batch. It comes to nothing if the batch is not the sender's any more.
	Acknowledge struct {
		Batch
		Sender Sender
		Tries  int // it was sent, this one included
		At     time.Time
	}
	// Fail says that the hospital did not take the batch. Not each failure is written down, and none if the batch is not
	// the sender's any more.
	Fail struct {
		Batch
		Sender   Sender
		Failures int // since the last try that went well, this one included
		Why      string
		At       time.Time
	}
	// Redeliver has everything after a position delivered, again or for the first time; a later position than the cursor
	// leaves out what lies between. A batch that is on its way is given up.
	Redeliver struct {
		After string
		By    string
		At    time.Time
	}
)

func (Send) isCommand()        {}
func (Acknowledge) isCommand() {}
func (Fail) isCommand()        {}
func (Redeliver) isCommand()   {}
