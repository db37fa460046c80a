package qa

import (
	"fmt"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Decide says what a command makes of an order: events, none if it is done already, or a refusal.
func Decide(o Order, c Command) ([]Event, error) {
	if place, ok := c.(Place); ok {
		return decidePlace(o, place)
	}
	if !o.Placed() {
		return nil, domain.Refuse(domain.NotFound, "no such order")
	}
	switch c := c.(type) {
	case RequestPayment:
		return decideRequestPayment(o, c)
	case Cancel:
		return decideCancel(o, c)
	case Destroy:
		return decideDestroy(o, c)
	case Ask:
		return decideAsk(o, c)
	case GiveAnswer:
		return decideAnswer(o, c)
	case Finish:
		return decideFinish(o, c)
	case Evaluate:
		return decideEvaluate(o, c)
	case Refund:
		return decideRefund(o, c)
	case TimeOut:
		return decideTimeOut(o, c)
	case payment.Command:
		return payment.DecideFor[Event](o.Bill(), c)
	default:
		return nil, fmt.Errorf("qa: command %T is not known", c)
	}
}

func decidePlace(o Order, c Place) ([]Event, error) {
	switch {
	case o.Placed():
		return nil, domain.RefuseField(domain.AlreadyExists, "order_number", "%s", c.Number)
	case c.Patient == c.Doctor:
		return nil, domain.RefuseField(domain.Invalid, "doctor", "nobody orders from themselves")
	case c.Amount < 0 || c.Amount > domain.MaxFen:
		return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen", c.Amount)
	}
	return []Event{OrderPlaced(c)}, nil
}

func decideRequestPayment(o Order, c RequestPayment) ([]Event, error) {
	if err := allowPatient(o, c.By, movePay, domain.CannotPay); err != nil {
		return nil, err
	}
	if o.Amount == 0 {
		return []Event{payment.OrderPaid{Receipt: payment.Receipt{Channel: c.Channel, Ref: o.Number, At: c.At}}}, nil
	}
	if !o.Wants(c.Channel, c.At) {
		return nil, nil
	}
	return []Event{payment.PaymentRequested{Attempt: c.Attempt, Channel: c.Channel, ClientIP: c.ClientIP, At: c.At}}, nil
}

func decideCancel(o Order, c Cancel) ([]Event, error) {
	if err := allowPatient(o, c.By, moveCancel, domain.CannotCancel); err != nil {
		return nil, err
	}
	return []Event{OrderCancelled{By: c.By, Reason: ByRequest, At: c.At}}, nil
}

func decideDestroy(o Order, c Destroy) ([]Event, error) {
	side, err := sideOf(o, c.By)
	if err != nil {
		return nil, err
	}
	if err := may(o, moveDestroy, domain.CannotDestroy); err != nil {
		return nil, err
	}
	hidden := OrderHidden{From: side, At: c.At}
	if o.Status == Unpaid {
		return []Event{OrderCancelled{By: c.By, Reason: ByDestroy, At: c.At}, hidden}, nil
	}
	return []Event{hidden}, nil
}

func decideAsk(o Order, c Ask) ([]Event, error) {
	move := moveAsk
	if o.Type == Monthly && o.Status == Answered && c.Question.At.Before(o.Payment().At.Add(MonthlyPeriod)) {
		move = moveAskAgain
	}
	if err := allowPatient(o, c.By, move, domain.CannotAsk); err != nil {
		return nil, err
	}
	return []Event{QuestionAsked{c.Question}}, nil
}

func decideAnswer(o Order, c GiveAnswer) ([]Event, error) {
	side, err := sideOf(o, c.By)
	if err != nil {
		return nil, err
	}
	if side != DoctorSide {
		return nil, domain.Refuse(domain.Forbidden, "only the order's doctor answers")
	}
	if o.Question == nil || o.Question.PK != c.Answer.Question {
		return nil, domain.Refuse(domain.CannotAnswer, "question %d is not the open one of order %s", c.Answer.Question, o.Number)
	}
	if err := may(o, moveAnswer, domain.CannotAnswer); err != nil {
		return nil, err
	}
	return []Event{QuestionAnswered{c.Answer}}, nil
}

func decideFinish(o Order, c Finish) ([]Event, error) {
	if err := allowPatient(o, c.By, moveFinish, domain.CannotFinish); err != nil {
		return nil, err
	}
	return []Event{OrderFinished(c)}, nil
}

func decideEvaluate(o Order, c Evaluate) ([]Event, error) {
	if err := allowPatient(o, c.By, moveEvaluate, domain.CannotEvaluate); err != nil {
		return nil, err
	}
	if c.Evaluation.Scores < 1 || c.Evaluation.Scores > 5 {
		return nil, domain.RefuseField(domain.Invalid, "scores", "%d is not 1 to 5", c.Evaluation.Scores)
	}
	return []Event{OrderEvaluated{c.Evaluation}}, nil
}

func decideRefund(o Order, c Refund) ([]Event, error) {
	if err := allowPatient(o, c.By, moveRefund, domain.CannotRefund); err != nil {
		return nil, err
	}
	return giveUp(o, c.By, ByRefund, c.At), nil
}

// giveUp ends a paid order before its answer and sends what was paid back.
func giveUp(o Order, by, reason string, at time.Time) []Event {
	events := []Event{OrderCancelled{By: by, Reason: reason, At: at}}
	if paid := o.Payment(); o.Refundable(paid.Ref) > 0 {
		events = append(events, payment.RefundRequested{RefundIntent: payment.RefundOf(o.Bill(), *paid, o.Refundable(paid.Ref), reason, at)})
	}
	return events
}

func decideTimeOut(o Order, c TimeOut) ([]Event, error) {
	allows := func(move string) bool { return Lifecycle.Allows(o.Status.String(), move) }
	switch {
	case o.Status != c.Since:
		return nil, nil
	case allows(moveCancel):
		return []Event{OrderCancelled{By: domain.System, Reason: NotPaid, At: c.At}}, nil
	case allows(moveRefund):
		return giveUp(o, domain.System, NotAnswered, c.At), nil
	case allows(moveFinish):
		return []Event{OrderFinished{By: domain.System, At: c.At}}, nil
	default:
		return nil, nil
	}
}

// allowPatient refuses who is not the order's patient, then the move that the state does not allow.
func allowPatient(o Order, by, move string, code domain.Code) error {
	side, err := sideOf(o, by)
	if err != nil {
		return err
	}
	if side != PatientSide {
		return domain.Refuse(domain.Forbidden, "only the order's patient may %s", move)
	}
	return may(o, move, code)
}

func sideOf(o Order, by string) (Side, error) {
	side, ok := o.SideOf(by)
	if !ok {
		return "", domain.Refuse(domain.NotFound, "no such order")
	}
	return side, nil
}
