package gateways

import (
	"context"
	"time"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
)

// Entry is an order of any kind as its money sees it, and what must happen to it.
type Entry struct {
	payment.Bill
	Position eventstore.Position // of the order's last event
	next     func(process.Periods) []process.Todo
	timeOut  func(ctx context.Context, call decider.Call, at time.Time) (Entry, error)
}

// Book holds the orders of one kind.
type Book interface {
	// Holds says that a number has the form of this kind's.
	Holds(number string) bool
	// Load gives the order with a number; one that was never placed has none.
	Load(ctx context.Context, number string) (Entry, error)
	// Execute runs a command of the order's money.
	Execute(ctx context.Context, number string, call decider.Call, c payment.Command) (Entry, error)
}

// Orders is the decider of one kind of order.
type Orders[S, C any] interface {
	Load(ctx context.Context, number string) (decider.Result[S], error)
	Execute(ctx context.Context, number string, call decider.Call, c C) (decider.Result[S], error)
}

// Kind is the [Book] of the orders of one lifecycle: S is their state, C their commands.
type Kind[S interface{ Bill() payment.Bill }, C any] struct {
	Category string // of the orders' streams
	IsNumber func(string) bool
	Orders   Orders[S, C]
	Refusals Refusals
	Next     func(S, process.Periods) []process.Todo
	Money    func(payment.Command) C       // a command of the money as one of the order
	TimeOut  func(order S, at time.Time) C // moves an order on that has been in its state for too long
}

// Holds implements [Book].
func (k Kind[S, C]) Holds(number string) bool { return k.IsNumber(number) }

// Load implements [Book].
func (k Kind[S, C]) Load(ctx context.Context, number string) (Entry, error) {
	return k.entry(k.Orders.Load(ctx, number))
}

// Execute implements [Book].
func (k Kind[S, C]) Execute(ctx context.Context, number string, call decider.Call, c payment.Command) (Entry, error) {
	return k.run(ctx, number, call, k.Money(c))
}

// run runs a command, and has it recorded if the order, which is there, refuses it.
func (k Kind[S, C]) run(ctx context.Context, number string, call decider.Call, c C) (Entry, error) {
	done, err := k.Orders.Execute(ctx, number, call, c)
	if done.Revision != eventstore.NoStream {
		k.Refusals.Record(ctx, call, k.Category+"-"+number, c, err)
	}
	return k.entry(done, err)
}

func (k Kind[S, C]) entry(r decider.Result[S], err error) (Entry, error) {
	bill := r.State.Bill()
	return Entry{
		Bill: bill, Position: r.Position,
		next: func(p process.Periods) []process.Todo { return k.Next(r.State, p) },
		timeOut: func(ctx context.Context, call decider.Call, at time.Time) (Entry, error) {
			return k.run(ctx, bill.Number, call, k.TimeOut(r.State, at))
		},
	}, err
}

// Books are the orders of every kind.
type Books []Book

// Of is the book that holds orders with numbers of that form; a number that no order can have is refused
// with [domain.NotFound].
func (b Books) Of(number string) (Book, error) {
	for _, book := range b {
		if book.Holds(number) {
			return book, nil
		}
	}
	return nil, domain.Refuse(domain.NotFound, "no order has a number like %.40q", number)
}

// Load gives the order with a number.
func (b Books) Load(ctx context.Context, number string) (Entry, error) {
	book, err := b.Of(number)
	if err != nil {
		return Entry{}, err
	}
	return book.Load(ctx, number)
}

// Execute runs a command of an order's money.
func (b Books) Execute(ctx context.Context, number string, call decider.Call, c payment.Command) (Entry, error) {
	book, err := b.Of(number)
	if err != nil {
		return Entry{}, err
	}
	return book.Execute(ctx, number, call, c)
}

// QA is the book of the Q&A orders. What they refuse is recorded.
func QA(orders Orders[qa.Order, qa.Command], refusals Refusals) Book {
	return Kind[qa.Order, qa.Command]{
		Category: qa.Category, IsNumber: qa.IsNumber, Orders: orders, Refusals: refusals, Next: process.QA,
		Money:   func(c payment.Command) qa.Command { return c },
		TimeOut: func(o qa.Order, at time.Time) qa.Command { return qa.TimeOut{Since: o.Status, At: at} },
	}
}

// Hospital is the book of the hospital orders. What they refuse is recorded.
func Hospital(orders Orders[hospital.Order, hospital.Command], refusals Refusals) Book {
	return Kind[hospital.Order, hospital.Command]{
		Category: hospital.Category, IsNumber: hospital.IsNumber, Orders: orders, Refusals: refusals, Next: process.Hospital,
		Money:   func(c payment.Command) hospital.Command { return c },
		TimeOut: func(_ hospital.Order, at time.Time) hospital.Command { return hospital.TimeOut{At: at} },
	}
}
