package qa

import (
	"time"

	"orderengine/domain"
	"orderengine/domain/catalog"
	"orderengine/domain/payment"
)

// Command asks for a change of one order. By is the username of the caller: who is not a party of the
// order, or has hidden it from their side, is refused with [domain.NotFound].
type Command interface{ isCommand() }

type (
	// Place makes an order (创建问答订单). Amount is the doctor's price at that moment.
	Place struct {
		Number    string
		PK        int64
		Patient   string
		PatientPK int64
		Doctor    string
		Type      OrderType
		Amount    domain.Fen
		At        time.Time
	}
	// RequestPayment asks to pay through a channel (订单支付). While a charge of that channel is live it
	// changes nothing. An order of amount 0 is paid by it.
	RequestPayment struct {
		By       string
		Attempt  string // names this attempt for ever
		Channel  payment.Channel
		ClientIP string // where the payer is; the platform asks for it
		At       time.Time
	}
	// DeclinePayment hands in that the attempt came to nothing.
	DeclinePayment struct {
		Attempt string
		Why     string
		At      time.Time
	}
	// RecordCharge hands in the charge that the platform made for a requested payment.
	RecordCharge struct{ Charge payment.Charge }
	// ConfirmPayment says that money has arrived. It is never refused for the order's state: money for an
	// order that does not wait for it is given back.
	ConfirmPayment struct{ Receipt payment.Receipt }
	// Cancel gives up an unpaid order (取消订单).
	Cancel struct {
		By string
		At time.Time
	}
	// Destroy hides the order from the caller's side (删除订单); an unpaid one is cancelled.
	Destroy struct {
		By string
		At time.Time
	}
	// Ask puts the patient's question; in a monthly order (包月服务) again within [MonthlyPeriod] of the payment.
	Ask struct {
		By       string
		Question Question
	}
	// GiveAnswer answers the question with the pk Answer.Question.
	GiveAnswer struct {
		By     string
		Answer Answer
	}
	// Finish ends the consultation (结束订单).
	Finish struct {
		By string
		At time.Time
	}
	// Evaluate rates the doctor (订单评价).
	Evaluate struct {
		By         string
		Evaluation Evaluation
	}
	// Refund gives a paid order up before it was answered; all the money goes back.
	Refund struct {
		By string
		At time.Time
	}
	// TimeOut moves an order on that has been too long in the state Since: an unpaid one is cancelled, an
	// unanswered one refunded, an unfinished one finished. One that has moved on is left as it is.
	TimeOut struct {
		Since Status
		At    time.Time
	}
	// AcceptRefund hands in that the platform has taken the refund and will tell of its outcome.
	AcceptRefund struct {
		No         string
		PlatformID string
		At         time.Time
	}
	// DelayRefund hands in that nobody knows what became of asking for the refund: it is asked for again, with
	// the same number.
	DelayRefund struct {
		No  string
		Why string
		At  time.Time
	}
	// ParkRefund leaves the refund to a person.
	ParkRefund struct {
		No  string
		Why string
		At  time.Time
	}
	// RetryRefund is a person's word that a parked or failed refund is to be tried again; a failed one gets a
	// new number, for the platform has ended the old one.
	RetryRefund struct {
		No string
		By string
		At time.Time
	}
	// GiveUpRefund is a person's word that nothing more is to be done. A pending refund stays reserved: the
	// platform may still carry it out.
	GiveUpRefund struct {
		No  string
		By  string
		Why string
		At  time.Time
	}
	// SettleRefund hands in the outcome of the refund with the number No. One of another amount is refused.
	SettleRefund struct {
		No     string
		Amount domain.Fen // as who settled it tells, 0 if they do not
		OK     bool
		Why    string // when not OK
		At     time.Time
	}
)

func (Place) isCommand()          {}
func (RequestPayment) isCommand() {}
func (DeclinePayment) isCommand() {}
func (RecordCharge) isCommand()   {}
func (ConfirmPayment) isCommand() {}
func (Cancel) isCommand()         {}
func (Destroy) isCommand()        {}
func (Ask) isCommand()            {}
func (GiveAnswer) isCommand()     {}
func (Finish) isCommand()         {}
func (Evaluate) isCommand()       {}
func (Refund) isCommand()         {}
func (TimeOut) isCommand()        {}
func (AcceptRefund) isCommand()   {}
func (DelayRefund) isCommand()    {}
func (ParkRefund) isCommand()     {}
func (RetryRefund) isCommand()    {}
func (GiveUpRefund) isCommand()   {}
func (SettleRefund) isCommand()   {}

// Question is what the patient says: health data.
type Question struct {
	PK                   int64     `json:"pk"`
	AllergyHistory       string    `json:"allergy_history"`
	SmokeHistory         string    `json:"smoke_history"`
	ConditionDescription string    `json:"condition_description"`
	Files                []string  `json:"files,omitempty"`
	At                   time.Time `json:"at"`
}

// Answer is what the doctor says: health data. Tags and drugs are as they were when it was given.
type Answer struct {
	PK              int64          `json:"pk"`
	Question        int64          `json:"question"`
	Tags            []catalog.Tag  `json:"tags,omitempty"`
	Drugs           []catalog.Drug `json:"drugs,omitempty"`
	DiagnosisResult string         `json:"diagnosis_result"`
	ExtraSuggestion string         `json:"extra_suggestion"`
	At              time.Time      `json:"at"`
}

// Evaluation is the patient's rating, 1 to 5 stars.
type Evaluation struct {
	PK      int64     `json:"pk"`
	Scores  int       `json:"scores"`
	Content string    `json:"content"`
	At      time.Time `json:"at"`
}
