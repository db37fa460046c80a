package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"orderengine/domain/account"
	"orderengine/domain/catalog"
	"orderengine/domain/qa"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// How lists are cut. The document's evaluations come four a page, and its link names the size.
var (
	paging            = drf.Paging{Size: 10, Max: 100}
	evaluationsPaging = drf.Paging{Size: 4, Max: 100, ShowSize: true}
)

// fetch reads a part of a list and says how long the whole list is.
type fetch[T any] func(ctx context.Context, w projections.Window) (rows []T, total int, err error)

// page answers with one page of a list.
func page[T, R any](c *call, p drf.Paging, fetch fetch[T], render func(context.Context, []T) ([]R, error)) (reply, error) {
	rows, is, err := paged(c, p, fetch)
	if err != nil {
		return reply{}, err
	}
	results, err := render(c.ctx(), rows)
	return reply{http.StatusOK, drf.NewListing(c.echo.Request(), is, results)}, err
}

// paged gives the rows of the page that is asked for.
func paged[T any](c *call, p drf.Paging, fetch fetch[T]) (rows []T, is drf.Page, err error) {
	asked, err := p.Parse(c.query)
	if err != nil {
		return nil, is, err
	}
	w := projections.Window{Offset: asked.Offset(), Limit: asked.Size}
	if asked.Last {
		w.Limit = 0 // where the last page is, the total tells
	}
	rows, total, err := fetch(c.ctx(), w)
	if err != nil {
		return nil, is, err
	}
	if is, err = asked.Of(total); err != nil {
		return nil, is, err
	}
	if asked.Last {
		rows, _, err = fetch(c.ctx(), projections.Window{Offset: is.Offset(), Limit: is.Size})
	}
	return rows, is, err
}

func (c *call) orders() projections.Orders { return projections.Orders{Views: c.api.Views} }
func (c *call) users() projections.Users   { return projections.Users{Views: c.api.Views} }

// orderPage answers with one page of orders, each as write shows it.
func (c *call) orderPage(p drf.Paging, fetch fetch[qa.Order], write orderWriter) (reply, error) {
	orders, is, err := paged(c, p, fetch)
	if err != nil {
		return reply{}, err
	}
	who, err := parties(c.ctx(), c.api.People, orders...)
	if err != nil {
		return reply{}, err
	}
	w := drf.NewWriter()
	drf.WriteListing(w, c.echo.Request(), is, orders, func(o qa.Order) { write(w, o, who) })
	return reply{http.StatusOK, w}, nil
}

// side is the position in the path; another one is no such page.
func (c *call) side() (qa.Side, error) {
	switch side := qa.Side(c.echo.Param("position")); side {
	case qa.PatientSide, qa.DoctorSide:
		return side, nil
	default:
		return "", drf.NotFound()
	}
}

// anyStatus is no status: a list has all of them.
const anyStatus = -1

func statuses() []int {
	all := make([]int, len(qa.Statuses))
	for i, s := range qa.Statuses {
		all[i] = int(s)
	}
	return all
}

// listOrders is 根据身份不同获取订单列表(或者过滤status).
func (c *call) listOrders() (reply, error) {
	side, err := c.side()
	if err != nil {
		return reply{}, err
	}
	f := drf.QueryData(c.query).Fields()
	status := f.IntChoice("status", statuses(), drf.Default(anyStatus))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	return c.orderPage(paging, func(ctx context.Context, w projections.Window) ([]qa.Order, int, error) {
		if status != anyStatus {
			return c.orders().InStatus(ctx, side, c.actor, qa.Status(status), w)
		}
		return c.orders().Of(ctx, side, c.actor, w)
	}, c.writeOrder)
}

// listOpenOrders is 获取用户所有的待回答&已回答的所有订单.
func (c *call) listOpenOrders() (reply, error) {
	side, err := c.side()
	if err != nil {
		return reply{}, err
	}
	return c.orderPage(paging, func(ctx context.Context, w projections.Window) ([]qa.Order, int, error) {
		return c.orders().Open(ctx, side, c.actor, w)
	}, c.writeOrder)
}

// filterOrders is 过滤订单列表(暂时废弃).
func (c *call) filterOrders() (reply, error) {
	f := drf.QueryData(c.query).Fields()
	status := f.IntChoice("status", statuses())
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	return c.orderPage(paging, func(ctx context.Context, w projections.Window) ([]qa.Order, int, error) {
		return c.orders().BothSides(ctx, c.actor, qa.Status(status), w)
	}, c.writeOrder)
}

// newestOrder is 根据身份不同获取最新一条订单.
func (c *call) newestOrder() (reply, error) {
	side, err := c.side()
	if err != nil {
		return reply{}, err
	}
	f := drf.QueryData(c.query).Fields()
	other := f.String("username", drf.MaxLength(maxUsername))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	orders, _, err := c.orders().Between(c.ctx(), side, c.actor, other, projections.Window{Limit: 1})
	if err != nil {
		return reply{}, err
	}
	if len(orders) == 0 {
		return reply{}, drf.NotFound()
	}
	return c.orderShown(orders[0], c.writeOrder)
}

// listEvaluations is 获取某一医生的所有评价.
func (c *call) listEvaluations() (reply, error) {
	doctor := c.echo.Param("username")
	if !account.UsernamePattern.MatchString(doctor) {
		return reply{}, drf.NotFound()
	}
	known, err := c.api.People(c.ctx(), doctor)
	if err != nil {
		return reply{}, err
	}
	if len(known) == 0 {
		return reply{}, drf.NotFound()
	}
	return c.orderPage(evaluationsPaging, func(ctx context.Context, w projections.Window) ([]qa.Order, int, error) {
		return c.orders().Evaluated(ctx, doctor, w)
	}, c.writeEvaluation)
}

// listRecords is 获取某一患者的所有记录(医生端).
func (c *call) listRecords() (reply, error) {
	pk, err := strconv.ParseInt(c.echo.Param("pk"), 10, 64)
	if err != nil {
		return reply{}, drf.NotFound()
	}
	patient, err := c.users().ByPK(c.ctx(), pk)
	if err != nil {
		return reply{}, err
	}
	if patient == "" {
		return reply{}, drf.NotFound()
	}
	between := func(ctx context.Context, w projections.Window) ([]qa.Order, int, error) {
		return c.orders().Between(ctx, qa.DoctorSide, c.actor, patient, w)
	}
	return page(c, paging, between, func(_ context.Context, orders []qa.Order) ([]recordJSON, error) {
		rows := make([]recordJSON, len(orders))
		for i, o := range orders {
			rows[i] = recordJSON{PK: o.PK, OrderNumber: o.Number, CreateTime: drf.Time(o.At, c.api.Location)}
		}
		return rows, nil
	})
}

// asIs renders rows that are in the document's form already.
func asIs[T any](_ context.Context, rows []T) ([]T, error) { return rows, nil }

// listTags lists all tags, as made.
func (c *call) listTags() (reply, error) {
	return page(c, paging, projections.Catalog{Views: c.api.Views}.Tags, asIs[catalog.Tag])
}

// listDrugs lists all drugs, as made.
func (c *call) listDrugs() (reply, error) {
	return page(c, paging, projections.Catalog{Views: c.api.Views}.Drugs, asIs[catalog.Drug])
}
