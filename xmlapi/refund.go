package xmlapi

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/link"
	"orderengine/domain/payment"
	"orderengine/eventstore/decider"
	"orderengine/xmlapi/envelope"
)

// The document's values of partialOrAllrefund and pushMsg (2.1).
const (
	refundAll, refundPart = 1, 2
	push, noPush          = 1, 2
)

// refundGeneral is 原渠道商户退费 (2.1). The hospital's number of the refund is its key, for ever: it belongs to the
// order that it was first accepted for, and the order tells what it stands for.
func (c *call) refundGeneral() error {
	p := &c.params
	refund := hospital.Refund{Hospital: c.hospital.Code, Kind: hospital.Kind(p.must("refundType", 1, len(hospital.Kinds)))}
	number := p.number("orderNo")
	r := &refund.Order
	r.HisNo = p.number("hisRefundOrderNo")
	r.Amount = p.fen("refundAmout")
	r.RefundTime = p.tradeTime("refundTime").Format(hospital.TimeLayout)
	r.Reason = p.required("refundReason", maxText)
	r.All = p.choice("partialOrAllrefund", refundAll, refundPart, refundAll) == refundAll
	r.Push = p.choice("pushMsg", push, noPush, push) == push
	if p.err != nil {
		return p.err
	}
	r.Type, r.At = hospital.ForPartialRefund, c.at
	if r.All {
		r.Type = hospital.ForFullRefund
	}
	taken, err := c.freeFor(r.HisNo, number)
	if err != nil {
		return err
	}
	order, err := c.order(number)
	if err != nil {
		return err
	}
	events, err := hospital.Decide(order.State, refund)
	if err != nil {
		return c.inState(err, order, refund, "退费")
	}
	if len(events) == 0 {
		return c.refundedBefore(order, r.HisNo)
	}
	return c.refund(order, refund, taken)
}

// order is an order of the caller's; that of another hospital is none.
func (c *call) order(number string) (found decider.Result[hospital.Order], err error) {
	if !hospital.IsNumber(number) {
		return found, unknownOrder(number)
	}
	found, err = c.api.Orders.Load(c.ctx, number)
	if err == nil && found.State.Hospital != c.hospital.Code {
		err = unknownOrder(number)
	}
	return found, err
}

func unknownOrder(number string) error { return nothingFound("未查询到订单 " + cut(number)) }

// freeFor refuses a number of the hospital's that stands for a refund of another order; taken is where it leads.
func (c *call) freeFor(hisNo, number string) (taken link.Link, err error) {
	found, err := c.api.HisRefunds.Load(c.ctx, link.HisID(c.hospital.Code, hisNo))
	if taken = found.State; err != nil || taken.To == "" || taken.To == number {
		return taken, err
	}
	other, err := c.api.Orders.Load(c.ctx, taken.To)
	if _, stands := other.State.RefundOrder(hisNo); err == nil && stands {
		err = takenNumber(hisNo)
	}
	return taken, err
}

func takenNumber(hisNo string) error {
	return notAllowed(fmt.Sprintf("hisRefundOrderNo：%s 已用于另一笔退费", cut(hisNo)))
}

// lead leads the hospital's number to the order. Where it leads to one that has refused the refund, or was never told of
// it, that order first says that it will not take it any more: another server may be about to ask it.
func (c *call) lead(hisNo string, order hospital.Order, taken link.Link) (turn int, err error) {
	take, to := c.caller(uuid.New()), link.Command{To: order.Number}
	take.New = taken.To == ""
	if !take.New && (taken.To != order.Number || order.FreedNumber(hisNo, taken.Turn)) {
		free := hospital.FreeNumber{HisNo: hisNo, Turn: taken.Turn, At: c.at}
		if _, err = c.api.Orders.Execute(c.ctx, taken.To, c.caller(uuid.New()), free); err != nil {
			return 0, err
		}
		to.Over = taken.Turn
	}
	led, err := c.api.HisRefunds.Execute(c.ctx, link.HisID(c.hospital.Code, hisNo), take, to)
	if domain.IsRefused(err, domain.AlreadyExists) || err == nil && led.State.To != order.Number {
		err = takenNumber(hisNo) // another request was faster
	}
	return led.State.Turn, err
}

// refund takes the hospital's number, writes the refund down, and has the money sent back if that is not the reactor's
// to do.
func (c *call) refund(found decider.Result[hospital.Order], refund hospital.Refund, taken link.Link) error {
	order := found.State
	serial, err := c.api.Serials.Next(c.ctx)
	if err != nil {
		return err
	}
	r := &refund.Order
	r.No = hospital.Number(order.Platform, r.Type, order.Kind, c.at, serial)
	if refund.Turn, err = c.lead(r.HisNo, order, taken); err != nil {
		return err
	}
	done, err := c.api.Orders.Execute(c.ctx, order.Number, c.caller(uuid.New()), refund)
	if err != nil {
		return c.inState(err, done, refund, "退费")
	}
	if first, _ := done.State.RefundOrder(r.HisNo); first.No != r.No {
		return c.refundedBefore(done, r.HisNo) // the same request was faster
	}
	position := done.Position
	if settled, err := c.api.Payments.AtOnce(c.ctx, order.Number); err != nil {
		c.api.Logger.Warn("a refund is left to the reactor", "order", order.Number, "error", err.Error())
	} else if position.Before(settled.Position) {
		position = settled.Position
	}
	after, err := c.api.Orders.Load(c.ctx, order.Number)
	if err != nil {
		return err
	}
	c.await(position)
	c.reply(numbersOf(after.State, r.HisNo)...)
	return nil
}

func (c *call) refundedBefore(o decider.Result[hospital.Order], hisNo string) error {
	c.await(o.Position)
	first, _ := o.State.RefundOrder(hisNo)
	desc := fmt.Sprintf("hisRefundOrderNo：%s 已受理过该笔退费，%s", cut(hisNo), outcomeOf(o.State.Carrier(first.No)))
	return repeated(desc, numbersOf(o.State, hisNo)...)
}

// outcomeOf says what has become of a refund's money.
func outcomeOf(r payment.Refund) string {
	switch {
	case r.Status == payment.Succeeded:
		return "退费成功"
	case r.Closed:
		return "退费未成功，已由人工处理"
	case r.Status == payment.Failed:
		return "退费失败，待人工处理"
	case r.Parked:
		return "退费未完成，待人工处理"
	default:
		return "退费处理中"
	}
}

// numbersOf are the two numbers of a refund. The channel's is empty until the channel has given one, and then the first,
// whatever had to be tried again.
func numbersOf(o hospital.Order, hisNo string) []envelope.Field {
	r, _ := o.RefundOrder(hisNo)
	return []envelope.Field{{Name: "refundOrderNo", Value: r.No}, {Name: "agtRefundOrderNo", Value: o.FirstChannelNo(r.No)}}
}

// inState makes a refusal for the order's state say what the state is, and has it recorded. The views show that state
// before the hospital hears of it.
func (c *call) inState(err error, found decider.Result[hospital.Order], command hospital.Command, what string) error {
	var fault *domain.Fault
	if !errors.As(err, &fault) {
		return err
	}
	o := found.State
	c.await(found.Position)
	c.api.Refusals.Record(c.ctx, c.caller(uuid.New()), c.api.Orders.Stream(o.Number), command, err)
	switch fault.Code {
	case domain.CannotRefund, domain.CannotStop:
		return notAllowed(fmt.Sprintf("订单 %s 的状态为%s，不能%s", o.Number, o.Status.Display(), what))
	default:
		return err
	}
}
