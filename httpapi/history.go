package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/domain/refusal"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/drf"
)

var (
	msgAtOrRevision = drf.NewMessage("Give a time or a revision, not both.", "at 与 revision 只能给一个。")
	msgNoRevision   = drf.NewMessage("There is no such order, or it has no such revision yet.", "没有该订单，或其尚无此 revision。")
	msgNotPlacedYet = drf.NewMessage("There is no such order, or it was not placed yet at that time.", "没有该订单，或其当时尚未创建。")
	msgInvalidAt    = drf.NewMessage("Time has wrong format. Use RFC 3339, as 2026-12-01T08:00:00+08:00.", "时间格式错误。请使用 RFC 3339，如 2026-12-01T08:00:00+08:00。")
)

// historyJSON is all that happened to an order. Times are RFC 3339 in UTC, amounts in fen.
type historyJSON struct {
	OrderNo string           `json:"order_no"`
	Events  []historyRowJSON `json:"events"`
	// Refused are the commands that the order refused, in their order.
	Refused []refusedJSON `json:"refused"`
}

type refusedJSON struct {
	Position string `json:"position"`
	refusal.Refusal
	row historyRowJSON // its event, as a sheet shows it
}

type historyRowJSON struct {
	Revision    eventstore.Revision `json:"revision"`
	Position    string              `json:"position"`
	EventID     string              `json:"event_id"`
	Type        string              `json:"type"`
	Recorded    time.Time           `json:"recorded"` // by the log
	Occurred    time.Time           `json:"occurred"`
	Actor       string              `json:"actor"`
	Correlation string              `json:"correlation"` // the request that set it in motion
	Causation   string              `json:"causation"`
	Command     string              `json:"command"`
	Before      *string             `json:"state_before"` // null before the first event
	After       string              `json:"state_after"`
	Paid        domain.Fen          `json:"paid"`     // after the event
	Refunded    domain.Fen          `json:"refunded"` // of that: what went back, or is on its way
	Data        json.RawMessage     `json:"data"`     // as stored
	// Text is the text about the patient that is sealed in data; null if it was erased.
	Text json.RawMessage `json:"text,omitempty"`

	position eventstore.Position
}

// rowOf tells of an event all that can be told of it alone.
func rowOf(e eventstore.Recorded) (historyRowJSON, error) {
	meta, err := eventstore.DecodeMetadata(e.Metadata)
	return historyRowJSON{Revision: e.Revision, Position: e.Position.String(), EventID: e.ID.String(), Type: e.Type, Recorded: e.Time,
		Occurred: meta.Occurred.UTC(), Actor: meta.Actor, Correlation: meta.Correlation, Causation: meta.Causation,
		Command: meta.Command.String(), Data: e.Data, position: e.Position}, err
}

// auditHistory is every event of an order, as JSON or, by Accept, as CSV; with ?revision= or ?at= it is the order as its
// detail showed it then.
func (c *call) auditHistory() (reply, error) {
	number := c.echo.Param("number")
	until, asked, err := c.until()
	if err != nil {
		return reply{}, err
	}
	if asked {
		return c.detailThen(number, until)
	}
	var rows []historyRowJSON
	switch {
	case qa.IsNumber(number):
		rows, err = historyOf(c.ctx(), c.api.Streams, orderStream(number), qa.Codec, qa.Evolve, func(o qa.Order) (string, payment.Ledger) {
			return o.Status.String(), o.Ledger
		}, c.textOf)
	case hospital.IsNumber(number):
		rows, err = historyOf(c.ctx(), c.api.Streams, orderStream(number), hospital.Codec, hospital.Evolve, func(o hospital.Order) (string, payment.Ledger) {
			return o.Status.String(), o.Ledger
		}, func(hospital.Event, hospital.Order) (json.RawMessage, error) { return nil, nil })
	}
	if err != nil {
		return reply{}, err
	}
	if len(rows) == 0 {
		return reply{}, drf.NotFound()
	}
	refused, err := c.refusedBy(number)
	if err != nil {
		return reply{}, err
	}
	if strings.Contains(c.echo.Request().Header.Get("Accept"), "text/csv") {
		return historyCSV(rows, refused)
	}
	return reply{http.StatusOK, historyJSON{number, rows, refused}}, nil
}

