package hospital

import (
	"fmt"
	"slices"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Decide says what a command makes of an order: events, none if it is done already, or a refusal.
func Decide(o Order, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Place:
		return decidePlace(o, c)
	case Import:
		return decideImport(o, c)
	}
	if !o.Placed() {
		return nil, domain.Refuse(domain.NotFound, "no such order")
	}
	switch c := c.(type) {
	case RequestPayment:
		return decideRequestPayment(o, c)
	case Cancel:
		return decideCancel(o, c)
	case TimeOut:
		return decideTimeOut(o, c)
	case Refund:
		return decideRefund(o, c)
	case FreeNumber:
		return decideFreeNumber(o, c)
	case Stop:
		return decideStop(o, c)
	case MarkTold:
		return decideMarkTold(o, c)
	case payment.Command:
		return payment.DecideFor[Event](o.Bill(), c)
	default:
		return nil, fmt.Errorf("hospital: command %T is not known", c)
	}
}

func decidePlace(o Order, c Place) ([]Event, error) {
	switch {
	case o.Placed():
		return nil, domain.RefuseField(domain.AlreadyExists, "order_no", "%s", c.Number)
	case c.Patient == "":
		return nil, domain.RefuseField(domain.Invalid, "patient", "who is to pay the order?")
	}
	if err := check(c.Terms); err != nil {
		return nil, err
	}
	return []Event{HospitalOrderPlaced(c)}, nil
}

func decideImport(o Order, c Import) ([]Event, error) {
	switch {
	case o.Placed():
		return nil, domain.RefuseField(domain.AlreadyExists, "order_no", "%s", c.Number)
	case c.Receipt.Amount != c.Amount:
		return nil, domain.RefuseField(domain.Invalid, "amount", "%d fen were paid for an order of %d", c.Receipt.Amount, c.Amount)
	case ModeOf(c.Receipt.Channel) == 0:
		return nil, domain.RefuseField(domain.Invalid, "trade_mode", "%q is no way to pay", c.Receipt.Channel)
	case c.Receipt.Ref == "":
		return nil, domain.RefuseField(domain.Invalid, "agt_order_no", "by what does the platform know the payment?")
	case !Plausible(c.Receipt.At):
		return nil, domain.RefuseField(domain.Invalid, "pay_time", "%s", c.Receipt.At)
	case c.Receipt.Channel == payment.Balance && c.Patient == "":
		return nil, domain.RefuseField(domain.Invalid, "patient", "whose wallet paid the order?")
	}
	if err := check(c.Terms); err != nil {
		return nil, err
	}
	return []Event{HospitalOrderImported(c)}, nil
}

// check refuses terms that no order can have.
func check(t Terms) error {
	switch {
	case t.Amount < 0 || t.Amount > domain.MaxFen:
		return domain.RefuseField(domain.Invalid, "amount", "%d fen", t.Amount)
	case !slices.Contains(Kinds, t.Kind):
		return domain.RefuseField(domain.Invalid, "kind", "%d", t.Kind)
	case !slices.Contains(Platforms, t.Platform):
		return domain.RefuseField(domain.Invalid, "platform", "%d", t.Platform)
	case t.Kind == Registration && !slices.Contains(RegTypes, t.RegType):
		return domain.RefuseField(domain.Invalid, "reg_type", "%d", t.RegType)
	case t.Kind == Registration && !isBookDate(t.BookDate):
		return domain.RefuseField(domain.Invalid, "book_date", "%q", t.BookDate)
	default:
		return nil
	}
}

func isBookDate(text string) bool {
	day, ok := ParseDate(text)
	return ok && Plausible(day)
}

func decideRequestPayment(o Order, c RequestPayment) ([]Event, error) {
	if err := allowPatient(o, c.By, movePay, domain.CannotPay); err != nil {
		return nil, err
	}
	channel := c.Mode.Channel()
	if channel == "" {
		return nil, domain.RefuseField(domain.Invalid, "trade_mode", "%d", c.Mode)
	}
	if o.Amount == 0 {
		return []Event{payment.OrderPaid{Receipt: payment.Receipt{Channel: channel, Ref: o.Number, At: c.At}}}, nil
	}
	if !o.Wants(channel, c.At) {
		return nil, nil
	}
	return []Event{payment.PaymentRequested{Attempt: c.Attempt, Channel: channel, ClientIP: c.ClientIP, At: c.At}}, nil
}

func decideCancel(o Order, c Cancel) ([]Event, error) {
	if err := allowPatient(o, c.By, moveCancel, domain.CannotCancel); err != nil {
		return nil, err
	}
	return []Event{HospitalOrderCancelled{By: c.By, Reason: ByRequest, At: c.At}}, nil
}

func decideTimeOut(o Order, c TimeOut) ([]Event, error) {
	if !Lifecycle.Allows(o.Status.String(), moveCancel) {
		return nil, nil
	}
	return []Event{HospitalOrderCancelled{By: domain.System, Reason: NotPaid, At: c.At}}, nil
}

