package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/drf"
)

const maxUsername = 150 // characters, Django's limit

var orderTypes = texts(qa.Types)

// createOrder is 创建问答订单.
func (c *call) createOrder() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	place := qa.Place{
		Patient: c.user.Username, PatientPK: c.user.PK,
		Doctor: f.String("doctor", drf.MaxLength(maxUsername)),
		Type:   qa.OrderType(f.Choice("order_type", orderTypes)),
	}
	if err := c.price(ctx, f, &place); err != nil {
		return reply{}, err
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Orders)
	if err != nil {
		return reply{}, err
	}
	place.PK, place.At, place.Number = op.pk, op.at, qa.Number(op.at, op.pk, c.user.PK)
	placed, err := c.api.Orders.Execute(ctx, place.Number, c.minting(op), place)
	if err != nil {
		return reply{}, err
	}
	return c.orderReply(ctx, http.StatusCreated, placed)
}

// price looks up what the doctor asks for the order.
func (c *call) price(ctx context.Context, f *drf.Fields, place *qa.Place) error {
	if !f.OK("doctor") {
		return nil
	}
	var doctor account.User
	if account.UsernamePattern.MatchString(place.Doctor) {
		loaded, err := c.api.Accounts.Users.Load(ctx, place.Doctor)
		if err != nil {
			return err
		}
		doctor = loaded.State
	}
	amount, offered := doctor.Prices[string(place.Type)]
	switch {
	case !doctor.Doctor() || !doctor.Active:
		f.Add("doctor", drf.MsgNoSuchObject, "username", place.Doctor)
	case place.Doctor == place.Patient:
		f.Add("doctor", msgOwnOrder)
	case f.OK("order_type") && !offered:
		f.Add("order_type", msgNotOffered)
	}
	place.Amount = amount
	return nil
}

// orderDetail is 查看订单详情; ?expand=charge adds the charges, with what has become of their money.
func (c *call) orderDetail() (reply, error) {
	order, ok, err := c.orders().Get(c.ctx(), c.echo.Param("number"))
	if err != nil {
		return reply{}, err
	}
	if _, mine := order.SideOf(c.user.Username); !ok || !mine {
		return reply{}, drf.NotFound()
	}
	if c.query.Get("expand") == "charge" {
		return c.orderShown(order, c.writeCharged)
	}
	return c.orderShown(order, c.writeOrder)
}

// orderShown answers with an order of the views.
func (c *call) orderShown(order qa.Order, write orderWriter) (reply, error) {
	who, err := parties(c.ctx(), c.api.People, order)
	if err != nil {
		return reply{}, err
	}
	return written(http.StatusOK, order, who, write), nil
}

// written answers with an order as write shows it.
func written(status int, order qa.Order, who people, write orderWriter) reply {
	w := drf.NewWriter()
	write(w, order, who)
	return reply{status, w}
}

// cancelOrder is 取消订单.
func (c *call) cancelOrder() (reply, error) {
	return c.change(func(op operation) qa.Command { return qa.Cancel{By: c.actor, At: op.at} })
}

// finishOrder is 结束订单.
func (c *call) finishOrder() (reply, error) {
	return c.change(func(op operation) qa.Command { return qa.Finish{By: c.actor, At: op.at} })
}

// destroyOrder is 删除订单.
func (c *call) destroyOrder() (reply, error) {
	_, err := c.change(func(op operation) qa.Command { return qa.Destroy{By: c.actor, At: op.at} })
	return reply{status: http.StatusNoContent}, err
}

// refundOrder gives a paid order up (the notes' 退款); the wallet has its money back before the reply.
func (c *call) refundOrder() (reply, error) {
	answer, err := c.change(func(op operation) qa.Command { return qa.Refund{By: c.actor, At: op.at} })
	if err != nil {
		return answer, err
	}
	ctx, cancel := c.commandCtx()
	defer cancel()
	if refunded, err := c.api.Payments.AtOnce(ctx, c.echo.Param("number")); err != nil {
		c.api.Logger.Warn("a refund is left to the reactor", "order", c.echo.Param("number"), "error", err.Error())
	} else {
		c.await(refunded.Position)
	}
	return answer, nil
}

// evaluateOrder is 订单评价.
func (c *call) evaluateOrder() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	given := qa.Evaluation{Scores: f.IntChoice("scores", []int{1, 2, 3, 4, 5})}
	text := qa.EvaluationText{Content: f.String("content", drf.MaxLength(maxText))}
	number, evaluate := c.echo.Param("number"), qa.Evaluate{By: c.actor, Evaluation: given}
	if err := c.misread(ctx, f, number, evaluate); err != nil {
		return reply{}, err
	}
	if err := c.rehearse(ctx, number, evaluate); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Evaluations)
	if err != nil {
		return reply{}, err
	}
	given.PK, given.At = op.pk, op.at
	evaluated, err := c.say(ctx, number, op, given.Purpose(number), text, func(sealed domain.Sealed) qa.Command {
		given.Text = sealed
		return qa.Evaluate{By: c.actor, Evaluation: given}
	})
	if err != nil {
		return reply{}, err
	}
	return c.partReply(ctx, http.StatusOK, evaluated, c.writeEvaluation)
}

