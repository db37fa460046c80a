package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/httpapi/drf"
)

var channels = texts(payment.Channels)

// texts are names as plain texts.
func texts[T ~string](names []T) []string {
	plain := make([]string, len(names))
	for i, name := range names {
		plain[i] = string(name)
	}
	return plain
}

// payOrder is 订单支付: it has the platform make a charge, or takes the money from the wallet. The order
// says in its events what it wants before anything is done, so a payment that was begun is ended, once,
// whatever crashes in between.
func (c *call) payOrder() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	channel := payment.Channel(f.Choice("channel", channels))
	number := c.echo.Param("number")
	request := qa.RequestPayment{By: c.actor, Channel: channel, ClientIP: c.echo.RealIP(), At: c.now()}
	if err := c.misread(ctx, f, number, request); err != nil {
		return reply{}, err
	}
	if err := c.rehearse(ctx, number, request); err != nil {
		return reply{}, err
	}
	if err := c.affordable(ctx, number, channel, request); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	request.Attempt, request.At = op.id.String(), op.at
	order, err := c.execute(ctx, number, op, request)
	if err != nil {
		return reply{}, err
	}
	return c.paid(ctx, order.State.Bill(), order.Position, channel)
}

// paid does what an order of any kind wants now, and answers with what became of its payment; there is nothing to do
// for one that is paid.
func (c *call) paid(ctx context.Context, b payment.Bill, at eventstore.Position, channel payment.Channel) (reply, error) {
	if b.Waiting {
		order, err := c.api.Payments.Pay(ctx, b.Number, channel)
		if err != nil {
			return reply{}, err
		}
		b, at = order.Bill, order.Position
	}
	c.await(at)
	return paymentReply(b, channel, c.now())
}

func paymentReply(b payment.Bill, channel payment.Channel, at time.Time) (reply, error) {
	if attempt := b.Attempt(channel); attempt != nil && attempt.Charge != nil && attempt.Charge.LiveAt(at) && !b.Received(attempt.Charge.ID) {
		return reply{http.StatusOK, paymentJSON{Charge: attempt.Charge}}, nil
	}
	if b.Waiting && channel != payment.Balance {
		return reply{}, drf.NewError(http.StatusBadRequest, msgNoCharge) // why is in the order's history
	}
	if b.Waiting {
		return reply{}, domain.Refuse(domain.InsufficientFunds, "the wallet did not give the money")
	}
	if b.Payment() == nil {
		return reply{}, domain.Refuse(domain.CannotPay, "order %s was cancelled meanwhile", b.Number)
	}
	return reply{http.StatusOK, paymentJSON{}}, nil
}

// affordable refuses a payment that the wallet cannot make before the order hears of it, and has that recorded. The wallet
// itself decides later, whatever happens until then.
func (c *call) affordable(ctx context.Context, number string, channel payment.Channel, command any) error {
	if channel != payment.Balance || c.keyed() {
		return nil
	}
	order, err := c.api.Payments.Books.Load(ctx, number)
	if err != nil {
		return err
	}
	if a := order.Attempt(payment.Balance); a != nil || order.Amount == 0 {
		return nil
	}
	w, err := c.api.Wallets.Load(ctx, c.user.Username)
	if err != nil {
		return err
	}
	if w.State.Balance < order.Amount {
		refused := domain.Refuse(domain.InsufficientFunds, "the wallet holds less than the order's amount")
		c.api.Refusals.Record(ctx, c.caller(uuid.New(), c.now()), orderStream(number), command, refused)
		return refused
	}
	return nil
}