// textOf is the text that an event of a Q&A order holds: null if it was erased or cannot be read, nothing if there is none.
func (c *call) textOf(e qa.Event, after qa.Order) (json.RawMessage, error) {
	purpose, sealed := qa.TextOf(e, after.Number)
	if sealed == nil {
		return nil, nil
	}
	who, err := c.api.Accounts.People(c.ctx(), after.Patient)
	if err != nil {
		return nil, err
	}
	text, _, err := c.open(who[after.Patient], purpose, sealed)
	if text == "" {
		text = "null"
	}
	return json.RawMessage(text), err
}

// eventsOf are a stream's events but for the store's own.
func eventsOf(ctx context.Context, streams eventstore.StreamReader, stream string) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for e, err := range streams.ReadStream(ctx, stream, 0) {
			if (err != nil || !e.IsSystem()) && !yield(e, err) {
				return
			}
		}
	}
}

// refusedBy are the commands that an order refused.
func (c *call) refusedBy(number string) ([]refusedJSON, error) {
	refused := []refusedJSON{}
	for recorded, err := range eventsOf(c.ctx(), c.api.Streams, refusalPrefix+orderStream(number)) {
		if err != nil {
			return nil, err
		}
		event, err := decider.Decode(refusal.Codec.Decode, recorded)
		if err != nil {
			return nil, err
		}
		row, err := rowOf(recorded)
		if err != nil {
			return nil, err
		}
		if e, ok := event.(refusal.CommandRefused); ok {
			refused = append(refused, refusedJSON{row.Position, e.Refusal, row})
		}
	}
	return refused, nil
}

// moment says which events had happened.
type moment func(e eventstore.Recorded) bool

// until reads ?revision= and ?at=; asked is false if neither is given.
func (c *call) until() (until moment, asked bool, err error) {
	f := drf.QueryData(c.query).Fields()
	c.onlyParameters(f, "revision", "at")
	if err := f.Err(); err != nil {
		return nil, false, err
	}
	revision, at := c.query.Has("revision"), c.query.Has("at")
	switch {
	case revision && at:
		return nil, false, drf.FieldInvalid("at", msgAtOrRevision)
	case revision:
		n, err := strconv.ParseInt(c.query.Get("revision"), 10, 64)
		if err != nil || n < 0 {
			return nil, false, drf.FieldInvalid("revision", drf.MsgInvalidInteger)
		}
		return c.asOfRevision(eventstore.Revision(n))
	case at:
		then, err := rfc3339(c.query.Get("at"))
		if err != nil {
			return nil, false, drf.FieldInvalid("at", msgInvalidAt)
		}
		return func(e eventstore.Recorded) bool { return !e.Time.After(then) }, true, nil
	}
	return nil, false, nil
}

// asOfRevision is the moment right after a revision of the order in the path; one that it does not have yet is not found.
func (c *call) asOfRevision(n eventstore.Revision) (moment, bool, error) {
	stream := orderStream(c.echo.Param("number"))
	if stream == "" {
		return nil, false, drf.NotFound()
	}
	for e, err := range c.api.Streams.ReadStream(c.ctx(), stream, n) {
		if err != nil {
			return nil, false, err
		}
		return func(other eventstore.Recorded) bool { return !e.Position.Before(other.Position) }, true, nil
	}
	return nil, false, drf.NewError(http.StatusNotFound, msgNoRevision)
}

// detailThen is an order's detail as it was at a moment, its people's profiles included.
func (c *call) detailThen(number string, until moment) (reply, error) {
	if hospital.IsNumber(number) {
		o, err := foldUntil(c.ctx(), c.api.Streams, orderStream(number), hospital.Codec, hospital.Evolve, until)
		if err != nil || !o.Placed() {
			return reply{}, orNotPlaced(err)
		}
		return reply{http.StatusOK, c.api.renderHospitalOrder(o)}, nil
	}
	if !qa.IsNumber(number) {
		return reply{}, drf.NotFound()
	}
	o, err := foldUntil(c.ctx(), c.api.Streams, orderStream(number), qa.Codec, qa.Evolve, until)
	if err != nil || !o.Placed() {
		return reply{}, orNotPlaced(err)
	}
	who, err := parties(c.ctx(), c.api.Accounts.People, o)
	if err != nil {
		return reply{}, err
	}
	for name, person := range who { // whether a text may be read is decided by today's privacy
		user, err := foldUntil(c.ctx(), c.api.Streams, c.api.Accounts.Users.Stream(name), account.Codec, account.Evolve, until)
		if err != nil {
			return reply{}, err
		}
		who[name] = account.Person{Profile: user.Profile, Privacy: person.Privacy}
	}
	return written(http.StatusOK, o, who, c.writeOrder), nil
}