// change runs a command on the order in the path and answers with the order.
func (c *call) change(command func(operation) qa.Command) (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	changed, err := c.execute(ctx, c.echo.Param("number"), op, command(op))
	if err != nil {
		return reply{}, err
	}
	return c.orderReply(ctx, http.StatusOK, changed)
}

// execute runs a command on a Q&A order.
func (c *call) execute(ctx context.Context, number string, op operation, command qa.Command) (decider.Result[qa.Order], error) {
	return execute(ctx, c, c.api.Orders, qa.IsNumber, number, op, command)
}

// rehearse is [rehearse] for a Q&A order.
func (c *call) rehearse(ctx context.Context, number string, command qa.Command) error {
	return rehearse(ctx, c, c.api.Orders, qa.IsNumber, qa.Decide, number, command)
}

// misread is what is wrong with the fields of a command on a Q&A order, nil if nothing is. That the order is not the caller's
// to command comes before it: DRF looks its object up first.
func (c *call) misread(ctx context.Context, f *drf.Fields, number string, command qa.Command) error {
	wrong := f.Err()
	if wrong == nil {
		return nil
	}
	if err := tried(ctx, c, c.api.Orders, qa.IsNumber, theirs, number, command); err != nil {
		return err
	}
	return wrong
}

// theirs refuses who may not give a command on the order, whatever its state.
func theirs(o qa.Order, command qa.Command) ([]qa.Event, error) {
	events, err := qa.Decide(o, command)
	if domain.IsRefused(err, domain.NotFound) || domain.IsRefused(err, domain.Forbidden) {
		return nil, err
	}
	return events, nil
}

// execute runs a command on an order of any kind; a number that no order can have is not looked up.
func execute[S, C, E any](ctx context.Context, c *call, orders *decider.Decider[S, C, E], isNumber func(string) bool,
	number string, op operation, command C) (decider.Result[S], error) {
	if !isNumber(number) {
		return decider.Result[S]{}, drf.NotFound()
	}
	done, err := orders.Execute(ctx, number, c.caller(op.id, op.at), command)
	return done, refused(ctx, c, orders, number, c.caller(op.id, op.at), command, done, err)
}

// refused records a refusal, if err is one, and gives err. The views show what the order refused it for before the
// client hears of it: who reads next must not see an order that would have taken the command.
func refused[S, C, E any](ctx context.Context, c *call, orders *decider.Decider[S, C, E], number string, caller decider.Call,
	command C, is decider.Result[S], err error) error {
	var fault *domain.Fault
	if !errors.As(err, &fault) || is.Revision == eventstore.NoStream {
		return err
	}
	c.api.Refusals.Record(ctx, caller, orders.Stream(number), command, err)
	c.await(is.Position)
	return err
}

// rehearse refuses what would be refused anyway, before a pk is spent on it or the order hears of it. A request with a
// key may have been run before, so it goes on to its claim.
func rehearse[S, C, E any](ctx context.Context, c *call, orders *decider.Decider[S, C, E], isNumber func(string) bool,
	decide func(S, C) ([]E, error), number string, command C) error {
	if c.keyed() {
		return nil
	}
	return tried(ctx, c, orders, isNumber, decide, number, command)
}

// tried is what an order refuses of a command that is not run.
func tried[S, C, E any](ctx context.Context, c *call, orders *decider.Decider[S, C, E], isNumber func(string) bool,
	decide func(S, C) ([]E, error), number string, command C) error {
	if !isNumber(number) {
		return drf.NotFound()
	}
	order, err := orders.Load(ctx, number)
	if err != nil {
		return err
	}
	_, err = decide(order.State, command)
	return refused(ctx, c, orders, number, c.caller(uuid.New(), c.now()), command, order, err)
}

// orderReply answers with an order as a command left it, once the views have it too.
func (c *call) orderReply(ctx context.Context, status int, result decider.Result[qa.Order]) (reply, error) {
	return c.partReply(ctx, status, result, c.writeOrder)
}

// partReply is orderReply with what write shows of the order.
func (c *call) partReply(ctx context.Context, status int, result decider.Result[qa.Order], write orderWriter) (reply, error) {
	who, err := parties(ctx, c.api.Accounts.People, result.State)
	if err != nil {
		return reply{}, err
	}
	c.await(result.Position)
	return written(status, result.State, who, write), nil
}
