package xmlapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/stoplist"
	"orderengine/eventstore/decider"
)

// stopReg is 医生停诊 (2.2). Every order is looked at before the first is stopped; then the list is written down, and
// so it is done, whatever becomes of this server.
func (c *call) stopReg() error {
	numbers := c.params.list("orderList")
	if c.params.err != nil {
		return c.params.err
	}
	open, err := c.stoppable(numbers)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return repeated("订单均已停诊")
	}
	id := uuid.New()
	list := stoplist.Begin{ID: id.String(), Hospital: c.hospital.Code, Orders: open, At: c.at}
	if _, err := c.api.StopLists.Execute(c.ctx, list.ID, c.caller(id), list); err != nil {
		return err
	}
	if err := c.api.PerformStop(c.ctx, list.ID); err != nil {
		c.api.Logger.Warn("a list of stops is left to the reactor", "list", list.ID, "error", err.Error())
	} else if last, err := c.api.StopLists.Load(c.ctx, list.ID); err == nil {
		c.await(last.Position)
	}
	c.reply()
	return nil
}

// stoppable are the orders that are not stopped yet. One that never can be is refused, and named.
func (c *call) stoppable(numbers []string) (open []string, err error) {
	for _, number := range numbers {
		if !hospital.IsNumber(number) {
			return nil, unknownOrder(number)
		}
		found, err := c.api.Orders.Load(c.ctx, number)
		if err != nil {
			return nil, err
		}
		if !found.State.Placed() {
			return nil, unknownOrder(number)
		}
		if found.State.Hospital != c.hospital.Code {
			return nil, notAllowed(fmt.Sprintf("orderList：%s 不是本医院的订单", number))
		}
		stop := hospital.Stop{Hospital: c.hospital.Code, At: c.at}
		events, err := hospital.Decide(found.State, stop)
		if err != nil {
			return nil, c.inState(err, found, stop, "停诊")
		}
		if len(events) == 0 {
			c.await(found.Position)
			continue
		}
		open = append(open, number)
	}
	return open, nil
}

// stopWorkers is how many orders of one list are stopped at once.
const stopWorkers = 32

// PerformStop goes on with a list of registrations to be stopped. It may be called again, and by several servers at
// once: an order that is stopped is left as it is.
func (a *API) PerformStop(ctx context.Context, id string) error {
	list, err := a.StopLists.Load(ctx, id)
	if err != nil || list.State.ID == "" || list.State.Done {
		return err
	}
	var mu sync.Mutex
	var skipped []string
	work, each := errgroup.WithContext(ctx)
	work.SetLimit(stopWorkers)
	for _, number := range list.State.Orders {
		work.Go(func() error {
			stopped, err := a.stop(each, list.State, number)
			if err == nil && !stopped {
				mu.Lock()
				defer mu.Unlock()
				skipped = append(skipped, number)
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	slices.Sort(skipped)
	finish := stoplist.Finish{Skipped: skipped, At: a.now()}
	_, err = a.StopLists.Execute(ctx, id, a.stopCall(list.State, "finish"), finish)
	return err
}

// stop stops one order of a list; one that has moved on since it was looked at is left, and told of.
func (a *API) stop(ctx context.Context, list stoplist.List, number string) (stopped bool, err error) {
	found, err := a.Orders.Load(ctx, number)
	if err != nil || found.State.Status == hospital.Stopped {
		return err == nil, err
	}
	serial, err := a.Serials.Next(ctx)
	if err != nil {
		return false, err
	}
	now := a.now()
	command := hospital.Stop{Hospital: list.Hospital, At: now,
		RefundNo: hospital.Number(found.State.Platform, hospital.ForStop, found.State.Kind, now, serial)}
	call := a.stopCall(list, number)
	_, err = a.Orders.Execute(ctx, number, call, command)
	var fault *domain.Fault
	if errors.As(err, &fault) {
		a.Refusals.Record(ctx, call, a.Orders.Stream(number), command, err)
		a.Logger.Warn("an order could not be stopped any more", "list", list.ID, "order", number, "error", fault.Error())
		return false, nil
	}
	return err == nil, err
}

// stopSpace makes the ids of the calls below; it never changes, or an order could be stopped twice.
var stopSpace = uuid.MustParse("2d0a3b1e-7c54-4a6f-9d3a-5a0b7f6e9c44")

// stopCall is the same for the same step of a list, so that the step is taken once.
func (a *API) stopCall(list stoplist.List, step string) decider.Call {
	id := uuid.NewSHA1(stopSpace, []byte(list.ID+"/"+step))
	return decider.Call{ID: id, Actor: "hospital:" + list.Hospital, Correlation: list.ID, Causation: list.ID, At: a.now()}
}
