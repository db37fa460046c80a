package httpapi

import (
	"encoding/csv"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/domain/hospital"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

var msgInvalidDay = drf.NewMessage("Date has wrong format. Use YYYY-MM-DD.", "日期格式错误。请使用 YYYY-MM-DD。")

// auditTrades streams a hospital's payments and refunds of orders that were paid on ?day=, as CSV: the rows of
// ordersQuery under their names. An error after the first row cuts the reply off.
func (c *call) auditTrades() (reply, error) {
	h, err := c.institution(c.ctx())
	if err != nil {
		return reply{}, err
	}
	f := drf.QueryData(c.query).Fields()
	text := f.String("day")
	day, err := time.ParseInLocation(hospital.DateLayout, text, hospital.Zone)
	if err != nil && f.OK("day") {
		f.Add("day", msgInvalidDay)
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	q := projections.TradeQuery{Hospital: h.State.Code, From: day, To: day.Add(24*time.Hour - time.Second)}
	// Views that cannot be read now are told of while there is a status to tell it with.
	if _, err := c.api.Views.Get(c.ctx(), "hospital-"+h.State.Code); err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, streamed(func(w *echo.Response) error { return c.streamTrades(w, q) })}, nil
}

func (c *call) streamTrades(w *echo.Response, q projections.TradeQuery) error {
	control := http.NewResponseController(w.Writer)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := csv.NewWriter(w)
	err := out.Write(projections.TradeFields)
	n := 0
	for row, failed := range (projections.HospitalOrders{Views: c.api.Views}).Trades(c.ctx(), q) {
		if err == nil {
			err = failed
		}
		if err != nil {
			break
		}
		if n%1000 == 0 {
			_ = control.SetWriteDeadline(time.Now().Add(replayStall)) // servers under a test have none to move
		}
		n++
		err = out.Write(row)
	}
	out.Flush()
	if err != nil || out.Error() != nil {
		c.api.Logger.Warn("a list of trades was cut off", "request", c.request)
		panic(http.ErrAbortHandler)
	}
	return nil
}