func decideRefund(o Order, c Refund) ([]Event, error) {
	r := c.Order
	if o.Hospital != c.Hospital {
		return nil, domain.Refuse(domain.NotFound, "order %s is not of hospital %s", o.Number, c.Hospital)
	}
	if first, ok := o.RefundOrder(r.HisNo); ok {
		if change := c.changeOf(o.Kind, first); change != "" {
			return nil, domain.RefuseField(domain.KeyReused, "hisRefundOrderNo", "%s 已用于内容不同的另一笔退费：%s", r.HisNo, change)
		}
		return nil, nil
	}
	if o.FreedNumber(r.HisNo, c.Turn) {
		return nil, domain.RefuseField(domain.AlreadyExists, "hisRefundOrderNo", "%s 已用于另一笔退费", r.HisNo)
	}
	if err := checkRefund(o, c); err != nil {
		return nil, err
	}
	// The wallet's number of the refund is ours and known by now; the platform gives its own when it is asked.
	return refunded(o, r, o.Payment().Channel != payment.Balance), nil
}

func decideFreeNumber(o Order, c FreeNumber) ([]Event, error) {
	if _, stands := o.RefundOrder(c.HisNo); stands {
		return nil, domain.RefuseField(domain.AlreadyExists, "hisRefundOrderNo", "%s 已用于另一笔退费", c.HisNo)
	}
	if o.FreedNumber(c.HisNo, c.Turn) {
		return nil, nil
	}
	return []Event{RefundNumberFreed(c)}, nil
}

// changeOf says what the hospital asks for otherwise than the first time, "" if nothing: the number, what it begins with
// and the time are ours.
func (c Refund) changeOf(kind Kind, first RefundOrder) string {
	choice := func(one bool) string {
		if one {
			return "1"
		}
		return "2"
	}
	r := c.Order
	for _, f := range []struct{ name, now, before string }{
		{"refundType", fmt.Sprint(c.Kind), fmt.Sprint(kind)},
		{"refundAmout", fmt.Sprint(r.Amount), fmt.Sprint(first.Amount)},
		{"partialOrAllrefund", choice(r.All), choice(first.All)},
		{"refundTime", r.RefundTime, first.RefundTime},
		{"refundReason", r.Reason, first.Reason},
		{"pushMsg", choice(r.Push), choice(first.Push)},
	} {
		if f.now != f.before {
			return fmt.Sprintf("%s %.64s，原为 %.64s", f.name, f.now, f.before)
		}
	}
	return ""
}

func checkRefund(o Order, c Refund) error {
	move := moveRefundPart
	if c.Order.Amount == o.Left() {
		move = moveRefundRest
	}
	if err := may(o, move, domain.CannotRefund); err != nil {
		return err
	}
	r, left := c.Order, o.Left()
	switch {
	case c.Kind != o.Kind:
		return domain.RefuseField(domain.Invalid, "refundType", "%d，订单 %s 的类型是 %d", c.Kind, o.Number, o.Kind)
	case r.Amount < 1:
		return domain.RefuseField(domain.Invalid, "refundAmout", "%d，须大于 0", r.Amount)
	case r.Amount > left:
		return domain.RefuseField(domain.Invalid, "refundAmout", "%d，超过可退金额 %d", r.Amount, left)
	case r.All && r.Amount != left:
		return domain.RefuseField(domain.Invalid, "refundAmout", "%d，全部退费须等于可退金额 %d", r.Amount, left)
	case !r.All && o.TradeMode() == Insurance:
		return domain.RefuseField(domain.Invalid, "partialOrAllrefund", "2，医保订单不能部分退费")
	default:
		return nil
	}
}

// refunded is a refund order with its money's intent.
func refunded(o Order, r RefundOrder, atOnce bool) []Event {
	intent := payment.RefundOf(o.Bill(), *o.Payment(), r.Amount, r.Reason, r.At)
	intent.Name, intent.AtOnce = r.No, atOnce
	return []Event{RefundOrdered{r}, payment.RefundRequested{RefundIntent: intent}}
}

func decideStop(o Order, c Stop) ([]Event, error) {
	switch {
	case o.Hospital != c.Hospital:
		return nil, domain.Refuse(domain.NotFound, "order %s is not of hospital %s", o.Number, c.Hospital)
	case o.Kind != Registration:
		return nil, domain.RefuseField(domain.Invalid, "orderList", "%s 不是挂号订单", o.Number)
	case o.Status == Stopped:
		return nil, nil
	}
	if err := may(o, moveStop, domain.CannotStop); err != nil {
		return nil, err
	}
	events := []Event{RegistrationStopped{By: c.Hospital, At: c.At}}
	if left := o.Left(); left > 0 {
		r := RefundOrder{No: c.RefundNo, Type: ForStop, Amount: left, All: true, Reason: OfStop, At: c.At}
		events = append(events, refunded(o, r, false)...)
	}
	return events, nil
}

func decideMarkTold(o Order, c MarkTold) ([]Event, error) {
	if !slices.ContainsFunc(o.Untold, func(n Notice) bool { return n.ID == c.Notice }) {
		return nil, nil
	}
	return []Event{PatientTold(c)}, nil
}

// allowPatient refuses who is not the order's patient, then the move that the state does not allow.
func allowPatient(o Order, by, move string, code domain.Code) error {
	if by == "" || by != o.Patient {
		return domain.Refuse(domain.NotFound, "no such order")
	}
	return may(o, move, code)
}
