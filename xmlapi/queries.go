package xmlapi

import (
	"iter"
	"net/http"

	"orderengine/domain/hospital"
	"orderengine/eventstore"
	"orderengine/projections"
)

// ordersQuery is 订单查询 (2.3), by the time of the payment.
func (c *call) ordersQuery() error {
	p := &c.params
	q := projections.TradeQuery{
		Hospital: c.hospital.Code,
		Kind:     hospital.Kind(p.choice("orderMode", 0, len(hospital.Kinds), 0)),
		Platform: hospital.Platform(p.choice("regMode", 0, len(hospital.Platforms), 0)),
		Mode:     hospital.TradeMode(p.must("tradeMode", 0, len(hospital.TradeModes))),
		From:     p.time("startTime"),
		To:       p.time("endTime"),
	}
	p.ordered("startTime", "endTime", q.From, q.To)
	if p.err != nil {
		return p.err
	}
	return c.stream(projections.TradeFields, c.orders().Trades(c.client, q))
}

// regOrdersQuery is 挂号订单查询 (2.4), by the day of the visit.
func (c *call) regOrdersQuery() error {
	p := &c.params
	code := p.required("hospitalCode", maxNumber)
	q := projections.VisitQuery{
		Hospital: c.hospital.Code,
		Branch:   p.optional("branchCode", maxNumber, ""),
		RegType:  hospital.RegType(p.must("regType", 0, len(hospital.RegTypes))),
		Mode:     hospital.TradeMode(p.must("tradeMode", 0, len(hospital.TradeModes))),
		From:     p.date("startDate"),
		To:       p.date("endDate"),
	}
	p.ordered("startDate", "endDate", q.From, q.To)
	if p.err == nil && code != c.hospital.Code {
		p.wrong("hospitalCode", "%s，与密钥所属医院不符", cut(code))
	}
	if p.err != nil {
		return p.err
	}
	names := map[string]string{}
	for _, b := range c.hospital.Branches {
		names[b.Code] = b.Name
	}
	visits := c.orders().Visits(c.client, q)
	return c.stream(projections.VisitFields, func(yield func([]string, error) bool) {
		for row, err := range visits {
			if err == nil {
				row[1] = names[row[0]]
			}
			if !yield(row, err) {
				return
			}
		}
	})
}

func (c *call) orders() projections.HospitalOrders {
	return projections.HospitalOrders{Views: c.api.Views}
}

// How many events one eventsReplay gives.
const (
	replayDefault = 100
	replayMost    = 1000
)

// eventsReplay gives the hospital's refund and stop events after a position (the notes' Methods); 0 is the beginning.
func (c *call) eventsReplay() error {
	p := &c.params
	position := p.optional("position", maxNumber, "0")
	after, err := eventstore.ParsePosition(position)
	if err != nil {
		p.wrong("position", msgPosition, position)
	}
	limit := p.choice("limit", 1, replayMost, replayDefault)
	if p.err != nil {
		return p.err
	}
	events, err := c.orders().Events(c.client, c.hospital.Code, after, limit)
	if err != nil {
		return err
	}
	if len(events) == 0 && c.beyondLog(after) {
		p.wrong("position", msgPosition, position)
		return p.err
	}
	return c.stream(projections.HospitalEventFields, func(yield func([]string, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	})
}

const msgPosition = "%s，须为前一次应答中的 position，或 0"

// beyondLog says that a position is none of the log's: who waits behind it, as with one of a log that was moved, would
// wait for ever. While the log cannot be asked, what the views hold is answered.
func (c *call) beyondLog(at eventstore.Position) bool {
	head, err := c.api.Head(c.client)
	return err == nil && head.Before(at)
}

// stream answers with rows, as they are read. The result code comes before the first of them, so an error later cuts
// the reply off, and the client sees that it is not whole.
func (c *call) stream(names []string, rows iter.Seq2[[]string, error]) error {
	var out interface {
		Write(values []string) error
		Close() error
	}
	for row, err := range rows {
		if err == nil && out == nil {
			out = c.request.Rows(c.w, c.hospital.ItemTag, names)
		}
		if err == nil {
			err = out.Write(row)
		}
		if err != nil && out == nil {
			return err
		}
		if err != nil {
			c.api.Logger.Warn("a reply was cut off", "request", c.id(), "error", err.Error())
			panic(http.ErrAbortHandler)
		}
	}
	if out == nil {
		return nothingFound("未查询到记录")
	}
	if err := out.Close(); err != nil {
		c.api.gone(err)
	}
	return nil
}