func orNotPlaced(err error) error {
	if err == nil {
		return drf.NewError(http.StatusNotFound, msgNotPlacedYet)
	}
	return err
}

// foldUntil folds what had happened to a stream at a moment.
func foldUntil[S, E any](ctx context.Context, streams eventstore.StreamReader, stream string, codec *domain.Codec[E],
	evolve func(S, E) S, until moment) (state S, err error) {
	for recorded, err := range eventsOf(ctx, streams, stream) {
		if err != nil {
			return state, err
		}
		if !until(recorded) {
			break
		}
		event, err := decider.Decode(codec.Decode, recorded)
		if err != nil {
			return state, err
		}
		state = evolve(state, event)
	}
	return state, nil
}

// historyOf tells a stream's events with the state and the money around each.
func historyOf[S, E any](ctx context.Context, streams eventstore.StreamReader, stream string, codec *domain.Codec[E],
	evolve func(S, E) S, look func(S) (status string, money payment.Ledger), text func(E, S) (json.RawMessage, error)) ([]historyRowJSON, error) {
	var rows []historyRowJSON
	var state S
	var before *string
	for recorded, err := range eventsOf(ctx, streams, stream) {
		if err != nil {
			return nil, err
		}
		event, err := decider.Decode(codec.Decode, recorded)
		if err != nil {
			return nil, err
		}
		row, err := rowOf(recorded)
		if err != nil {
			return nil, err
		}
		state = evolve(state, event)
		after, money := look(state)
		row.Before, row.After = before, after
		if row.Text, err = text(event, state); err != nil {
			return nil, err
		}
		if paid := money.Payment(); paid != nil {
			row.Paid, row.Refunded = paid.Amount, paid.Amount-money.Refundable(paid.Ref)
		}
		rows = append(rows, row)
		before = &after
	}
	return rows, nil
}

// historyColumns are those of the CSV, in the order of the JSON's keys.
var historyColumns = []string{"revision", "position", "event_id", "type", "recorded", "occurred", "actor", "correlation", "causation", "command",
	"state_before", "state_after", "paid", "refunded", "data", "text"}

// historyCSV is a sheet of an order's events and of what it refused, in the order of the log.
func historyCSV(rows []historyRowJSON, refused []refusedJSON) (reply, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{historyColumns}
	var last historyRowJSON
	for _, r := range rows {
		for len(refused) > 0 && refused[0].row.position.Before(r.position) {
			lines, refused = append(lines, refused[0].line(last)), refused[1:]
		}
		lines, last = append(lines, r.line()), r
	}
	for _, r := range refused {
		lines = append(lines, r.line(last))
	}
	if err := w.WriteAll(lines); err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, rawBody{"text/csv; charset=utf-8", b.Bytes()}}, nil
}

func (r historyRowJSON) line() []string {
	before := ""
	if r.Before != nil {
		before = *r.Before
	}
	return []string{strconv.FormatInt(int64(r.Revision), 10), r.Position, r.EventID, r.Type,
		r.Recorded.Format(time.RFC3339Nano), r.Occurred.Format(time.RFC3339Nano), plain(r.Actor), plain(r.Correlation), plain(r.Causation), r.Command,
		before, r.After, strconv.FormatInt(int64(r.Paid), 10), strconv.FormatInt(int64(r.Refunded), 10), string(r.Data), string(r.Text)}
}

// plain keeps a spreadsheet from taking a text that others chose, a username or a request's id, for a formula.
func plain(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t", rune(text[0])) {
		return "'" + text
	}
	return text
}

// line leaves the state and the money of the order's last event as they were. There is no revision: the order has no such event.
func (r refusedJSON) line(last historyRowJSON) []string {
	row := r.row
	row.Before, row.After, row.Paid, row.Refunded = &last.After, last.After, last.Paid, last.Refunded
	line := row.line()
	line[0] = ""
	return line
}
