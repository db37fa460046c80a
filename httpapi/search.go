package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/link"
	"orderengine/domain/qa"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

var (
	msgUnknownParameter = drf.NewMessage("There is no such parameter.", "没有此参数。")
	msgInvalidNumber    = drf.NewMessage("An order's number has 26 digits, a hospital order's 19.", "问答订单编号为 26 位数字，医院订单编号为 19 位数字。")
	msgInvalidCursor    = drf.NewMessage("This is no place of a search: follow the link that a reply had.", "不是搜索的位置：请使用应答中的链接。")
)

// foundJSON is an order of either kind as a search shows it; amounts are in fen.
type foundJSON struct {
	OrderNo    string     `json:"order_no"`
	Kind       string     `json:"kind"`
	State      string     `json:"state"`
	Patient    string     `json:"patient"`
	Doctor     string     `json:"doctor"`
	Hospital   string     `json:"hospital"`
	HisOrderNo string     `json:"his_order_no"`
	ChannelNos []string   `json:"channel_nos"`
	Amount     domain.Fen `json:"amount"`
	Paid       domain.Fen `json:"paid"`
	Refunded   domain.Fen `json:"refunded"` // what is on its way back included
	CreateTime time.Time  `json:"create_time"`
}

// foundPageJSON is a page of a search. Next leads on; a page may be short, or empty, though others follow.
type foundPageJSON struct {
	Next    *string     `json:"next"`
	Results []foundJSON `json:"results"`
}

// searchFields are all parameters of a search.
var searchFields = []string{"number", "user", "hospital", "his_order_no", "channel_no", "from", "to", "state", "kind", "page_size", "cursor"}

// auditOrders finds orders of both kinds by all that is asked for together, those placed first before the others.
func (c *call) auditOrders() (reply, error) {
	f := drf.QueryData(c.query).Fields()
	ask := projections.Search{
		User:       f.String("user", drf.Optional),
		Hospital:   f.String("hospital", drf.Optional),
		HisOrderNo: f.String("his_order_no", drf.Optional),
		ChannelNo:  f.String("channel_no", drf.Optional),
		From:       searchTime(f, "from"),
		To:         searchTime(f, "to"),
		State:      f.Choice("state", projections.SearchStates(), drf.Optional),
		Kind:       f.Choice("kind", projections.SearchKinds(), drf.Optional),
	}
	if number := f.String("number", drf.Optional); number != "" {
		ask.Numbers = []string{number}
		if !qa.IsNumber(number) && !hospital.IsNumber(number) {
			f.Add("number", msgInvalidNumber)
		}
	}
	if f.OK("to") && !ask.To.IsZero() && ask.To.Before(ask.From) {
		f.Add("to", msgBackwards)
	}
	size := int(f.Int("page_size", drf.Default(paging.Size), drf.Between(1, int64(paging.Max))))
	cursor := f.String("cursor", drf.Optional)
	if cursor != "" && !projections.SearchPlace.MatchString(cursor) {
		f.Add("cursor", msgInvalidCursor)
	}
	c.onlyParameters(f, searchFields...)
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	if ask.HisOrderNo != "" && ask.Numbers == nil {
		var err error
		if ask.Numbers, err = c.hisOrders(c.ctx(), ask.Hospital, ask.HisOrderNo); err != nil {
			return reply{}, err
		}
	}
	found, next, err := projections.Searches{Views: c.api.Views}.Page(c.ctx(), ask, cursor, size)
	return reply{http.StatusOK, c.renderFound(found, next)}, err
}

// rfc3339 reads a time. In a query the plus of its offset means a space unless it is written as %2B, which nobody does.
func rfc3339(text string) (time.Time, error) {
	return time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
}

func searchTime(f *drf.Fields, name string) time.Time {
	text := f.String(name, drf.Optional)
	if text == "" {
		return time.Time{}
	}
	t, err := rfc3339(text)
	if err != nil {
		f.Add(name, msgInvalidAt)
	}
	return t
}

// onlyParameters refuses parameters that are none: who misspells one would get more than was asked for, and not know it.
func (c *call) onlyParameters(f *drf.Fields, known ...string) {
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if !slices.Contains(known, name) {
			f.Add(name, msgUnknownParameter)
		}
	}
}

// hisOrders are our numbers of the orders that a hospital, or any, calls by a number of its own.
func (c *call) hisOrders(ctx context.Context, code, hisNo string) ([]string, error) {
	codes := []string{code}
	if code == "" {
		var err error
		if codes, err = c.hospitals().Codes(ctx); err != nil {
			return nil, err
		}
	}
	numbers := []string{}
	for _, code := range codes {
		known, err := c.api.HisOrders.Load(ctx, link.HisID(code, hisNo))
		if err != nil {
			return nil, err
		}
		if known.State.To != "" {
			numbers = append(numbers, known.State.To)
		}
	}
	return numbers, nil
}

func (c *call) renderFound(found []projections.FoundOrder, next string) foundPageJSON {
	page := foundPageJSON{Results: make([]foundJSON, len(found))}
	for i, o := range found {
		page.Results[i] = foundJSON{OrderNo: o.Number, Kind: o.Kind, State: o.State, Patient: o.Patient, Doctor: o.Doctor, Hospital: o.Hospital,
			HisOrderNo: o.HisOrderNo, ChannelNos: append([]string{}, o.ChannelNos...), Amount: o.Amount, Paid: o.Paid, Refunded: o.Refunded, CreateTime: o.At.UTC()}
	}
	if next != "" {
		link := drf.NextLink(c.echo.Request(), "cursor", next)
		page.Next = &link
	}
	return page
}
