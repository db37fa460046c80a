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
	case DeclinePayment:
		return decideDeclinePayment(o, c)
	case RecordCharge:
		return decideRecordCharge(o, c)
	case ConfirmPayment:
		return decideConfirmPayment(o, c)
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
	case AcceptRefund:
		return decideAcceptRefund(o, c)
	case DelayRefund:
		return decideDelayRefund(o, c)
	case ParkRefund:
		return decideParkRefund(o, c)
	case RetryRefund:
		return decideRetryRefund(o, c)
	case GiveUpRefund:
		return decideGiveUpRefund(o, c)
	case SettleRefund:
		return decideSettleRefund(o, c)
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
		return []Event{OrderPaid{payment.Receipt{Channel: c.Channel, Ref: o.Number, At: c.At}}}, nil
	}
	if a := o.Attempt(c.Channel); a != nil && (a.Pending() || a.Charge.LiveAt(c.At)) {
		return nil, nil
	}
	return []Event{PaymentRequested{Attempt: c.Attempt, Channel: c.Channel, ClientIP: c.ClientIP, At: c.At}}, nil
}

func decideDeclinePayment(o Order, c DeclinePayment) ([]Event, error) {
	for _, a := range o.Attempts {
		if a.ID == c.Attempt && a.Pending() {
			return []Event{PaymentDeclined(c)}, nil
		}
	}
	return nil, nil
}

func decideRecordCharge(o Order, c RecordCharge) ([]Event, error) {
	a := o.Attempt(c.Charge.Channel)
	if a == nil || !a.Pending() {
		return nil, nil // nobody asked for it, or an earlier one was recorded
	}
	return []Event{ChargeCreated(c)}, nil
}

func decideConfirmPayment(o Order, c ConfirmPayment) ([]Event, error) {
	if o.Received(c.Receipt.Ref) {
		return nil, nil
	}
	if c.Receipt.Amount <= 0 {
		return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen", c.Receipt.Amount)
	}
	reason := OfSurplus
	if c.Receipt.Amount != o.Amount {
		reason = OfOddSum
	} else if Lifecycle.Allows(o.Status.String(), movePay) {
		return []Event{OrderPaid{c.Receipt}}, nil
	}
	back := refundOf(o, c.Receipt, c.Receipt.Amount, reason, c.Receipt.At)
	return []Event{SurplusReceived{c.Receipt}, RefundRequested{back}}, nil
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
		events = append(events, RefundRequested{refundOf(o, *paid, o.Refundable(paid.Ref), reason, at)})
	}
	return events
}

func decideTimeOut(o Order, c TimeOut) ([]Event, error) {
	allows := func(move string) bool { return Lifecycle.Allows(o.Status.String(), move) }
	switch {
	case o.Status != c.Since:
		return nil, nil
	case allows(moveCancel):
		return []Event{OrderCancelled{By: SystemName, Reason: NotPaid, At: c.At}}, nil
	case allows(moveRefund):
		return giveUp(o, SystemName, NotAnswered, c.At), nil
	case allows(moveFinish):
		return []Event{OrderFinished{By: SystemName, At: c.At}}, nil
	default:
		return nil, nil
	}
}

func decideSettleRefund(o Order, c SettleRefund) ([]Event, error) {
	r, err := refundWith(o, c.No)
	switch {
	case err != nil || r.Status != payment.Pending:
		return nil, err
	case c.Amount != 0 && c.Amount != r.Amount:
		return nil, domain.RefuseField(domain.Invalid, "amount", "refund %s is of %d fen, not of %d", c.No, r.Amount, c.Amount)
	case c.OK:
		return []Event{RefundSucceeded{No: c.No, At: c.At}}, nil
	default:
		return []Event{RefundFailed{No: c.No, Why: c.Why, At: c.At}}, nil
	}
}

func decideAcceptRefund(o Order, c AcceptRefund) ([]Event, error) {
	r, err := refundWith(o, c.No)
	if err != nil || r.Status != payment.Pending || r.PlatformID != "" {
		return nil, err
	}
	return []Event{RefundAccepted(c)}, nil
}

func decideDelayRefund(o Order, c DelayRefund) ([]Event, error) {
	r, err := refundWith(o, c.No)
	if err != nil || r.Status != payment.Pending || r.Parked {
		return nil, err
	}
	return []Event{RefundDelayed(c)}, nil
}

func decideParkRefund(o Order, c ParkRefund) ([]Event, error) {
	r, err := refundWith(o, c.No)
	if err != nil || r.Status != payment.Pending || r.Parked {
		return nil, err
	}
	return []Event{RefundParked(c)}, nil
}

func decideRetryRefund(o Order, c RetryRefund) ([]Event, error) {
	r, err := refundWith(o, c.No)
	if err != nil {
		return nil, err
	}
	// One that a clock ahead of its time has put off for long would wait for nobody else.
	putOff := r.Status == payment.Pending && !r.Closed && (r.At.After(c.At) || r.TriedAt.After(c.At))
	if !r.WaitsForPerson() && !putOff {
		return nil, domain.Refuse(domain.CannotRefund, "refund %s does not wait for a person", c.No)
	}
	again := []Event{RefundRetried(c)}
	if r.Status != payment.Failed {
		return again, nil
	}
	left := min(r.Amount, o.Refundable(r.Ref))
	if left <= 0 {
		return nil, domain.Refuse(domain.CannotRefund, "nothing of %s is left to refund", r.Ref)
	}
	from := payment.Receipt{Ref: r.Ref, Channel: r.Channel}
	return append(again, RefundRequested{refundOf(o, from, left, r.Reason, c.At)}), nil
}

func decideGiveUpRefund(o Order, c GiveUpRefund) ([]Event, error) {
	r, err := refundWith(o, c.No)
	if err != nil {
		return nil, err
	}
	if !r.WaitsForPerson() {
		return nil, domain.Refuse(domain.CannotRefund, "refund %s does not wait for a person", c.No)
	}
	return []Event{RefundGivenUp(c)}, nil
}

func refundWith(o Order, no string) (payment.Refund, error) {
	r, ok := o.Refund(no)
	if !ok {
		return r, domain.RefuseField(domain.NotFound, "refund", "order %s has no refund %s", o.Number, no)
	}
	return r, nil
}

// refundOf is a pending refund of a receipt, numbered by its place in the order: the number stays the same on every retry.
func refundOf(o Order, from payment.Receipt, amount domain.Fen, reason string, at time.Time) payment.RefundIntent {
	return payment.RefundIntent{
		No:  fmt.Sprintf("%s%s%d", o.Number, RefundMark, len(o.Refunds)+1),
		Ref: from.Ref, Channel: from.Channel, Amount: amount, Reason: reason, At: at,
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
