package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways"
)

// mood is how the platform answers for now.
type mood int

const (
	well       mood = iota
	settles         // refunds end at once
	fails           // refunds fail at once
	refuses         // for ever
	lostBefore      // nothing is done, and nobody knows
	lostAfter       // all is done, and nobody knows
)

// errLost: the outcome is not known.
var errLost = errors.New("502 Bad Gateway")

// paper is a charge as the platform has it.
type paper struct {
	charge    payment.Charge
	order     string
	paid      domain.Fen // 0: not yet
	refunding domain.Fen // of refunds that have not failed
}

// back is a refund as the platform has it.
type back struct {
	no, charge, order string
	amount            domain.Fen
	status            payment.RefundStatus
}

// notice is on its way for as long as it was not acknowledged, and sometimes longer.
type notice struct {
	id      string
	order   string
	receipt payment.Receipt // of a charge
	refund  string          // the number, of a refund
	ok      bool
}

// platform keeps charges and refunds in memory; its own clock is right.
type platform struct {
	w       *world
	mood    mood
	renews  bool // the same order number gives a new charge
	papers  []*paper
	backs   map[string]*back
	open    []*back // not settled
	notices []notice
	held    domain.Fen // what was paid and not given back
}

var lifetimes = map[payment.Channel]time.Duration{payment.Alipay: 24 * time.Hour, payment.WX: 2 * time.Hour}

func (p *platform) CreateCharge(_ context.Context, r gateways.ChargeRequest) (charge payment.Charge, err error) {
	err = p.w.step(func() error { charge, err = p.createCharge(r); return err })
	return charge, err
}

func (p *platform) createCharge(r gateways.ChargeRequest) (payment.Charge, error) {
	switch p.mood {
	case lostBefore:
		return payment.Charge{}, errLost
	case refuses:
		return payment.Charge{}, &gateways.Refusal{Status: 402, Message: "no"}
	}
	charge := p.chargeOf(r)
	if p.mood == lostAfter {
		return payment.Charge{}, errLost
	}
	return charge, nil
}

func (p *platform) chargeOf(r gateways.ChargeRequest) payment.Charge {
	for i := len(p.papers) - 1; i >= 0; i-- {
		if c := p.papers[i]; c.order == r.OrderNo && c.charge.Channel == r.Channel && !p.renews && c.charge.LiveAt(p.w.base) {
			return c.charge
		}
	}
	c := &paper{order: r.OrderNo, charge: payment.Charge{ID: fmt.Sprintf("ch_%d", len(p.papers)), OrderNo: r.OrderNo, Channel: r.Channel,
		Amount: r.Amount, Created: p.w.base.Unix(), TimeExpire: p.w.base.Add(lifetimes[r.Channel]).Unix()}}
	p.papers = append(p.papers, c)
	return c.charge
}

// FindCharge tells of a charge as the notice of it does.
func (p *platform) FindCharge(_ context.Context, id string) (charge payment.Charge, err error) {
	err = p.w.step(func() error {
		if p.mood == lostBefore || p.mood == lostAfter {
			return errLost
		}
		c := p.paper(id)
		if c == nil {
			return &gateways.Refusal{Status: 404, Message: "no such charge"}
		}
		charge = c.charge
		if c.paid > 0 {
			charge.Paid, charge.Amount = true, c.paid
		}
		return nil
	})
	return charge, err
}

// pay is the payer paying a charge, late perhaps, and not just its amount perhaps.
func (p *platform) pay(c *paper, amount domain.Fen) {
	if c.paid > 0 || amount <= 0 {
		return
	}
	c.paid = amount
	p.held += amount
	p.notices = append(p.notices, notice{id: "evt_" + c.charge.ID, order: c.order,
		receipt: payment.Receipt{Channel: c.charge.Channel, Ref: c.charge.ID, Amount: amount}})
}

func (p *platform) CreateRefund(_ context.Context, r gateways.RefundRequest) (refund payment.PlatformRefund, err error) {
	err = p.w.step(func() error { refund, err = p.createRefund(r); return err })
	return refund, err
}

func (p *platform) createRefund(r gateways.RefundRequest) (payment.PlatformRefund, error) {
	switch p.mood {
	case lostBefore:
		return payment.PlatformRefund{}, errLost
	case refuses:
		if p.backs[r.No] == nil {
			return payment.PlatformRefund{}, &gateways.Refusal{Status: 402, Message: "no"}
		}
	}
	b := p.backOf(r)
	switch p.mood {
	case settles:
		p.settle(b, true)
	case fails:
		p.settle(b, false)
	case lostAfter:
		return payment.PlatformRefund{}, errLost
	}
	return b.shown(), nil
}

func (p *platform) backOf(r gateways.RefundRequest) *back {
	if b := p.backs[r.No]; b != nil {
		if b.charge != r.Charge || b.amount != r.Amount || b.order != r.OrderNo {
			p.w.t.Fatalf("refund %+v is asked for again as %+v", *b, r)
		}
		return b
	}
	c := p.paper(r.Charge)
	if c == nil || c.order != r.OrderNo || r.Amount <= 0 || c.refunding+r.Amount > c.paid {
		p.w.t.Fatalf("refund %+v of charge %+v: more than there is", r, c)
	}
	c.refunding += r.Amount
	b := &back{no: r.No, charge: r.Charge, order: r.OrderNo, amount: r.Amount, status: payment.Pending}
	p.backs[r.No], p.open = b, append(p.open, b)
	return b
}

func (p *platform) paper(id string) *paper {
	for _, c := range p.papers {
		if c.charge.ID == id {
			return c
		}
	}
	return nil
}

// settle ends a refund; the notice goes out.
func (p *platform) settle(b *back, ok bool) {
	if b.status != payment.Pending {
		return
	}
	b.status = payment.Failed
	if ok {
		b.status = payment.Succeeded
		p.held -= b.amount
	} else {
		p.paper(b.charge).refunding -= b.amount
	}
	for i := range p.open {
		if p.open[i] == b {
			p.open = append(p.open[:i:i], p.open[i+1:]...)
			break
		}
	}
	p.notices = append(p.notices, notice{id: "evt_re_" + b.no, order: b.order, refund: b.no, ok: ok})
}

func (p *platform) FindRefund(_ context.Context, charge, no string) (refund payment.PlatformRefund, ok bool, err error) {
	err = p.w.step(func() error {
		if p.mood == lostBefore || p.mood == lostAfter {
			return errLost
		}
		if b := p.backs[no]; b != nil && b.charge == charge {
			refund, ok = b.shown(), true
		}
		return nil
	})
	return refund, ok, err
}

func (b *back) shown() payment.PlatformRefund {
	return payment.PlatformRefund{ID: "re_" + b.no, OrderNo: b.no, Charge: b.charge, Amount: b.amount, Status: b.status}
}
