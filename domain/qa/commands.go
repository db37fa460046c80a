package qa

import (
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Command asks for a change of one order. By is the username of the caller: who is not a party of the
// order, or has hidden it from their side, is refused with [domain.NotFound].
// What the platform and the wallet hand in are the commands of package payment.
type Command interface {
	// OrderCommand marks the commands of orders.
	OrderCommand()
}

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
)

func (Place) OrderCommand()          {}
func (RequestPayment) OrderCommand() {}
func (Cancel) OrderCommand()         {}
func (Destroy) OrderCommand()        {}
func (Ask) OrderCommand()            {}
func (GiveAnswer) OrderCommand()     {}
func (Finish) OrderCommand()         {}
func (Evaluate) OrderCommand()       {}
func (Refund) OrderCommand()         {}
func (TimeOut) OrderCommand()        {}

// Question is what the patient says. Text is a sealed [QuestionText].
type Question struct {
	PK   int64         `json:"pk"`
	Text domain.Sealed `json:"text"`
	At   time.Time     `json:"at"`
}

// Answer is what the doctor says. Text is a sealed [AnswerText].
type Answer struct {
	PK       int64         `json:"pk"`
	Question int64         `json:"question"`
	Text     domain.Sealed `json:"text"`
	At       time.Time     `json:"at"`
}

// Evaluation is the patient's rating, 1 to 5 stars. Text is a sealed [EvaluationText].
type Evaluation struct {
	PK     int64         `json:"pk"`
	Scores int           `json:"scores"`
	Text   domain.Sealed `json:"text"`
	At     time.Time     `json:"at"`
}
