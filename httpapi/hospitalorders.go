package httpapi

import (
	"context"
	"net/http"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/eventstore/decider"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// The deciders of hospital orders, and of the hospitals they are of.
type (
	HospitalOrders = decider.Decider[hospital.Order, hospital.Command, hospital.Event]
	Institutions   = decider.Decider[institution.Hospital, institution.Command, institution.Event]
)

var (
	msgNoHospital     = drf.NewMessage("There is no hospital {code}.", "没有代码为 {code} 的医院。")
	msgNoBranch       = drf.NewMessage("The hospital has no branch {code}.", "该医院没有代码为 {code} 的分院。")
	msgNumberSpaces   = drf.NewMessage("A number has no spaces.", "编号不能含有空白或控制字符。")
	msgInvalidDate    = drf.NewMessage("Date has wrong format. Use YYYY-MM-DD.", "日期格式错误。请使用 YYYY-MM-DD。")
	msgRegistration   = drf.NewMessage("Only a registration has this.", "仅挂号订单有此字段。")
	msgHisNumberTaken = drf.NewMessage("This number stands for another order.", "该编号已用于另一笔订单。")
)

func ints[T ~int](choices []T) []int {
	plain := make([]int, len(choices))
	for i, c := range choices {
		plain[i] = int(c)
	}
	return plain
}

// terms reads what a hospital order is about (the notes' Hospital orders).
func (c *call) terms(ctx context.Context, f *drf.Fields) (hospital.Terms, error) {
	t := hospital.Terms{
		Hospital:   f.String("hospital", drf.MaxLength(hospital.MaxForeign)),
		Branch:     f.String("branch", drf.Optional, drf.AllowNull, drf.AllowBlank, drf.MaxLength(hospital.MaxForeign)),
		Kind:       hospital.Kind(f.IntChoice("kind", ints(hospital.Kinds))),
		Amount:     domain.Fen(f.Int("amount", drf.Between(0, int64(domain.MaxFen)))),
		HisOrderNo: number(f, "his_order_no"),
		Platform:   hospital.Platform(f.IntChoice("platform", ints(hospital.Platforms))),
	}
	if f.OK("kind") && t.Kind == hospital.Registration {
		t.RegType = hospital.RegType(f.IntChoice("reg_type", ints(hospital.RegTypes)))
		t.BookDate = date(f, "book_date")
		t.Department = f.String("department", drf.Optional, drf.AllowNull, drf.AllowBlank, drf.MaxLength(maxName))
		t.Doctor = f.String("doctor", drf.Optional, drf.AllowNull, drf.AllowBlank, drf.MaxLength(maxName))
	} else if f.OK("kind") {
		for _, field := range []string{"reg_type", "book_date", "department", "doctor"} {
			if f.String(field, drf.Optional, drf.AllowNull, drf.AllowBlank) != "" {
				f.Add(field, msgRegistration)
			}
		}
	}
	return t, c.knownHospital(ctx, f, t)
}

func number(f *drf.Fields, field string, options ...drf.Option) string {
	text := f.String(field, append(options, drf.MaxLength(hospital.MaxForeign))...)
	if len(text) > hospital.MaxForeignBytes {
		f.Add(field, drf.MsgMaxBytes, hospital.MaxForeignBytes)
	} else if text != "" && !hospital.ForeignPattern.MatchString(text) {
		f.Add(field, msgNumberSpaces)
	}
	return text
}

func date(f *drf.Fields, field string) string {
	text := f.String(field)
	if at, ok := hospital.ParseDate(text); f.OK(field) && (!ok || !hospital.Plausible(at)) {
		f.Add(field, msgInvalidDate)
	}
	return text
}

func (c *call) knownHospital(ctx context.Context, f *drf.Fields, t hospital.Terms) error {
	if !f.OK("hospital") {
		return nil
	}
	known, err := c.api.Hospitals.Load(ctx, t.Hospital)
	if err != nil {
		return err
	}
	if !known.State.Registered() {
		f.Add("hospital", msgNoHospital, t.Hospital)
		return nil
	}
	if _, ok := known.State.Branch(t.Branch); t.Branch != "" && !ok {
		f.Add("branch", msgNoBranch, t.Branch)
	}
	return nil
}

// createHospitalOrder makes an order, or gives the one that the hospital's number stands for already.
func (c *call) createHospitalOrder() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	t, err := c.terms(ctx, f)
	if err != nil {
		return reply{}, err
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	// A key stands for this request even if the order is there. It keeps no serial: the hospital's number leads to ours.
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	t.Patient, t.At = c.actor, op.at
	if before, ok, err := c.hisOrder(ctx, t); ok || err != nil {
		return c.alreadyThere(before, t, err)
	}
	serial, err := c.api.Sequences.Hospital.Next(ctx)
	if err != nil {
		return reply{}, err
	}
	if t.Number, err = c.hospitalNumber(ctx, t, serial, c.caller(op.id, op.at)); err != nil {
		return reply{}, err
	}
	placed, err := c.api.HospitalOrders.Execute(ctx, t.Number, c.caller(op.id, op.at), hospital.Place{Terms: t})
	if domain.IsRefused(err, domain.AlreadyExists) {
		before, err := c.api.HospitalOrders.Load(ctx, t.Number)
		return c.alreadyThere(before, t, err)
	}
	if err != nil {
		return reply{}, err
	}
	c.await(placed.Position)
	return reply{http.StatusCreated, c.api.renderHospitalOrder(placed.State)}, nil
}

// hisOrder is the order that a hospital's number stands for; ok is false if there is none.
func (c *call) hisOrder(ctx context.Context, t hospital.Terms) (o decider.Result[hospital.Order], ok bool, err error) {
	known, err := c.api.HisOrders.Load(ctx, link.HisID(t.Hospital, t.HisOrderNo))
	if err != nil || known.State.To == "" {
		return o, false, err
	}
	o, err = c.api.HospitalOrders.Load(ctx, known.State.To)
	return o, o.State.Placed(), err
}

// alreadyThere answers with the order that is there, if it is about the same.
func (c *call) alreadyThere(before decider.Result[hospital.Order], t hospital.Terms, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	if !before.State.Same(t) {
		return reply{}, drf.FieldInvalid("his_order_no", msgHisNumberTaken)
	}
	c.await(before.Position)
	return reply{http.StatusOK, c.api.renderHospitalOrder(before.State)}, nil
}

// hospitalNumber gives a new order's number, for ever the same for one number of the hospital's.
func (c *call) hospitalNumber(ctx context.Context, t hospital.Terms, serial int64, call decider.Call) (string, error) {
	const tries = 3 // a day whose serials have come round is full
	for range tries {
		number := hospital.Number(t.Platform, hospital.ForPayment, t.Kind, t.At, serial)
		other, err := c.api.HospitalOrders.Load(ctx, number)
		if err != nil {
			return "", err
		}
		if !other.State.Placed() || other.State.Hospital == t.Hospital && other.State.HisOrderNo == t.HisOrderNo {
			return c.linked(ctx, t, number, call)
		}
		if serial, err = c.api.Sequences.Hospital.Next(ctx); err != nil {
			return "", err
		}
	}
	return "", domain.RefuseField(domain.Invalid, "his_order_no", "no more orders of this kind can be numbered today")
}

// linked leads the hospital's number to ours, or gives the one that it leads to already.
func (c *call) linked(ctx context.Context, t hospital.Terms, number string, call decider.Call) (string, error) {
	id := link.HisID(t.Hospital, t.HisOrderNo)
	made, err := c.api.HisOrders.Execute(ctx, id, call.Step("link"), link.Command{To: number})
	if domain.IsRefused(err, domain.AlreadyExists) {
		made, err = c.api.HisOrders.Load(ctx, id)
	}
	return made.State.To, err
}

// hospitalOrderDetail shows the caller's own order.
func (c *call) hospitalOrderDetail() (reply, error) {
	o, ok, err := c.hospitalOrders().Get(c.ctx(), c.echo.Param("number"))
	if err != nil {
		return reply{}, err
	}
	if !ok || o.Patient != c.actor {
		return reply{}, drf.NotFound()
	}
	return reply{http.StatusOK, c.api.renderHospitalOrder(o)}, nil
}

func (c *call) hospitalOrders() projections.HospitalOrders {
	return projections.HospitalOrders{Views: c.api.Views}
}

// listHospitalOrders lists the caller's orders, the newest first.
func (c *call) listHospitalOrders() (reply, error) {
	f := drf.QueryData(c.query).Fields()
	chosen := hospital.Status(f.IntChoice("status", ints(hospital.Statuses), drf.Default(anyStatus)))
	kind := hospital.Kind(f.IntChoice("kind", ints(hospital.Kinds), drf.Optional))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	status := &chosen
	if chosen == anyStatus {
		status = nil
	}
	of := func(ctx context.Context, w projections.Window) ([]hospital.Order, int, error) {
		return c.hospitalOrders().Of(ctx, c.actor, status, kind, w)
	}
	return page(c, paging, of, func(_ context.Context, orders []hospital.Order) ([]hospitalOrderJSON, error) {
		rows := make([]hospitalOrderJSON, len(orders))
		for i, o := range orders {
			rows[i] = c.api.renderHospitalOrder(o)
		}
		return rows, nil
	})
}

// cancelHospitalOrder gives up an unpaid order.
func (c *call) cancelHospitalOrder() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	cancelled, err := c.executeHospital(ctx, op, hospital.Cancel{By: c.actor, At: op.at})
	if err != nil {
		return reply{}, err
	}
	c.await(cancelled.Position)
	return reply{http.StatusOK, c.api.renderHospitalOrder(cancelled.State)}, nil
}

// executeHospital runs a command on the order in the path.
func (c *call) executeHospital(ctx context.Context, op operation, command hospital.Command) (decider.Result[hospital.Order], error) {
	return execute(ctx, c, c.api.HospitalOrders, hospital.IsNumber, c.echo.Param("number"), op, command)
}

// payHospitalOrder pays from the wallet at once, or has the platform make a charge.
func (c *call) payHospitalOrder() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	mode := hospital.TradeMode(f.IntChoice("trade_mode", ints(hospital.TradeModes)))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	number := c.echo.Param("number")
	request := hospital.RequestPayment{By: c.actor, Mode: mode, ClientIP: c.echo.RealIP(), At: c.now()}
	if err := rehearse(ctx, c, c.api.HospitalOrders, hospital.IsNumber, hospital.Decide, number, hospital.Command(request)); err != nil {
		return reply{}, err
	}
	if err := c.affordable(ctx, number, mode.Channel(), request); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, nil)
	if err != nil {
		return reply{}, err
	}
	request.Attempt, request.At = op.id.String(), op.at
	order, err := c.executeHospital(ctx, op, request)
	if err != nil {
		return reply{}, err
	}
	return c.paid(ctx, order.State.Bill(), order.Position, mode.Channel())
}
